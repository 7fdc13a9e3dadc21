"Both engines behind one interface: Ollama's protocol with everything that goes wrong in it, and the real model in a process that is killed."
import asyncio, contextlib, hashlib, json, os, re, shutil, signal, struct, subprocess, sys, time, zlib
from contextlib import aclosing
from pathlib import Path
import aiohttp, pytest, pytest_asyncio
from conftest import busy, two_models
from loguru import logger
from ollama_double import CUT, EOF, Double, Refuse, Think, words
from pianola import config, fetch
from pianola.engines import Done, Engines, Fault, Phase, Pull, Said
from pianola.engines.embedded import Child, Embedded
from pianola.engines.ollama import Ollama
from pianola.engines.states import States

MODEL = 'qwen2.5-coder-0.5b-instruct'
root = Path(__file__).parent.parent
hello = [{'role': 'user', 'content': 'Say hello.'}]
together = pytest.mark.asyncio(loop_scope='module')                 # these share one loop, so that the model is loaded once
def real(f): return pytest.mark.model(together(f))

class Heard:
    "All that came out of a reply"
    def __init__(self): self.text = self.thinking = ''; self.phases, self.done, self.fault, self.steps = [], None, None, 0
async def hear(engine, messages=hello, model='double', **kw):
    h = Heard()
    try:
        async with aclosing(engine.chat(model, messages, **kw)) as stream:
            async for p in stream:
                assert not h.done, 'nothing comes after Done'
                if isinstance(p, Said): h.text += p.text; h.thinking += p.thinking; h.steps += 1
                elif isinstance(p, Phase): h.phases.append(p)
                elif isinstance(p, Done): h.done = p
    except Fault as e: h.fault = e
    assert bool(h.done) != bool(h.fault), 'a reply ends with Done or with a Fault'
    return h
async def until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f'not within {seconds} s'
        await asyncio.sleep(.02)
def settings(data, **kw):
    c = config.read([], {k: v for k, v in os.environ.items() if k == 'PIANOLA_MODELS_DIR'})
    c.data, c.ollama = Path(data), 'http://127.0.0.1:9'
    for k, v in kw.items(): setattr(c, k, v)
    return c

# both engines

@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def embedded(tmp_path_factory):
    e = Embedded(settings(tmp_path_factory.mktemp('embedded')))
    yield e
    await e.close()

@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def counting():
    "An Ollama whose model counts"
    async def count(body):
        for n in range(1, 2000): yield f' {n}'; await asyncio.sleep(.02)
    async with Double(count) as d:
        e = Ollama(d.url)
        e.double = d
        yield e
        await e.close()

@pytest.fixture(scope='module', params=['ollama', pytest.param('embedded', marks=pytest.mark.model)])
def either(request):
    "(engine, model, a way to see that it generates nothing)"
    e = request.getfixturevalue({'ollama': 'counting'}.get(request.param, 'embedded'))
    async def idle(): return not any(s['is_processing'] for s in await slots(e)) if e.name == 'embedded' else not e.double.running
    return e, MODEL if e.name == 'embedded' else 'double', idle
async def slots(e):
    async with e.http.get(e.child.url + '/slots', headers={'Authorization': f'Bearer {e.child.key}'}) as r: return await r.json()

@together
async def test_a_reply_ends_with_what_it_took(either):
    e, model, _ = either
    h = await hear(e, model=model, limit=8)
    assert h.text and not h.fault and h.done.reason == 'length' and h.done.tokens == 8 and h.done.prompt_tokens >= 4

@together
async def test_nothing_to_answer_is_refused(either):
    e, model, _ = either
    for messages in ([], [{'role': 'user', 'content': '  '}]):
        h = await hear(e, messages, model)
        assert h.fault.kind == 'upstream' and 'empty' in h.fault.text

@together
async def test_a_model_that_is_not_there_is_named_beside_those_that_are(either):
    e, model, _ = either
    h = await hear(e, model='nobody')
    assert h.fault.kind == 'no-model' and 'nobody' in h.fault.text and model in h.fault.text and h.fault.hint
    with pytest.raises(Fault) as f: await e.model('nobody')
    assert f.value.kind == 'no-model'

@together
async def test_a_prompt_that_does_not_fit_is_refused_and_never_cut(either):
    e, model, _ = either
    m = await e.model(model)
    h = await hear(e, [{'role': 'user', 'content': 'word '*m.context*3}], model)
    assert h.fault.kind == 'context' and not h.text

@together
async def test_models_tell_their_size_and_context(either):
    e, model, _ = either
    m = next(m for m in await e.models() if m.name.startswith(model))
    assert m.size and m.context == 8192 and m.longest == 32768 and m.about and m.local and m.here and 'completion' in m.capabilities

@together
@pytest.mark.parametrize('how', ['close', 'cancel'])
async def test_stop_really_stops_the_model(either, how):
    e, model, idle = either
    said = asyncio.Event()
    stream = e.chat(model, [{'role': 'user', 'content': 'Count from 1 to 500, one number per line.'}])      # held: only closing may stop it
    async def read():
        async with aclosing(stream) as s:
            async for p in s:
                if isinstance(p, Said):
                    said.set()
                    if how == 'close': return
    task = asyncio.create_task(read())
    await asyncio.wait_for(said.wait(), 30)
    if how == 'cancel': task.cancel()
    await asyncio.wait({task})
    began = time.monotonic()
    while not await idle():
        assert (took := time.monotonic() - began) < 1 or took < 1*busy(), 'it still generates after a second'
        await asyncio.sleep(.02)
    assert (await hear(e, model=model, limit=2)).done

# Ollama: its protocol

