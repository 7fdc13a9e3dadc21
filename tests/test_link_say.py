"What a model says of a site is held against what was found: what is false, unfounded or praise is never shown as fact."
import asyncio, random
import pytest
from link_defects import Shop
from link_site import crawl, room

say, findings = room('telling'), room('findings')

@pytest.fixture(scope='module')
def sick(tmp_path_factory):
    "A site with a missing folder, pages without title, long descriptions and images without alt; 38 dead of 59"
    at, shop = tmp_path_factory.mktemp('sick'), Shop()
    d = shop.docs['/tools/saw/']
    d.links += [(f'/matrix/{i}.html', f'Nothing at {i}') for i in range(38)]
    for p in ('/tools/plane/', '/tools/rasp/'): shop.docs[p].title = None
    shop.docs['/guides/oil/'].description = 'Of oil, at length. '*12
    shop.docs['/guides/wax/'].body = '<img src=/img/saw.png width=1 height=1>'
    with shop.served() as s:
        db = crawl(at/'1.sqlite', s.url + '/')
        room('graph').finish(db), findings.find(db)
    return db

def states(text, db): return [(g['state'], g['facts']) for g in say.check(text, say.facts(db, 12), db)]
def fact(db, kind): return next(f for f in say.facts(db, 12) if f.kind == kind)

def test_the_facts_are_ranked_by_code_and_carry_their_numbers(sick):
    facts = say.facts(sick, 12)
    assert [f.severity for f in facts[1:]] == sorted((f.severity for f in facts[1:]), key=findings.grave.get)
    assert {38, 59} <= fact(sick, 'not_found').counts and 38 in facts[0].counts and '38 (64 %)' in facts[0].text
    assert '38 findings on 38 of 59 pages (64 %)' in fact(sick, 'not_found').text

def test_what_the_small_model_once_said_of_a_site_with_a_third_of_its_links_dead_is_refused(sick):
    for lie in ('The site is well-structured and well-optimized for search engines.', 'Overall, the website has a solid structure.',
                'The SEO of this site looks good.', 'There are no broken links.', 'The crawl found no errors.',
                'There are no major issues with this website.',
                'The site is free of dead links.', 'Everything is in order.', 'No redirects or 404s were found.'):
        assert [s for s, _ in states(lie, sick)] == ['refused'], lie

def test_true_sentences_check_out_and_name_their_facts(sick):
    dead, title, alt = (fact(sick, k).id for k in ('not_found', 'title_missing', 'images_no_alt'))
    for text, ids in ((f'38 pages are not found [{dead}].', [dead]), ('38 of 59 pages answer 404.', [dead]),
                      (f'64 % of the pages are dead [{dead}].', [dead]), (f'More than half of the pages are dead [{dead}].', [dead]),
                      ('2 pages have no title.', [title]), ('2 pages do not have a title.', [title]),
                      (f'The pages are missing a title [{title}].', [title]), ('Two pages have no title.', [title]),
                      (f'One image on 1 page has no alt text [{alt}].', [alt]),
                      ('Redirect the dead addresses with 301 or take the links away.', [dead]),
                      (f'The dead pages are the most serious problem [{dead}].', [dead])):
        (state, got), = states(text, sick)
        assert state == 'checked', (text, say.check(text, say.facts(sick, 12), sick))
        assert got == ids or not text.endswith('].') and got, text

def test_false_ones_are_refused_with_the_reason(sick):
    dead, title, notice = fact(sick, 'not_found').id, fact(sick, 'title_missing').id, fact(sick, 'description_long').id
    for text, why in ((f'427 pages are not found [{dead}].', 'no number 427'), (f'2 pages are not found [{dead}].', 'no number 2 in'),
                      ('40 pages have no title.', 'no fact'), (f'38 pages have no title [{dead}].', 'title: not what'),
                      (f'A third of the pages are dead [{dead}].', 'a third'), (f'All pages are dead [{dead}].', '“all” is not so'),
                      (f'38 % of the pages are dead [{dead}].', 'no percentage 38 %'), ('Hreflang is wrong on many pages.', 'no fact'),
                      ('38 pages are slow.', 'no fact'), (f'The dead links are a minor problem [{dead}].', 'minor'),
                      (f'Long descriptions are a critical problem [{notice}].', 'critical'), ('See [F99].', 'no fact F99'),
                      ('The pages are not dead [%s].' % dead, 'not dead'), ('The pages have titles [%s].' % title, 'something is there'),
                      ('These pages are never too long [%s].' % notice, 'never too'),
                      ('The page /pricing/secret.html is not found.', 'no address'),
                      (f'thirty-nine pages are dead [{dead}].', 'no number thirty-nine')):
        got, = say.check(text, say.facts(sick, 12), sick)
        assert got['state'] == 'refused' and why in got['why'], (text, got)

