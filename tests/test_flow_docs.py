"What docs/flows.md promises: its examples run, its keys and words are there."
import json, re, subprocess, sys, urllib.request
import pytest
from conftest import root
from test_flow import settle, step

page_ = (root/'docs/flows.md').read_text('utf-8')
examples = dict(re.findall(r'<!-- run: (\w+) -->\n```python\n(.*?)```', page_, re.S))

@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    f = tmp_path_factory.mktemp('plugins')
    for name, code in examples.items(): (f/f'{name}.py').write_text(code, 'utf-8')
    return f
@pytest.fixture
def server(serve, folder): return serve(plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})

def test_each_example_does_what_the_page_says(server):
    assert server.get('/api/health')[1]['plugins'] == dict.fromkeys(sorted(examples), 'ok') and len(examples) == 3
    server.act('trip.run', values={'distance': 100, 'fuel': 'diesel'})
    server.act('trip.run', values={'people': 2})
    settle(server, 'trip')
    assert step(server, 'cost', 'trip')['result'] == {'total': 11.2, 'each': 5.6}
    req = urllib.request.Request(f'{server.url}/api/files?name=n.txt', b'1\n2\n6\n', {'Content-Type': 'application/octet-stream'})
    server.act('survey.run', values={'numbers': json.load(urllib.request.urlopen(req))['file']})
    server.until(lambda: step(server, 'summary', 'survey')['state'] == 'done')
    assert step(server, 'summary', 'survey')['result'] == '**3** numbers, the mean is **3.00**'
    folded = re.findall(r'<small class="short">([^<]*)', server.get('/survey', HX_Request='true')[1])
    assert folded[0].startswith('n.txt'), 'a file is called by its name'
    server.until(lambda: any('(numbers: n.txt)' in l for l in server.lines))
    server.act('pages.run', values={'count': 4})
    server.act('pages.run')
    server.until(lambda: step(server, 'walk', 'pages')['state'] == 'done')
    assert step(server, 'walk', 'pages')['result'] == {'pages': 4}

def test_the_keys_of_the_page_are_those_there_are(server):
    there = {a['name'] for a in server.get('/api/actions')[1] if a['plugin'] == 'trip'}
    assert there == set(re.findall(r'`(trip\.\w+)`', page_.split('## Keys')[1]))

def test_the_command_of_the_page_works_as_printed(folder, tmp_path):
    args = re.search(r'python -m pianola run (.*?) --out', page_)[1].split()
    p = subprocess.run([sys.executable, '-m', 'pianola', 'run', *args, '--plugins', str(folder), '--out', str(tmp_path/'o')], cwd=root,
                       capture_output=True, text=True, timeout=180)
    assert p.returncode == 0 and json.loads((tmp_path/'o'/'cost.json').read_text())['each'] == 7.56, p.stderr

def test_a_secret_is_in_no_row_log_or_export(serve, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'login.py').write_text(
        '"Login: x."\nfrom pianola import Flow, Secret\nflow = Flow()\n@flow.step\ndef who(name: str, password: Secret):\n    "Who?"\n    '
        'return {"length": len(password)}\n@flow.step\ndef use(password):\n    "Use"\n    return password[::-1] == "tsom-ym-42retnuh"\n')
    s = serve(data=tmp_path/'d', plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
    secret = 'hunter24-my-most'
    s.act('login.fill', values={'password': secret, 'name': 'half'})
    s.act('login.run', values={'name': 'Ada', 'password': secret})
    settle(s, 'login')
    s.act('login.run')
    settle(s, 'login')
    assert step(s, 'who', 'login')['result'] == {'length': 16} and step(s, 'use', 'login')['result'] is True, 'and it is used as it was'
    zipped = urllib.request.urlopen(f'{s.url}/api/runs/1.zip').read()
    s.stop()
    assert secret.encode() not in zipped
    for f in (tmp_path/'d').rglob('*'): assert not f.is_file() or secret.encode() not in f.read_bytes(), f
    s = serve(data=tmp_path/'d', plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
    assert 'not kept on the disk' in s.post('/api/actions/login.run', {'step': 'use'})[1]['error']
