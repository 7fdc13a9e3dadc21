"What a person does with the plugins that ship: Prompts, Roll, Settings, Jobs, How it works."
import shutil, sqlite3, time
import pytest
from playwright.sync_api import expect
from conftest import root
from pianola.schema import migrations

asks = '''"Weather: of one city."
from pianola import P, Page, Secret
class Settings:
    city: str = 'Berlin'
    days: int = 3
    key: Secret = ''
page = Page()
@page
def index(): return P(f'{Settings.days} days in {Settings.city}, {"with" if Settings.key else "without"} a key')
'''
@pytest.fixture
def made(serve, upstream, tmp_path):
    shutil.copytree(root/'prompts', tmp_path/'prompts')
    (tmp_path/'prompts'/'experts').mkdir(exist_ok=True)
    (tmp_path/'prompts'/'experts'/'pirate.md').write_text('You talk like a pirate.')
    shutil.copytree(root/'plugins', tmp_path/'plugins')
    (tmp_path/'plugins'/'95_weather.py').write_text(asks)
    up = upstream(['Aye.'])
    s = serve(plugins=tmp_path/'plugins', prompts=tmp_path/'prompts', env=up.env)
    s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
    s.up, s.prompts = up, tmp_path/'prompts'
    return s
def told(s, page, n):
    "What the model is told when the user says something now"
    page.fill('#msg', f'hello {n}')
    page.press('#msg', 'Enter')
    page.locator('#msg-list > [data-role=assistant][data-status=done]').nth(n-1).wait_for()
    return s.up.asked[-1]['messages'][0]['content']

def test_prompts_are_read_edited_compared_switched_and_taken_back(made, page):
    s = made
    page.goto(s.url + '/prompts')
    page.locator('#prompt-edit select[name=of]').select_option('questions/explain')
    page.locator('#prompt-edit textarea[aria-label="The prompt questions/explain"]').wait_for()
    # what has just come listens a moment later
    page.wait_for_function('() => !document.querySelector(".htmx-added, .htmx-settling, .htmx-swapping")')
    page.locator('#prompt-edit select[name=of]').select_option('system')
    page.locator('#prompt-edit textarea[aria-label="The prompt system"]').wait_for()
    before = (s.prompts/'system.md').read_text('utf-8')
    area = page.locator('#prompt-edit textarea')
    area.fill(before + '\nAlways say please.')
    page.get_by_role('button', name='What would change').click()
    page.locator('#prompt-diff .more', has_text='+Always say please.').wait_for()
    assert (s.prompts/'system.md').read_text('utf-8') == before, 'looking changes nothing'
    page.get_by_role('button', name='Keep').click()
    s.until(lambda: (s.prompts/'system.md').read_text('utf-8').endswith('Always say please.'))
    page.locator('#prompt-edit', has_text='As it was until').wait_for()
    assert 'Always say please.' in told(s, page, 1)
    page.locator('.layers select[name=expert]').select_option('pirate')
    page.locator('.layers li', has_text='experts/pirate').wait_for()
    assert 'You talk like a pirate.' in told(s, page, 2)
    page.locator('.layers li', has_text='experts/pirate').locator('input[type=checkbox]').uncheck()
    s.until(lambda: 'pirate' in (r := s.get('/api/roll?limit=1000')[1])[-1]['args'].get('layer', '') and r)
    assert 'pirate' not in told(s, page, 3)
    page.locator('.layers select[name=expert]').select_option('')
    page.locator('.layers li', has_text='experts/pirate').wait_for(state='detached')
    entry = next(r for r in s.get('/api/roll?limit=1000')[1] if r['action'] == 'prompts.write')
    s.post(f"/api/roll/{entry['id']}/undo")
    s.until(lambda: (s.prompts/'system.md').read_text('utf-8') == before)