async def test_a_reply_is_whole_wherever_the_network_cuts_it():
    said = ['Zażółć', ' 🎹🎶', ' "{}\\\n', '\u2028日本']
    async with Double(said) as d:
        e = Ollama(d.url)
        length = len((await raw(d)).replace(b'\r\n', b'\n'))
        for cut in range(1, length):
            d.split = cut
            h = await hear(e)
            assert h.text == ''.join(said) and h.done, f'cut after byte {cut}'
        d.split, d.parts = 0, 1
        assert (await hear(e)).text == ''.join(said)
        await e.close()
async def raw(d):
    async with aiohttp.ClientSession() as s, s.post(f'{d.url}/api/chat', json={'model': 'double', 'messages': hello}) as r: return await r.read()

@pytest.mark.parametrize('script, kind, kept, says', [
    (['a', 'b', CUT], 'interrupted', 'ab', 'cut'), (['a', EOF], 'interrupted', 'a', 'before it was complete'),
    ([EOF], 'interrupted', '', ''), ([CUT], 'interrupted', '', ''),
    (['a', {'error': 'something broke'}, 'b'], 'upstream', 'a', 'Something broke'), (['a', {'error': {'code': 3}}], 'upstream', 'a', '3'),
    (['a', {'error': 'llama runner process has terminated: exit status 2'}], 'died', 'a', 'exit status 2'),
    (['a', b'<html>\n'], 'upstream', 'a', '<html>'), (['a', b'[1]\n'], 'upstream', 'a', '[1]'),
    (['a', b'{"message":{"content":"b\xff\xfe"}}\n', 'c'], 'upstream', 'a', 'not of its protocol'),
    (['a', b'{"message":{"content":"cut', CUT], 'interrupted', 'a', ''),
    (['a', b'{"message":{"content":"cut', EOF], 'upstream', 'a', 'not of its protocol'),
    ([b'\xff\xfe\n'], 'upstream', '', 'not of its protocol'),
    ([Refuse(500, 'it broke')], 'upstream', '', 'It broke'), ([Refuse(503, 'server busy, please try again')], 'upstream', '', 'busy'),
    ([Refuse(401, 'unauthorized')], 'upstream', '', 'unauthorized'),
    ([Refuse(500, 'model requires more system memory (9.1 GiB) than is available (4 GiB)')], 'upstream', '', 'does not fit'),
    ([Refuse(400, 'the prompt is longer than the context length currently available to the model')], 'context', '', 'too long')])
async def test_what_breaks_is_told_apart_and_what_was_said_is_kept(script, kind, kept, says):
    async with Double(script) as d:
        e = Ollama(d.url)
        h = await hear(e)
        assert h.fault.kind == kind and h.text == kept and says in h.fault.text and h.fault.hint
        d.script = ['fine']
        assert (await hear(e)).text == 'fine'                       # and nothing of it sticks
        await e.close()

async def test_blank_lines_unknown_fields_and_a_last_line_without_its_end_are_nothing_special():
    async with Double([b'\n\r\n', 'a', b'   \n', {'message': {'role': 'assistant', 'content': 'b', 'new': [1]}, 'done': False,
                                                  'strange': {}}, {'message': {'content': None}},
                       b'{"message":{"content":"c"},"done":true,"done_reason":"stop","eval_count":3}', EOF]) as d:
        e = Ollama(d.url)
        h = await hear(e)
        assert h.text == 'abc' and h.done.tokens == 3
        await e.close()

async def test_a_reason_to_be_done_is_done():
    async with Double(['a', {'done': False, 'done_reason': 'length'}, EOF]) as d:
        e = Ollama(d.url)
        assert (await hear(e)).done.reason == 'length'
        await e.close()

async def test_a_line_of_ten_megabytes_arrives():
    big = 'ü🎹x' * 1_500_000
    async with Double(['a', big, 'b']) as d:
        e = Ollama(d.url)
        h = await hear(e)
        assert h.done and h.text == f'a{big}b'
        await e.close()

async def test_a_fast_model_costs_few_steps_and_no_character():
    said = words(5000)
    async with Double(said) as d:
        e = Ollama(d.url)
        h = await hear(e)
        assert h.text == ''.join(said) and h.done.tokens == 5000 and h.steps < 2500
        await e.close()

async def test_silence_before_the_first_word_and_after_it_have_patience_of_their_own():
    async with Double([1.4, 'a', .1, 'b', 30]) as d:
        e = Ollama(d.url, first=3, between=.9)
        h = await hear(e)
        assert h.text == 'ab' and h.fault.kind == 'stalled' and '0.9' in h.fault.text
        await asyncio.wait_for(d.stop.wait(), 20)
        d.script, e.first = [30, 'a'], 1.5
        began = time.monotonic()
        h = await hear(e)
        assert h.fault.kind == 'stalled' and not h.text and 1.4 < time.monotonic() - began < 25
        await e.close()

async def test_loading_is_told_and_then_reading():
    async def slow(body):
        d.loaded['double:latest'] = 8192                            # loaded; now it reads
        yield 1.5
        yield 'a'
    async with Double(slow, load=2) as d:
        e = Ollama(d.url)
        h = await hear(e)
        assert h.text == 'a' and h.done.load_s == 2 and h.phases[0].what == 'loading'
        d.load = 0
        assert [p.what for p in (await hear(e)).phases] == ['reading']
        await e.close()

async def test_the_request_says_that_nothing_may_be_cut_and_gives_one_context_for_ever():
    async with Double() as d:
        e = Ollama(d.url)
        m = await e.model('double')
        await hear(e)
        await hear(e, context=m.context, limit=5, schema={'type': 'object'}, temperature=0)
        first, second = [b for _, p, b in d.requests if p == '/api/chat']
        assert first['truncate'] is False and first['shift'] is False and first['keep_alive'] and 'think' not in first
        assert first['options']['num_ctx'] == second['options']['num_ctx'] == m.context == 8192
        assert second['options'] == {'num_ctx': 8192, 'num_predict': 5, 'temperature': 0} and second['format'] == {'type': 'object'}
        await e.close()

