"What is asked of a plugin in plain words, without a model: the steps of the flow that is open, and the settings of plugins."
import json, re, shutil
from html import unescape
from pathlib import Path
import pytest
from conftest import connect

root = Path(__file__).parent.parent

trip = """'Trip: what a drive costs.'
from pianola import Crud, Flow, Range, Refused, Secret
class Settings:
    limit: Range(1, 5000) = 100
    crawl_limit: int = 10
    crawl_depth: int = 2
    polite: bool = True
    api_key: Secret = ''
    proxy: str = ''
class Stop: name: str; done: bool = False
stops = Crud(Stop, name='stops', title='Stops')
flow = Flow()
@flow.step
def drive(distance: Range(1, 5000) = 300):
    "How far do you go?"
@flow.step
def fuel(price: float):
    "What does the fuel cost?"
@flow.step
def report(distance, price):
    "What does it come to?"
    return {'cost': round(distance*price/100*7, 2)}
"""
other = """'Weather: of a city.'
from pianola import Page, P
page = Page()
@page
def seen(): return P('sun')
class Settings:
    limit: int = 3
    city: str = 'Oslo'
    mood: str = ''
"""
@pytest.fixture
def app(serve, upstream, tmp_path):
    (tmp_path/'plugins').mkdir()
    (tmp_path/'plugins/10_trip.py').write_text(trip)
    (tmp_path/'plugins/20_weather.py').write_text(other)
    shutil.copy(root/'plugins/80_settings.py', tmp_path/'plugins')
    s = serve(env=(u := upstream(['Well.'])).env, plugins=tmp_path/'plugins')
    assert {'trip', 'weather'} <= s.get('/api/health')[1]['plugins'].keys() and set(s.get('/api/health')[1]['plugins'].values()) == {'ok'}
    s.model = u
    return s

def say(s, text, view='trip', runs=()):
    "Say it in a tab that shows a plugin: what the app or the model answered, '' where a card waits instead"
    heard = lambda: s.get('/api/conversation')[1]
    last, waits = max((m['id'] for m in heard()), default=0), len(s.get('/api/approvals')[1])
    said = lambda: [m for m in heard() if m['id'] > last and m['role'] in ('app', 'assistant') and m['status'] != 'streaming']
    with connect(s.ws) as tab:
        tab.send(json.dumps({'hello': {'view': view, 'runs': list(runs)}}))
        tab.send(json.dumps({'msg': text}))
        s.until(lambda: said() or len(s.get('/api/approvals')[1]) > waits)
    return said()[-1]['text'] if said() else ''
def states(s, **run): return [x['state'] for x in s.act('trip.show', **run)['result']['steps']]
def roll(s): return [e['action'] for e in s.get('/api/roll?limit=1000')[1] if e['by'] == 'user']

def test_a_flow_is_worked_through_in_words(app):
    s = app
    assert say(s, 'Start a new run').startswith('Started') and states(s) == ['open', 'waiting', 'waiting']
    assert 'How far' in say(s, 'please run the next step') and states(s) == ['done', 'open', 'waiting']
    assert 'price' in say(s, 'next step') and states(s) == ['done', 'open', 'waiting'], 'what is asked for was not said'
    assert '3 report waiting' not in say(s, 'run step 3') and states(s)[2] == 'waiting', 'it is not open yet, and the answer says so'
    s.act('trip.fill', values={'price': 2.0})
    say(s, 'go on with the flow')
    assert states(s) == ['done', 'done', 'open']
    say(s, 'finish it')
    s.until(lambda: states(s) == ['done', 'done', 'done'])
    assert say(s, 'finish the run') == 'Every step of Trip is done.'
    assert 'Went back to fuel' in say(s, 'go back to step 2') and states(s)[1] == 'open'
    assert 'Went back to drive' in say(s, 'go back to the drive') and states(s)[0] == 'open'
    assert not s.model.asked

@pytest.mark.parametrize('said, answer', [
    ('go back', 'No step of Flow has an answer yet.'), ('run step 7', 'has no step 7; it has 1 drive, 2 fuel, 3 report'),
    ('finish it', '3 steps of Flow are left: 1 drive, 2 fuel, 3 report'), ('go back to step what', 'Which step of Flow: 1 drive, 2 fuel?')])
def test_where_several_steps_may_be_meant_it_is_said_which_there_are(app, said, answer):
    s = app
    say(s, 'new run')
    if 'what' in said: s.act('trip.run')
    before = states(s)
    assert answer.replace('Flow', 'Trip') in say(s, said) or 'what' in said
    assert states(s) == before and not s.model.asked