def test_taking_a_prompt_back_goes_over_nothing_that_was_written_outside_and_removes_one_that_was_new(serve):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    folder = s.data.parent/f'{s.data.name}-prompts'
    before = (folder/'system.md').read_text('utf-8')
    entry = s.act('prompts.write', name='system', text=before + '\nfrom the page')['id']
    with (folder/'system.md').open('a') as f: f.write('\ntwo hours of work')
    status, said = s.post(f'/api/roll/{entry}/undo')
    assert status == 409 and said['error'] == 'the prompt system was changed outside since'
    time.sleep(.1)
    assert (folder/'system.md').read_text('utf-8') == before + '\nfrom the page\ntwo hours of work'
    (folder/'system.md').write_text(before + '\nfrom the page')
    assert s.post(f'/api/roll/{entry}/undo')[0] == 200
    s.until(lambda: (folder/'system.md').read_text('utf-8') == before)
    entry = s.act('prompts.write', name='experts/fresh', text='You are fresh.')['id']
    back = s.post(f'/api/roll/{entry}/undo')[1]['id']
    s.until(lambda: not (folder/'experts'/'fresh.md').exists())
    assert s.post(f'/api/roll/{back}/undo')[0] == 200
    s.until(lambda: (folder/'experts'/'fresh.md').exists() and (folder/'experts'/'fresh.md').read_text() == 'You are fresh.')

def test_a_prompt_that_another_editor_wrote_is_changed_compared_and_taken_back(serve):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    file = s.data.parent/f'{s.data.name}-prompts'/'system.md'
    file.write_bytes('Sei höflich.\r\nImmer.\r\n'.encode('cp1252'))
    assert 'Sei höflich.\nImmer.' in s.get('/prompts?of=system', HX_Request='true')[1]
    entry = s.act('prompts.write', name='system', text='Sei freundlich.\n')['id']
    assert file.read_text('utf-8') == 'Sei freundlich.\n'
    assert s.post(f'/api/roll/{entry}/undo')[0] == 200
    s.until(lambda: file.read_text('utf-8') == 'Sei höflich.\nImmer.\n')

def test_what_is_half_written_in_a_prompt_is_not_lost_when_something_else_changes(made, page):
    s = made
    page.goto(s.url + '/prompts')
    page.locator('#prompt-edit textarea').fill('half a thought')
    s.act('prompts.use', expert='pirate')
    page.locator('.layers li', has_text='experts/pirate').wait_for()
    assert page.locator('#prompt-edit textarea').input_value() == 'half a thought'

def test_the_editor_stays_on_its_prompt_and_says_when_that_was_changed_elsewhere(made, page):
    s = made
    page.goto(s.url + '/prompts')
    page.locator('#prompt-edit select[name=of]').select_option('questions/explain')
    area = page.locator('#prompt-edit textarea[aria-label="The prompt questions/explain"]')
    area.fill('half a thought')
    (s.prompts/'system.md').write_text('Another one altogether.', 'utf-8')
    page.locator('.layers li', has_text='system').filter(has_text='23 characters').wait_for()
    assert area.input_value() == 'half a thought' and not page.locator('.outside').is_visible(), 'it was another prompt'
    (s.prompts/'questions'/'explain.md').write_text('Explain it like that.', 'utf-8')
    page.locator('.outside').wait_for()
    assert area.input_value() == 'half a thought'
    page.get_by_role('button', name='Take the new one').click()
    expect(area).to_have_value('Explain it like that.')
    area.fill('Explain it like this.')
    page.get_by_role('button', name='Keep').click()
    page.locator('#prompt-edit', has_text='As it was until').wait_for()
    expect(area).to_have_value('Explain it like this.')
    expect(page.locator('.outside')).to_be_hidden()
    (s.prompts/'questions'/'explain.md').write_text('And like that again.', 'utf-8')
    s.until(lambda: area.input_value() == 'And like that again.')
    page.reload()
    expect(area).to_have_value('And like that again.')              # the address names the prompt