@pytest.mark.parametrize('model, loaded, given, context', [
    ({}, 0, 0, 8192), ({'context': 2048}, 0, 0, 2048), ({'parameters': 'stop "x"\nnum_ctx                        12000'}, 0, 0, 12000),
    ({}, 16384, 0, 16384),
    ({}, 4096, 0, 8192), ({}, 0, 20000, 20000), ({}, 16384, 6000, 6000), ({'context': 4000}, 0, 20000, 4000),
    ({'remote_host': 'https://ollama.com', 'context': 100000}, 0, 0, 100000)])
async def test_a_model_gets_the_context_that_suits_it(model, loaded, given, context):
    async with Double(models={'double:latest': model}) as d:
        if loaded: d.loaded['double:latest'] = loaded
        e = Ollama(d.url)
        if given: e.give('double', given)
        assert (await e.model('double')).context == context
        await hear(e)
        assert d.loaded['double:latest'] == context
        assert (await e.models())[0].context == context
        await e.close()

@pytest.mark.parametrize('levels, wish, sent', [
    (None, None, False), (None, True, True), (None, 'off', False), ([True, False], None, False), ([True, False], 'on', True),
    ([True, False], True, True),
    (['low', 'medium', 'high'], None, 'low'), (['low', 'medium', 'high'], 'high', 'high'), (['low', 'medium', 'high'], True, 'medium'),
    ([False, 'low', 'high'], None, False), ([True], None, True)])
async def test_thinking_is_off_unless_asked_for(levels, wish, sent):
    double = {'capabilities': ['completion', 'thinking'], **({'thinking': {'values': levels, 'default': levels[-1]}} if levels else {})}
    async with Double([Think('hm'), Think(', so'), 'Yes'], models={'double:latest': double}) as d:
        e = Ollama(d.url)
        h = await hear(e, think=wish)
        assert (h.thinking, h.text) == ('hm, so', 'Yes')
        assert d.requests[-1][2]['think'] == sent
        await e.close()

async def test_a_model_that_cannot_think_is_never_told_to():
    async with Double() as d:
        e = Ollama(d.url)
        assert (await hear(e, think=True)).text == 'Hello' and 'think' not in d.requests[-1][2]
        await e.close()

async def test_text_that_leaves_the_machine_is_marked():
    async with Double(models={'a:cloud': {}, 'b:7b-cloud': {}, 'c:latest': {'remote_host': 'https://ollama.com'}, 'd:latest': {},
                              'e:latest': {'capabilities': ['embedding']}}) as d:
        e = Ollama(d.url)
        assert {m.name: m.local for m in await e.models()} == {'a:cloud': False, 'b:7b-cloud': False, 'c:latest': False, 'd:latest': True}
        await e.close()

async def test_a_host_that_is_another_machine_is_not_local():
    assert Ollama('http://192.168.1.7:11434').remote and not Ollama('http://127.0.0.1:11434').remote and not Ollama('http://[::1]:11434').remote

async def test_an_ollama_that_was_started_again_is_asked_again():
    async with Double(['one']) as d:
        e, port = Ollama(d.url), d.port
        assert (await hear(e)).text == 'one'
    h = await hear(e)
    assert h.fault.kind == 'no-engine' and str(port) in h.fault.text and 'Start Ollama' in h.fault.hint and await e.ready()
    async with Double(['two'], port=port): assert (await hear(e)).text == 'two' and not await e.ready()
    await e.close()

async def test_a_port_where_nobody_speaks_is_given_up():
    async def mute(reader, writer): await reader.read()
    server = await asyncio.start_server(mute, '127.0.0.1', 0)
    e, began = Ollama(f'http://127.0.0.1:{server.sockets[0].getsockname()[1]}', probe=.3), time.monotonic()
    assert 'does not answer' in await e.ready() and time.monotonic() - began < 1*busy()
    await e.close()
    server.close()

@pytest.mark.parametrize('says', [b'<html>', b'[1, 2]', b'{"models": [{"name": "\xff\xfe"}]}'])
async def test_something_else_at_that_port_is_not_mistaken_for_ollama(says):
    async def web(reader, writer):
        await reader.readuntil(b'\r\n\r\n')
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b' % (len(says), says))
    server = await asyncio.start_server(web, '127.0.0.1', 0)
    e = Ollama(f'http://127.0.0.1:{server.sockets[0].getsockname()[1]}')
    assert 'does not speak as Ollama' in await e.ready()
    await e.close()
    server.close()

@pytest.mark.parametrize('name', ['double', 'double:latest'])
async def test_latest_goes_without_saying(name):
    async with Double() as d:
        e = Ollama(d.url)
        assert (await e.model(name)).name == 'double:latest' and (await hear(e, model=name)).text == 'Hello'
        await e.close()

def layer(n, total, done=None):
    return {'status': f'pulling {n}', 'digest': f'sha256:{n}', 'total': total, **({} if done is None else {'completed': done})}

async def test_a_download_tells_the_sum_of_its_layers():
    steps = [{'status': 'pulling manifest'}, layer('a', 100), layer('b', 50, 10), .02, layer('a', 100, 60), .02, layer('b', 50, 50), .02,
             layer('a', 100, 40), .02, layer('a', 100, 100), .02,
             {'status': 'verifying sha256 digest'}, {'status': 'success'}]
    async with Double(pulls={'new': steps}) as d:
        e = Ollama(d.url)
        told = [p async for p in e.pull('new')]
        assert (told[-1] == Pull('success', 150, 150) and [p.done for p in told] == sorted(p.done for p in told)
                and any(0 < p.done < 150 for p in told))
        await e.close()

@pytest.mark.parametrize('steps, kind, says', [([layer('a', 100, 10), {'error': 'no space left on device'}], 'upstream', 'No space'),
                                               ([layer('a', 100, 10), EOF], 'interrupted', 'complete'),
                                               ([layer('a', 100, 10), CUT], 'interrupted', ''), ([layer('a', 100, 10), 5], 'stalled', ''),
                                               (None, 'no-model', 'nothing')])