def test_the_run_is_the_one_in_view_and_a_row_may_be_meant_as_well(app):
    s = app
    first = s.act('trip.start')['result']['run']
    second = s.act('trip.start')['result']['run']
    say(s, 'run the next step', runs=[first])
    assert states(s, run=first)[0] == 'done' and states(s, run=second)[0] == 'open'
    s.act('stops.create', name='Lake')
    assert 'a step of Trip or a row' in say(s, 'finish it', runs=[second])
    assert not s.rows('stops')[0]['done'] and states(s, run=second) == ['open', 'waiting', 'waiting']

@pytest.mark.parametrize('said, view', [('the next step in my career', 'trip'), ('run the next step', 'weather'), ('what is the next step?', 'trip'),
                                        ('I ran the next step', 'trip'), ('set the table', 'trip'), ('is 2000 a lot?', 'trip'),
                                        ('set a limit', 'trip'), ('the limit is 2000', 'trip'), ('how do I set the limit to 2000?', 'trip'),
                                        ('change my mind to yes', 'trip'), ("don't set the limit to 2000", 'trip')])
def test_what_only_sounds_like_it_goes_to_the_model(app, said, view):
    s = app
    s.act('trip.start')
    before = states(s), roll(s)
    assert say(s, said, view) == 'Well.' and (states(s), roll(s)) == before

def form(s, plugin, name):
    "What stands in a field of the settings, as the page has it"
    page = s.get('/settings')[1]
    tag = re.search(rf'<[^>]*id="set-{plugin}-{name}"[^>]*>', page)[0]
    if 'checkbox' in tag: return 'yes' if ' checked' in tag else 'no'
    return unescape(m[1]) if (m := re.search(r' value="([^"]*)"', tag)) else ''

def test_a_setting_is_set_in_words_and_taken_back(app):
    s = app
    for said, name, value in (('set the limit to 2000', 'limit', '2000'), ('set crawl limit 2,000', 'crawl_limit', '2000'),
                              ('please change the crawl depth to 4', 'crawl_depth', '4'), ('turn off polite', 'polite', 'no'),
                              ('set the proxy to http://proxy.example:8080', 'proxy', 'http://proxy.example:8080')):
        assert say(s, said) == f'Changed {name} in the settings of trip'
        assert form(s, 'trip', name) == value, said
    assert form(s, 'weather', 'limit') == '3', 'that of the open plugin is meant'
    assert 'weather' in say(s, 'set the city to Bergen') and form(s, 'weather', 'city') == 'Bergen', 'no other has a city'
    assert 'weather' in say(s, "set Weather's limit to 7") and form(s, 'weather', 'limit') == '7'
    assert say(s, 'Setze das limit auf 300') and form(s, 'trip', 'limit') == '300'
    assert not s.model.asked
    say(s, 'undo')
    s.until(lambda: form(s, 'trip', 'limit') == '2000')

def test_what_a_setting_cannot_be_is_refused_as_by_hand(app):
    s = app
    assert say(s, 'set the limit to 9000') == 'Limit must be a whole number from 1 to 5000, not 9000.' and form(s, 'trip', 'limit') == '100'
    assert 'Limit must be' in say(s, 'set the limit to soon') and form(s, 'trip', 'limit') == '100'
    assert 'Polite' in say(s, 'set polite to perhaps') and not s.model.asked and 'settings.change' not in roll(s)

def test_a_setting_that_several_plugins_have_is_asked_about(app, page):
    s = app
    assert say(s, 'set the limit to 40', view='settings') == 'More than one thing is called so.'
    texts = [w['text'] for w in s.get('/api/approvals')[1]]
    assert texts == ['Set limit to 40 in the settings of trip?', 'Set limit to 40 in the settings of weather?']
    page.goto(s.url)
    page.locator('.approve', has_text='settings of weather').click()
    s.until(lambda: form(s, 'weather', 'limit') == '40')
    assert form(s, 'trip', 'limit') == '100'
    say(s, 'set crawl to 5')
    assert len(s.get('/api/approvals')[1]) == 2, 'crawl_limit or crawl_depth?'

@pytest.mark.parametrize('said', ['set the api key to sk-very-secret-1', 'change api_key to sk-very-secret-1',
                                  'set the proxy to http://ann:hunter22@proxy.example'])
def test_a_secret_is_never_set_in_the_chat(app, said):
    s = app
    assert 'is a secret' in (got := say(s, said)) and 'write it in the settings' in got and 'sk-very' not in got
    assert not s.model.asked and roll(s) == [] and not (s.data/'secrets.json').exists()

def test_a_row_that_is_named_so_is_nearer_than_the_setting_of_a_plugin_that_is_not_open(app):
    s = app
    s.act('stops.create', name='Mood')
    say(s, 'change Mood to Lake')
    assert form(s, 'weather', 'mood') == '' and 'settings.change' not in roll(s) and len(s.rows('stops')) == 1