def test_what_is_said_of_one_page_is_so_of_that_page(sick):
    dead, title = fact(sick, 'not_found'), fact(sick, 'title_missing')
    for text in ('/matrix/3.html is not found.', 'Redirect /matrix/3.html with 301.', '38 pages are not found, for example /matrix/7.html.',
                 '/tools/plane/ has no title.', f'/tools/rasp/ has no title [{title.id}].'):
        assert [s for s, _ in states(text, sick)] == ['checked'], (text, say.check(text, say.facts(sick, 12), sick))
    for text, why in ((f'/tools/plane/ has 38 dead links [{dead.id}].', 'not one of those'), ('/tools/oil/ has no title.', 'no address'),
                      ('/guides/wax/ has no title.', 'no fact'), (f'/guides/wax/ has no title [{title.id}].', 'not one of those'),
                      (f'/matrix/3.html has 38 dead links [{dead.id}].', 'alone'), ('/matrix/3.html has 38 dead links.', 'no fact'),
                      (f'The page /tools/rasp/ is not found [{dead.id}].', 'not one of those')):
        got, = say.check(text, say.facts(sick, 12), sick)
        assert got['state'] == 'refused' and why in got['why'], (text, got)

def test_talk_that_claims_nothing_is_neither(sick):
    assert states('Let me know if you want to hear more!', sick) == [('talk', [])]
    assert states('I would begin at the top.', sick) == [('talk', [])]

def test_a_clean_site_may_be_praised(tmp_path):
    with Shop().served() as s:
        db = crawl(tmp_path/'1.sqlite', s.url + '/')
        room('graph').finish(db), findings.find(db)
    assert len(say.facts(db)) == 1 and say.plain(say.facts(db)).endswith('Nothing was found to be wrong.')
    assert states('The site is well-structured.', db) != [('refused', [])]
    assert [s for s, _ in states('There are 500 dead links.', db)] == ['refused']

def test_code_s_own_sentences_check_out_and_with_another_number_they_do_not(sick):
    "Each fact as the model would repeat it; then with each number moved"
    rng, moved = random.Random(1), 0
    for f in say.facts(sick, 12)[1:]:
        name = f.text.split(' For example')[0]
        assert [s for s, _ in states(f'{name} [{f.id}].', sick)] == ['checked'], name
        for v, percent, _, as_said in say.numbers(name):
            other = int(v) + rng.choice([3, 7, 1000])
            if other in f.counts | f.spare or percent and any(abs(other-p) <= .5 for p in f.percents): continue
            wrong = name.replace(as_said, as_said.replace(f'{int(v):,}', f'{other:,}'), 1)
            if wrong == name: continue
            moved += 1
            assert [s for s, _ in states(f'{wrong} [{f.id}].', sick)] == ['refused'], wrong
    assert moved > 20

def test_numbers_are_read_as_people_write_them():
    read = lambda t: [(v, p) for v, p, _, _ in say.numbers(t)]
    assert read('1,185 pages and 36.5 % of 7 links') == [(1185, False), (36.5, True), (7, False)]
    assert read('twenty-one pages, three hundred and five links, a dozen titles') == [(21, False), (305, False), (12, False)]
    assert read('[F3] https://x.example/2024/5 /p/17 h1') == [] and read('the one that matters') == []
    assert read('thirty percent') == [(30, True)]