async def test_a_download_that_fails_says_so(steps, kind, says):
    async with Double(pulls={'new': steps} if steps else {}) as d:
        e = Ollama(d.url, between=.3)
        with pytest.raises(Fault) as f:
            async for _ in e.pull('new' if steps else 'nothing'): pass
        assert f.value.kind == kind and says in f.value.text and f.value.hint
        await e.close()

async def test_a_download_that_nobody_wants_any_more_stops():
    async with Double(pulls={'new': [x for n in range(1000) for x in (layer('a', 1000, n), .01)]}) as d:
        e = Ollama(d.url)
        async with aclosing(e.pull('new')) as steps:
            async for p in steps:
                if p.done > 3: break
        await asyncio.wait_for(d.stop.wait(), 9)           # the whole of it takes ten
        assert d.stopped[0][1] < 200*busy()
        await e.close()

async def test_stop_before_the_first_word_reaches_ollama():
    async with Double([60, 'a']) as d:
        e = Ollama(d.url)
        task = asyncio.create_task(hear(e))
        await until(lambda: d.running)
        task.cancel()
        await asyncio.wait_for(d.stop.wait(), 20)
        await e.close()

# the built-in engine, by its pieces

async def test_a_long_line_in_the_log_of_a_model_is_read_on(tmp_path):
    p = await asyncio.create_subprocess_exec(sys.executable, '-c',
                                             "import sys; e = sys.stderr; e.write('x'*200_000 + '\\n' + 'y'*1000*200 + '\\nlast words'); "
                                             "e.flush(); print('went on', flush=True)", stdin=asyncio.subprocess.PIPE,
                                             stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    c = Child(p, 'x', 0, 0, 'k', 1)
    try:
        assert await asyncio.wait_for(p.stdout.readline(), 20) == b'went on\n', 'it stands still when nobody reads'
        await asyncio.wait_for(c.listener, 20)
        assert [l[-1:] + l[:10] for l in c.tail] == ['x'*11, 'y'*11, 'slast words'] and max(map(len, c.tail)) < 100_000
    finally:
        if p.returncode is None: p.kill()
        await p.communicate()

@pytest.mark.parametrize('head, says', [(struct.pack('<IQQ', 3, 0, 2**62), 'values'), (struct.pack('<IQQ', 3, 2**62, 0), 'tensors'),
                                        (struct.pack('<IQQQ', 3, 0, 1, 1) + b'a' + struct.pack('<IIQ', 9, 8, 2**62), 'texts'),
    (struct.pack('<IQQQ', 3, 0, 1, 1) + b'a' + struct.pack('<IIQ', 9, 9, 2**62), 'within a list'),
    (struct.pack('<IQQQ', 3, 1, 0, 1) + b'a' + struct.pack('<I', 2**32-1), 'dimensions')], ids=['values', 'tensors', 'texts', 'lists', 'dimensions'])
def test_a_damaged_head_is_given_up_at_once(tmp_path, head, says):
    with open(tmp_path/'x.gguf', 'wb') as f:
        f.write(b'GGUF' + head)
        f.truncate(1 << 30)                 # room that a download set aside
    code = f'from pianola.engines.gguf import Damaged, head\ntry: head({str(tmp_path/"x.gguf")!r})\nexcept Damaged as e: print(e)'
    assert says in subprocess.run([sys.executable, '-c', code], cwd=root, capture_output=True, text=True, timeout=30).stdout

# the choice

def made(tmp_path, **kw): return Engines(settings(tmp_path, **{'models_dir': tmp_path/'models', **kw}))
def fake_model(tmp_path, name):
    "A GGUF file with a head and nothing else"
    def text(s): return len(s).to_bytes(8, 'little') + s
    (tmp_path/'models').mkdir(exist_ok=True)
    pairs = [(b'general.architecture', 8, text(b'toy')), (b'toy.context_length', 4, (4096).to_bytes(4, 'little')),
             (b'general.file_type', 4, (15).to_bytes(4, 'little')), (b'general.size_label', 8, text(b'7B'))]
    (tmp_path/'models'/f'{name}.gguf').write_bytes(b'GGUF' + (3).to_bytes(4, 'little') + (0).to_bytes(8, 'little') + len(pairs).to_bytes(8, 'little')
                                                   + b''.join(text(k) + t.to_bytes(4, 'little') + v for k, t, v in pairs) + bytes(64))

async def test_auto_takes_ollama_when_it_has_a_model_of_its_own(tmp_path):
    async with Double(models={'big:cloud': {}, 'double:latest': {}}) as d:
        e = made(tmp_path, ollama=d.url)
        engine, model, why = await e.choose()
        assert (engine.name, model) == ('ollama', 'double:latest') and 'Ollama' in why
        asked = len(d.requests)
        assert await e.choose() == (engine, model, why) and len(d.requests) == asked           # not looked up for every reply
        d.models.clear()
        h = await hear(engine, model=model)
        assert h.fault.kind == 'no-model' and (await e.choose())[0].name == 'embedded'           # but after it failed
        await e.close()

async def test_auto_takes_the_built_in_engine_when_ollama_is_away_or_has_nothing(tmp_path):
    fake_model(tmp_path, 'toy')
    async with Double(models={'big:cloud': {}}) as d:
        for url, why in (('http://127.0.0.1:9', 'does not answer at 127.0.0.1:9.'), (d.url, 'Ollama has no model')):
            e, began = made(tmp_path, ollama=url), time.monotonic()
            engine, model, says = await e.choose()
            assert (engine.name, model) == ('embedded', 'toy') and why in says and time.monotonic() - began < 1*busy()
            await e.close()

async def test_what_the_user_chose_wins_while_it_is_there(tmp_path):
    fake_model(tmp_path, 'toy')
    async with Double(models={'double:latest': {}, 'other:latest': {}}) as d:
        e = made(tmp_path, ollama=d.url)
        for wanted in ('embedded/toy', 'ollama/other:latest'):
            engine, model, why = await e.choose(wanted)
            assert f'{engine.name}/{model}' == wanted and 'You chose' in why
        for wanted, says in (('ollama/gone', 'no model gone'), ('embedded/gone', 'no built-in model gone'), ('strange/x', 'no engine strange')):
            engine, model, why = await e.choose(wanted)
            assert (engine.name, model) == ('ollama', 'double:latest') and says in why
        await e.close()

async def test_the_environment_wins_over_what_was_chosen(tmp_path):
    fake_model(tmp_path, 'toy')
    async with Double(models={'double:latest': {}, 'other:latest': {}}) as d:
        async def choice(remembered='', **kw):
            e = made(tmp_path, ollama=d.url, **kw)
            try: engine, model, why = await e.choose(remembered)
            finally: await e.close()
            return f'{engine.name}/{model}', why
        assert (await choice('embedded/toy', engine='ollama'))[0] == 'ollama/double:latest'
        assert (await choice('ollama/other', engine='embedded'))[0] == 'embedded/toy'
        assert (await choice('ollama/double', model='other'))[0] == 'ollama/other:latest'
        assert (await choice(model='toy'))[0] == 'embedded/toy'
        shutil.copy(tmp_path/'models'/'toy.gguf', tmp_path/'elsewhere.gguf')
        assert (await choice(model=str(tmp_path/'elsewhere.gguf')))[0] == 'embedded/elsewhere'
        assert (await choice(model='nobody'))[0] == 'ollama/double:latest' and 'nobody' in (await choice(model='nobody'))[1]
        for kw, kind in (({'engine': 'ollama', 'ollama': 'http://127.0.0.1:9'}, 'no-engine'),
                         ({'engine': 'ollama', 'model': 'nobody'}, 'no-model'), ({'engine': 'embedded', 'model': 'nobody'}, 'no-model'),
                         ({'model': str(tmp_path/'gone.gguf')}, 'no-model')):
            e = made(tmp_path, **{'ollama': d.url, **kw})
            with pytest.raises(Fault) as f: await e.choose()
            assert f.value.kind == kind and f.value.hint
            await e.close()

async def test_the_list_holds_every_engine_and_what_could_be_downloaded(tmp_path):
    fake_model(tmp_path, 'toy')
    (tmp_path/'models'/'broken.gguf').write_bytes(b'<html>not found</html>'*10)
    async with Double() as d:
        e = made(tmp_path, ollama=d.url)
        found = {f'{m.engine}/{m.name}': m for m in await e.models()}
        assert 'ollama/double:latest' in found and found[f'embedded/{MODEL}'].here is False and found[f'embedded/{MODEL}'].size > 4e8
        assert (found['embedded/toy'].about == '7B, Q4_K_M' and found['embedded/toy'].context == 4096
                and found['embedded/broken'].about.startswith('damaged'))
        await e.close()
        e = made(tmp_path)
        assert {m.engine for m in await e.models()} == {'embedded'}
        await e.close()

async def test_a_model_that_is_not_downloaded_damaged_or_cut_short_says_what_to_do(tmp_path):
    fake_model(tmp_path, 'toy')
    (tmp_path/'models'/'broken.gguf').write_bytes(b'<html>not found</html>'*10)
    (tmp_path/'models'/'short.gguf').write_bytes((tmp_path/'models'/'toy.gguf').read_bytes()[:60])
    e = Embedded(settings(tmp_path, models_dir=tmp_path/'models'))
    for model, kind, says, hint in ((MODEL, 'no-model', 'not downloaded', 'start.py'), ('broken', 'no-model', 'damaged', 'Delete'),
                                    ('short', 'no-model', 'damaged', 'Delete'), ('toy', 'no-model', 'cannot be loaded', 'Delete')):
        h = await hear(e, model=model)
        assert h.fault.kind == kind and says in h.fault.text and hint in h.fault.hint, model
    assert e.child is None
    await e.close()

async def test_a_built_in_model_is_downloaded_with_progress_stopped_and_gone_on_with(tmp_path, monkeypatch):
    body, asked = os.urandom(3_000_000), []
    async def web(reader, writer):
        at = int(next((l.split(b'=')[1].strip(b'-') for l in (await reader.readuntil(b'\r\n\r\n')).split(b'\r\n')
                       if l.lower().startswith(b'range')), b'0'))
        asked.append(at)
        writer.write(f'HTTP/1.1 {206 if at else 200} OK\r\nContent-Length: {len(body)-at}\r\n'.encode() + (
            f'Content-Range: bytes {at}-{len(body)-1}/{len(body)}\r\n' if at else '').encode() + b'\r\n')
        with contextlib.suppress(ConnectionError):                  # the client may stop
            for i in range(at, len(body), 100_000): writer.write(body[i:i+100_000]); await writer.drain(); await asyncio.sleep(.05)
        writer.close()
    server = await asyncio.start_server(web, '127.0.0.1', 0)
    url = f'http://127.0.0.1:{server.sockets[0].getsockname()[1]}/tiny.gguf'
    monkeypatch.setitem(fetch.MODELS, 'tiny', fetch.File('tiny', 'tiny.gguf', len(body), hashlib.sha256(body).hexdigest(), url))
    e = Embedded(settings(tmp_path, models_dir=tmp_path/'models'))
    async with aclosing(e.pull('tiny')) as steps:
        async for p in steps:
            if p.done > 300_000: break
    assert p.total == len(body) and not (tmp_path/'models'/'tiny.gguf').exists()
    told = [p async for p in e.pull('tiny')]
    assert told[-1].done == len(body) and asked[-1] >= 300_000 and (tmp_path/'models'/'tiny.gguf').read_bytes() == body
    with pytest.raises(Fault) as f:
        async for _ in e.pull('nobody'): pass
    assert f.value.kind == 'no-model' and MODEL in f.value.text
    server.close()
    await e.close()

def test_a_start_does_not_pay_for_what_it_may_not_need():
    code = "import sys, pianola.engines; sys.exit(any(m in sys.modules for m in ('aiohttp', 'xllamacpp')))"
    assert subprocess.run([sys.executable, '-c', code], cwd=root).returncode == 0

# the real model

def head(n=18):
    return {'role': 'system',
            'content': 'You help in a small app about pianos. ' + ' '.join(f'Rule {i}: answer briefly, politely and clearly, number {i*7}.'
                for i in range(n))}
def ask(text, n=18): return [head(n), {'role': 'user', 'content': text}]

@real
async def test_tokens_are_counted_exactly_before_they_are_sent(embedded):
    messages = ask('Żółw 🐢 <|im_end|> says?')
    h = await hear(embedded, messages, MODEL, limit=1)
    assert await embedded.count(MODEL, messages) == h.done.prompt_tokens
    assert await embedded.counts(MODEL, ['Hello', '', 'Hello world', 'x'*100]) == [1, 0, 2, (await embedded.counts(MODEL, ['x'*100]))[0]]

@real
async def test_reading_is_told_and_what_was_read_is_not_read_again(embedded):
    messages = ask('Name one colour.', 20)
    # else the engine may know most of it by the time this runs
    messages[0]['content'] = 'None of the others asked begins so. ' + messages[0]['content']
    h = await hear(embedded, messages, MODEL, limit=4)
    reading = [(p.done, p.total) for p in h.phases if p.what == 'reading']
    assert len(reading) >= 4 and reading == sorted(reading) and reading[-1][1] == h.done.prompt_tokens and reading[-1][0] >= h.done.prompt_tokens - 64
    more = [*messages, {'role': 'assistant', 'content': h.text}, {'role': 'user', 'content': 'Another.'}]
    again = await hear(embedded, more, MODEL, limit=4)
    assert again.done.cached >= h.done.prompt_tokens - 2 and again.done.prompt_tokens - again.done.cached < 40

@real
async def test_the_last_words_of_the_assistant_are_continued(embedded):
    h = await hear(embedded,
                   [{'role': 'user', 'content': 'What is the capital of France?'},
                    {'role': 'assistant', 'content': 'The capital of France is'}], MODEL, limit=6, temperature=0)
    assert h.text.startswith(' Paris')

@real
async def test_what_was_said_is_not_said_again_and_again_and_a_table_still_looks_like_one(embedded):
    wave = 'The waves of the sea go up and down.'
    sea = [{'role': 'user', 'content': 'Describe the sea.'}, {'role': 'assistant', 'content': f'The sea is blue. {wave} {wave} {wave}'}]
    h = await hear(embedded, sea, MODEL, limit=40, temperature=0)
    assert h.text.count(wave) < 2, h.text
    rows = ''.join(f'| 2026-01-{n:02d} | 10 euros | paid |\n' for n in range(1, 9))
    h = await hear(embedded, [{'role': 'user', 'content': 'List the payments of January as a table.'}, {'role': 'assistant', 'content': rows}],
                   MODEL, limit=20, temperature=0)
    assert re.match(r'\s*\| 2026-01-09 \| 10 euros \| paid \|', h.text)

@real
async def test_a_schema_is_obeyed(embedded):
    schema = {'type': 'object', 'properties': {'name': {'type': 'string'}, 'age': {'type': 'integer'}}, 'required': ['name', 'age'],
              'additionalProperties': False}
    h = await hear(embedded, [{'role': 'user', 'content': 'Anna is 31 years old.'}], MODEL, schema=schema, limit=60, temperature=0)
    assert set(json.loads(h.text)) == {'name', 'age'}

@real
async def test_two_at_once_answer_one_after_the_other(embedded):
    a, b = await asyncio.gather(hear(embedded, ask('Say one.'), MODEL, limit=5), hear(embedded, ask('Say two.'), MODEL, limit=5))
    assert a.done and b.done and sum(h.phases[0].what == 'waiting' for h in (a, b)) == 1

@real
async def test_whoever_needs_another_model_ends_nobodys_reply(tmp_path):
    e = Embedded(settings(tmp_path, models_dir=two_models(tmp_path/'models')))
    async def turn(model, n):
        messages = [{'role': 'user', 'content': f'Say {n}.'}]
        return await e.count(model, messages), await hear(e, messages, model, limit=2)
    for counted, h in await asyncio.gather(turn(MODEL, 1), turn('twin', 2)): assert h.done and counted == h.done.prompt_tokens
    child, asked = e.child, [{'role': 'user', 'content': 'Count from 1 to 500.'}]
    mine, other = ('twin', MODEL) if child.path.stem == 'twin' else (MODEL, 'twin')
    async with aclosing(e.chat(mine, asked)) as stream:
        async for p in stream:
            if isinstance(p, Said): break
        assert await e.count(mine, asked, now=True) > 5 and await e.count(other, asked, now=True) is None, 'who only wants to know does not wait'
        waits = []
        late = asyncio.create_task(e.count(other, asked, phase=lambda p: waits.append(p.what)))
        await until(lambda: waits)
        more = [await anext(stream) for _ in range(3)]
        assert all(isinstance(p, Said) for p in more) and e.child is child and child.alive and not late.done()
    assert await late > 5 and waits == ['waiting', 'loading'] and e.child is not child
    long = asyncio.create_task(e.counts(other, ['word '*30_000]))             # it counts when it must make room
    await asyncio.sleep(.01)
    assert (await hear(e, asked, mine, limit=2)).done and (await long)[0] >= 30_000
    await e.close()

@real
async def test_another_program_of_this_machine_cannot_use_the_model(embedded):
    await embedded.count(MODEL, hello)
    async with aiohttp.ClientSession() as s:
        for method, path in (('GET', '/v1/models'), ('GET', '/slots'), ('POST', '/v1/chat/completions'), ('GET', '/props')):
            async with s.request(method, embedded.child.url + path, json={'messages': hello} if method == 'POST' else None,
                                 headers={'Origin': 'http://evil.example'}) as r:
                assert r.status == 401 and r.headers.get('Access-Control-Allow-Origin', '') == ''
        async with s.get(embedded.child.url + '/') as r: assert 'html' not in r.headers.get('Content-Type', '')
    assert embedded.child.url.startswith('http://127.0.0.1:')

@real
async def test_stop_while_it_reads_frees_the_model(embedded):
    async with aclosing(embedded.chat(MODEL, [{'role': 'user', 'content': 'many words '*1500}])) as s:
        async for p in s:
            if p.what == 'reading' and p.done > 60: break
    began = time.monotonic()
    while any(x['is_processing'] for x in await slots(embedded)):
        assert time.monotonic() - began < 12*busy(), 'it reads on: all of it takes half a minute'
        await asyncio.sleep(.02)
    assert (await hear(embedded, hello, MODEL, limit=2)).done

@real
async def test_a_process_killed_in_mid_reply_is_replaced(embedded):
    text, pid, logged = '', None, []
    heard = logger.add(logged.append, level='WARNING')
    with pytest.raises(Fault) as f:
        async with aclosing(embedded.chat(MODEL, ask('Count from 1 to 500.'), temperature=0)) as s:
            async for p in s:
                if isinstance(p, Said):
                    text += p.text
                    if len(text) > 10 and not pid: pid = embedded.child.proc.pid; embedded.child.proc.kill()
    logger.remove(heard)
    assert f.value.kind == 'died' and 'Go on' in f.value.hint and len(text) > 10
    assert 'SIG' not in f.value.text + f.value.hint and (os.name != 'posix' or any('SIGKILL' in l for l in logged)), 'how it ended is for the log'
    h = await hear(embedded, [*ask('Count from 1 to 500.'), {'role': 'assistant', 'content': text}], MODEL, limit=4)
    assert h.done and h.phases[0].what == 'loading' and h.done.load_s > 0 and embedded.child.proc.pid != pid
    assert h.done.cached >= await embedded.count(MODEL, [head()]) - 30          # its head came from the disk
    embedded.child.proc.kill()                                                  # and in silence
    assert (await hear(embedded, hello, MODEL, limit=2)).done
    embedded.child.proc.kill()
    assert await embedded.count(MODEL, [{'role': 'user', 'content': 'Say hello to nobody.'}]) > 5

@real
@pytest.mark.skipif(os.name != 'posix', reason='only POSIX can hold a process')
async def test_a_process_that_hangs_is_replaced(embedded):
    text, held, embedded.between = '', False, 4
    try:
        with pytest.raises(Fault) as f:
            async with aclosing(embedded.chat(MODEL, [{'role': 'user', 'content': 'Count from 1 to 500.'}])) as s:
                async for p in s:
                    if isinstance(p, Said):
                        text += p.text
                        if len(text) > 10 and not held: held = os.kill(embedded.child.proc.pid, signal.SIGSTOP) or True
    finally: embedded.between = 60
    assert f.value.kind == 'stalled' and len(text) > 10 and embedded.child is None
    assert (await hear(embedded, hello, MODEL, limit=2)).done

@real
async def test_a_fresh_process_knows_what_an_earlier_one_read_and_a_damaged_memory_harms_nobody(tmp_path):
    c, messages = settings(tmp_path), ask('Hello?', 8)
    async def fresh(messages=messages):
        e = Embedded(c, worth=.2)
        h = await hear(e, messages, MODEL, limit=2, temperature=0)
        await e.close()
        assert h.done and not h.fault
        return h
    first = await fresh()
    assert [p for p in first.phases if p.what == 'reading' and p.done < 100]
    folder = tmp_path/'engine'
    files = sorted(folder.glob('*.bin'))
    assert files and (os.name != 'posix' or folder.stat().st_mode & 0o777 == 0o700 and all(f.stat().st_mode & 0o077 == 0 for f in folder.iterdir()))
    def not_read(h): return h.phases[-1].total and min(p.done for p in h.phases if p.what == 'reading')
    second = await fresh()
    assert not_read(second) > 110 and second.done.prompt_tokens - second.done.cached < 20
    longer = await fresh([{'role': 'system', 'content': messages[0]['content'] + ' One more rule: sing.'}, messages[1]])
    assert not_read(longer) > 110                                   # most of it is the same
    def good(f): return zlib.crc32(f.read_bytes()) == json.loads(f.with_suffix('.json').read_text('utf-8'))['crc']
    for how in ('cut', 'cut and the checksum fits'):                # llama.cpp ends the process over the second
        for f in folder.glob('*.bin'):
            f.write_bytes(f.read_bytes()[:100_000])
            if 'fits' in how:
                f.with_suffix('.json').write_text(
                    json.dumps(json.loads(f.with_suffix('.json').read_text('utf-8')) | {'crc': zlib.crc32(f.read_bytes())}), 'utf-8')
        again = await fresh()
        assert again.text == first.text and not_read(again) < 70, how
        assert all(map(good, folder.glob('*.bin'))) and any(folder.glob('*.bin'))
    assert not_read(await fresh()) > 110

@real
@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux can limit the files of another process')
async def test_a_memory_that_cannot_be_kept_leaves_nothing_behind(tmp_path):
    import resource
    folder = tmp_path/'engine'
    folder.mkdir()
    for left in ('saving.tmp', 'x-y.part'): (folder/left).write_bytes(b'x'*1000)        # the process was killed while it saved
    e = Embedded(settings(tmp_path), worth=.001)
    assert not list(folder.iterdir()), 'before anybody else needs the disk'
    await e.count(MODEL, hello)
    def limit(most): resource.prlimit(e.child.proc.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    limit(500_000)                                                                       # as a full disk: the first half a megabyte can be written
    assert (await hear(e, ask('Hello?', 8), MODEL, limit=2)).done and not list(folder.iterdir()) and e.child.alive
    limit(10**9)
    e.states.reserve = 2**60                                                             # no disk is so large
    assert (await hear(e, ask('Hello?', 9), MODEL, limit=2)).done and not list(folder.iterdir())
    e.states.reserve = 0
    assert (await hear(e, ask('Hello?', 10), MODEL, limit=2)).done
    kept = list(folder.glob('*.bin'))
    assert len(kept) == 1 and not (folder/'saving.tmp').exists()
    read = await e.count(MODEL, ask('Hello?', 10))
    assert .8 < kept[0].stat().st_size/(e.child.token_bytes*read) < 1.2, 'what a state will take is known'
    await e.close()

@pytest.mark.parametrize('damage', ['{}', 'null', '[]', '3', '"text"', '', '\0\0', '{"text": "xx"}', '{"text": 3, "crc": 4}',
                                    '{"text": null, "crc": null}', '['*100_000, 'no bin', 'a folder for a bin', 'a short bin'])
def test_a_kept_memory_of_any_other_shape_is_dropped(tmp_path, damage):
    states, text = States(tmp_path), 'You are a piano. '*50
    def keep(name, said):
        (tmp_path/'saving.tmp').write_bytes(b'read'*1000)
        states.keep('kind', name, said)
    keep('good', text[:500])
    good = states.best('kind', text, 400)
    keep('bad', text)
    meta = next(tmp_path.glob('*-bad.json'))
    if damage.endswith('bin'):
        meta.with_suffix('.bin').unlink()
        if 'folder' in damage: meta.with_suffix('.bin').mkdir()
        if 'short' in damage: meta.with_suffix('.bin').write_bytes(b'r')
    else: meta.write_text(damage, 'utf-8')
    assert states.best('kind', text, 400).file == good.file and not meta.exists() and states.best('kind', text, 600) is None

@real
async def test_warm_reads_once_for_all_later_starts(tmp_path):
    c = settings(tmp_path)
    e = Embedded(c)
    head12 = [head(12)]
    assert not await e.kept(MODEL, head12)
    assert [p async for p in e.warm(MODEL, head12)][-1].what == 'reading'
    assert await e.kept(MODEL, head12)
    await e.close()
    e = Embedded(c)
    assert await e.kept(MODEL, head12)
    h = await hear(e, ask('Hello?', 12), MODEL, limit=1)
    assert min(p.done for p in h.phases if p.what == 'reading') >= 180
    await e.close()

@real
async def test_an_idle_model_gives_its_memory_back_and_remembers(tmp_path):
    e = Embedded(settings(tmp_path), idle=.4)
    messages = ask('Tell me about pianos.', 20)
    h = await hear(e, messages, MODEL, limit=12, temperature=0)
    child = e.child
    await until(lambda: not child.alive and e.child is None)
    more = [*messages, {'role': 'assistant', 'content': h.text}, {'role': 'user', 'content': 'More.'}]
    again = await hear(e, more, MODEL, limit=2)
    assert again.done.cached >= h.done.prompt_tokens + 5 and again.phases[0].what == 'loading'     # its own words too
    await e.close()
    assert not child.alive and e.child is None

@real
async def test_a_template_that_thinks_thinks_apart(tmp_path):
    template = ("{%- for m in messages %}{%- if m.role == 'assistant' %}{{- '<|im_start|>assistant\n' }}{%- if m.reasoning_content %}{{- "
                "'<think>\n' + m.reasoning_content + '\n</think>\n\n' }}{%- endif %}"
                "{{- m.content + '<|im_end|>\n' }}{%- else %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endif "
                "%}{%- endfor %}{%- if add_generation_prompt %}"
                "{{- '<|im_start|>assistant\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- "
                "'<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}")
    e = Embedded(settings(tmp_path), chat_template=template)
    messages = [{'role': 'system', 'content': 'First think between <think> and </think>, then answer.'}, {'role': 'user', 'content': 'What is 2+3?'}]
    loud, quiet = await hear(e, messages, MODEL, think=True, temperature=0, limit=40), await hear(e, messages, MODEL, temperature=0, limit=40)
    assert '5' in loud.thinking and not quiet.thinking and '5' in quiet.text
    await e.close()

@pytest.mark.model
@pytest.mark.parametrize('when', ['loading', 'loaded'])
def test_the_process_never_outlives_its_parent(tmp_path, when):
    parent = f"""
import asyncio, sys
sys.path[:0] = [{str(root)!r}, {str(root/'tests')!r}]
from test_engines import *
async def main():
    e = Embedded(settings({str(tmp_path)!r}))
    task = asyncio.create_task(e.count(MODEL, hello))
    while not e.child: await asyncio.sleep(.01)
    if {when == 'loaded'}: await task
    else: await asyncio.sleep(.3)
    print(e.child.proc.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    p = subprocess.Popen([sys.executable, '-c', parent], stdout=subprocess.PIPE, text=True)
    try:
        pid = int(p.stdout.readline())
        assert alive(pid)
        p.kill()
        p.wait()
        began, most = time.monotonic(), 1 if sys.platform == 'linux' or when == 'loaded' else 10
        while alive(pid): assert (took := time.monotonic() - began) < most or took < most*busy(), 'the child lives on'; time.sleep(.02)
    finally: p.kill()
def alive(pid):
    if os.name == 'nt': return str(pid) in subprocess.run(['tasklist', '/FI', f'PID eq {pid}'], capture_output=True, text=True).stdout
    try: os.kill(pid, 0)
    except OSError: return False
    stat = Path(f'/proc/{pid}/stat')
    return not stat.exists() or stat.read_text().rpartition(')')[2].split()[0] != 'Z'