def test_a_plugin_called_like_one_of_our_questions_has_its_own_words_and_an_older_folder_of_prompts_is_put_in_order(serve, upstream, tmp_path, page):
    (folder := tmp_path/'plugins').mkdir()
    for name in ('new', 'part', 'record', 'explain', 'examples'):
        (folder/f'{name}.py').write_text(
            f'"{name.capitalize()}: x."\nfrom pianola import P, Page\nprompt = "The own words of {name}."\npage = Page()\n@page\ndef '
            f'index(): return P("x")\n')
    shutil.copytree(root/'prompts', there := tmp_path/'prompts')
    for f in (there/'questions').iterdir(): f.rename(there/f.name)            # as it was before questions had a place of their own
    (there/'questions').rmdir()
    (there/'new.md').write_text('Changed by hand.\n---\nUser: a\nYou: b', 'utf-8')
    (there/'record.md').write_text('Everybody loves records.', 'utf-8')       # this one is a plugin's: it asks nothing
    up = upstream(['Aye.'])
    s = serve(plugins=folder, prompts=there, env=up.env)
    assert sorted(f.stem for f in (there/'questions').iterdir()) == ['explain', 'mend', 'new', 'part'] and not (there/'new.md').exists()
    assert (there/'questions'/'new.md').read_text('utf-8').startswith('Changed by hand.')
    (there/'part.md').write_text('Parts are counted twice.', 'utf-8')
    s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
    s.up = up
    for n, (name, has, hasnt) in enumerate((('new', 'The own words of new.', 'Changed by hand'),
                                            ('part', 'Parts are counted twice.', 'You keep records'),
                                            ('record', 'Everybody loves records.', 'You keep records'),
                             ('explain', 'The own words of explain.', 'You explain one plugin'),
                             ('examples', 'The own words of examples.', 'User: ')), 1):
        page.goto(f'{s.url}/{name}')
        said = told(s, page, n)
        assert has in said and hasnt not in said, name
    s.stop()
    s.__init__(s.data, plugins=folder, prompts=there, env=up.env)
    assert (there/'part.md').read_text('utf-8') == 'Parts are counted twice.', 'what is put in order stays so'

def test_what_was_changed_on_the_page_in_an_older_prompt_is_found_under_its_new_name(serve, tmp_path):
    s = serve()
    s.act('prompts.write', name='questions/explain', text='One.\n---\nUser: a\nYou: b\n---\nSay it.')
    s.stop()
    with sqlite3.connect(s.data/'pianola.db') as db:                          # as the version before left it
        db.create_function('fold', 1, str)
        db.execute("update prompt_text set name='explain'")
        db.execute("update log set data=replace(data, 'questions/explain', 'explain') where what='prompts.write'")
        before = next(n for n, m in enumerate(migrations) if 'update prompt_text set name' in m)
        db.execute(f'pragma user_version={before}')
    s = serve(data=s.data)
    page = s.get('/prompts?of=questions/explain', HX_Request='true')[1]
    assert 'As it was until' in page and 'You explain one plugin' in page
    entry = next(r for r in s.get('/api/roll?limit=1000')[1] if r['action'] == 'prompts.write')
    s.post(f"/api/roll/{entry['id']}/undo")
    there = s.data.parent/f'{s.data.name}-prompts'
    s.until(lambda: 'You explain one plugin' in (there/'questions'/'explain.md').read_text('utf-8'))
    assert not (there/'explain.md').exists()

def test_what_was_undone_and_done_again_reads_in_an_older_roll_as_in_a_new_one(serve, page):
    s = serve()
    added = s.act('tasks.create', name='X')['id']
    for _ in range(3): added = s.post(f'/api/roll/{added}/undo')[1]['id']
    s.stop()
    with sqlite3.connect(s.data/'pianola.db') as db:                          # as an older version wrote it
        db.execute("update log set text=replace(replace(text, 'Undone: ', 'Taken back: '), 'Done again: ', 'Brought back: ') where what='undo'")
        before = next(n for n, m in enumerate(migrations) if "like 'Taken back: %'" in m)
        db.execute(f'pragma user_version={before}')
    s = serve(data=s.data)
    page.goto(s.url + '/roll')
    lines = page.locator('#roll > li .outcome > :first-child')
    expect(lines).to_have_text(['Undone: Added “X” to Tasks', 'Done again: Added “X” to Tasks', 'Undone: Added “X” to Tasks', 'Added “X” to Tasks'])
    page.get_by_role('button', name='Redo: Added “X” to Tasks').click()
    s.until(lambda: [r['name'] for r in s.rows('tasks')] == ['X'])