def test_of_what_checks_out_only_what_says_something_new_is_shown_and_once(sick):
    facts = say.facts(sick, 12)
    dead = next(f for f in facts if f.kind == 'not_found')
    again, empty, good = (f"For example: {dead.text.partition('For example: ')[2]}", 'The crawl saw 38 findings on 38 of 59 pages (64 %).',
                          'Redirect the 38 dead pages first.')
    got = [dict(text=f'{t} [{dead.id}]', facts=[dead.id])
           for t in (again, good, empty, good.upper())] + [dict(text='In all, 59 pages were seen. [F0]', facts=['F0'])]
    assert say.worth(got, say.plain(facts)) == [good, 'In all, 59 pages were seen.'] and say.worth(got)[0].startswith('For example')

def test_lists_headings_and_late_numbers_of_facts_are_taken_apart():
    assert say.sentences('## What is wrong\n1. **38 pages** are dead. [F1]\n- Two have no title [F2]. See e.g. the saw.\n') == [
        'What is wrong', '38 pages are dead. [F1]', 'Two have no title [F2].', 'See e.g. the saw.']

def test_a_model_is_asked_again_when_nothing_it_said_is_true_and_the_lies_are_named_to_it(sick):
    heard, dead = [], fact(sick, 'not_found').id
    async def ask(text, system=''):
        heard.append(text)
        for piece in ('The site is ', 'well-optimized.') if len(heard) == 1 else ('38 pages are ', f'not found [{dead}]. ',
                'The site is healthy overall. ', 'Shall I go on?'):
            yield piece
    got = asyncio.run(say.explain(sick, ask))
    assert len(heard) == 2 and 'well-optimized' in heard[1] and '[F1]' in heard[0]
    assert got['said'] == [{'text': f'38 pages are not found [{dead}].', 'facts': [dead]}] and got['talk'] == ['Shall I go on?']
    assert {r['text'] for r in got['refused']} == {'The site is well-optimized.', 'The site is healthy overall.'} and '38 of 59' in got['plain']
    async def liar(text, system=''): yield 'A perfect site with no errors.'
    got = asyncio.run(say.explain(sick, liar))
    assert got['said'] == [] and len(got['refused']) == 2 and '38 of 59' in got['plain']

def test_in_the_chat_the_model_is_heard_only_where_it_is_right_and_two_crawls_are_compared(serve, upstream):
    "Through the front door: crawl, explain, crawl again, compare"
    def model(request):
        text = request['messages'][-1]['content']
        return ['The site is well-optimized. ', '1 page has no title [F1]. ', '900 pages are slow [F1].'] if text.startswith('Facts:') else ['Fine.']
    s, shop = serve(env=upstream(model).env), Shop()
    shop.docs['/tools/saw/'].title = None
    said = lambda: [m['text'] for m in s.get('/api/conversation')[1]]
    def crawled():
        run = s.act('link_graph.begin', url=site.url + '/')['result']['run']
        def over():
            steps = {x['step']: x for x in s.act('link_graph.show', run=run)['result']['steps']}
            assert steps['examine']['state'] != 'failed', steps['examine']
            return steps['examine']['state'] == 'done' and steps['examine']['result']
        return s.until(over, 180)
    with shop.served() as site:
        assert s.post('/api/actions/link_graph.explain', {})[0] == 409
        kinds = crawled()['kinds']
        assert [k['kind'] for k in kinds] == ['title_missing'] and (no := s.post('/api/actions/link_graph.changes', {}))[0] == 409, no
        told = s.act('link_graph.explain')['result']
        assert 'No title (error): 1 finding on 1 of 21 pages' in told
        assert any(t == told for t in said()), 'what code says is there at once'
        words = s.until(lambda: next((t for t in said() if t != told and 'no title' in t), None))
        assert words == '1 page has no title.\n(2 more sentences were left out: the findings do not say so.)'
        assert not any('well-optimized' in t or '900' in t for t in said())
        shop.docs['/tools/saw/'].title, shop.docs['/guides/oil/'].description = 'The saw has its title again', None
        site.pages = shop.pages(site.url)
        crawled()
        got = s.act('link_graph.changes')['result']
        assert ({f['kind']: (f['came'], f['went']) for f in got['findings']} == {'title_missing': (0, 1), 'description_missing': (1, 0)}
                and got['pages']['changed'] == 2)
        assert any('No description: 0 before, 1 now' in t for t in said())