def test_the_roll_is_filtered_and_what_was_done_is_undone(made, page):
    s = made
    for n in ('water the plants', 'iron the shirts'): s.act('tasks.create', name=n)
    s.act('profiles.create', name='Hooli')
    page.goto(s.url + '/roll')
    lines = page.locator('#roll > li, #roll-some > li')
    page.locator('#roll > li', has_text='Hooli').wait_for()
    assert lines.count() == 3
    page.locator('.tools input[name=words]').fill('shirts')
    page.locator('#roll-some > li', has_text='shirts').wait_for()
    expect(lines).to_have_count(1)
    page.locator('.tools input[name=words]').fill('')
    page.locator('.tools select[name=plugin]').select_option('profiles')
    page.locator('#roll-some > li', has_text='Hooli').wait_for()
    s.until(lambda: lines.count() == 1)
    page.locator('.tools select[name=by]').select_option('model')
    page.locator('#roll-some', has_text='Nothing here').wait_for()
    page.locator('.tools select[name=by]').select_option('')
    page.locator('.tools select[name=plugin]').select_option('')
    page.locator('#roll > li', has_text='plants').locator('.undo').click()
    page.locator('#roll > li', has_text='Undone: ').wait_for()
    s.until(lambda: [r['name'] for r in s.rows('tasks')] == ['iron the shirts'])
    page.locator('#roll > li', has_text='Undone: ').locator('.undo').click()
    s.until(lambda: len(s.rows('tasks')) == 2)
    s.act('tasks.create', name='and one more')
    page.locator('#roll > li', has_text='and one more').wait_for()

def test_settings_are_set_a_secret_is_never_shown_again_and_wrong_values_are_said(made, page):
    s = made
    page.goto(s.url + '/settings')
    form = page.locator('#settings-weather')
    form.locator('[name=city]').fill('Bergen')
    form.locator('[name=key]').fill('a-secret-of-mine')
    form.get_by_role('button', name='Keep').click()
    page.locator('#settings-weather [name=key][placeholder^="kept"]').wait_for()
    assert page.locator('#settings-weather [name=key]').input_value() == '' and 'a-secret-of-mine' not in page.content()
    assert '3 days in Bergen, with a key' in s.get('/weather', HX_Request='true')[1]
    status, why = s.ask('POST', '/api/settings/weather', {'days': 'many'})
    assert status == 400 and 'days' in why['error'] and '3 days in Bergen' in s.get('/weather', HX_Request='true')[1]
    entry = [r for r in s.get('/api/roll?limit=1000')[1] if r['action'] == 'settings.change'][0]
    s.post(f"/api/roll/{entry['id']}/undo")
    s.until(lambda: 'days in Berlin' in s.get('/weather', HX_Request='true')[1])
    s.until(lambda: page.locator('#settings-weather [name=city]').input_value() == 'Berlin')

def test_jobs_are_watched_stopped_and_tried_again(made, page):
    s = made
    page.goto(s.url + '/jobs')
    s.act('stream_simulator.run', values={'kind': 'slow', 'pieces': 400, 'comments': False})
    s.act('stream_simulator.run')
    card = page.locator('.job.card', has_text='Let it run')
    card.locator('.text', has_text='of 400').wait_for()
    card.locator('.text', has_text='left').wait_for()
    card.get_by_role('button', name='Stop').click()
    page.locator('.job.card[data-state=cancelled]').wait_for()
    assert page.get_by_role('button', name='Help me with this error').count() == 0, 'to be stopped is no error'
    at = s.get('/api/jobs')[1][0]['done']
    page.get_by_role('button', name='Try again').click()
    page.locator('.job.card[data-state=running]').wait_for()
    s.until(lambda: s.get('/api/jobs')[1][0]['done'] > at)
    s.act('stream_simulator.start')
    s.act('stream_simulator.run', values={'kind': 'failing', 'pieces': 4, 'comments': False})
    s.act('stream_simulator.run')
    failed = page.locator('.job.card[data-state=failed]')
    failed.wait_for()
    failed.locator('summary').click()
    failed.locator('pre', has_text='RuntimeError').wait_for()
    failed.get_by_role('button', name='Help me with this error').click()
    page.locator('#msg-list > [data-role=user]', has_text='Help me with this error: the job').wait_for()
    s.until(lambda: s.up.asked and '->' in s.up.asked[-1]['messages'][-1]['content'])

def test_how_it_works_shows_what_happens_now_the_rooms_and_every_source(made, page):
    s = made
    page.goto(s.url + '/how_it_works')
    assert page.locator('.rooms tr').count() > 30
    page.wait_for_function('() => seq > 0')                     # the server knows what this tab looks at
    s.act('tasks.create', name='seen as it happens')
    page.locator('#events > li', has_text='seen as it happens').wait_for()
    page.locator('#source-weather > summary').click()
    page.locator('#source-weather pre', has_text='class Settings').wait_for()
    time.sleep(.2)
    assert page.locator('#source-weather').evaluate('e => e.open')
