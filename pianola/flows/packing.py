"A run as a file to take elsewhere: its answers as JSON and the files they name, in one zip. What comes back in may come from anybody."
import io, json, re, zipfile
from ..asking.files import File, Taking
from ..store import Refused
from ..tx import brackets, sound

# bytes of all, and of its data; levels of those, lists and objects in them
largest, longest, deepest, most = 500_000_000, 50_000_000, 150, 2_000_000

def _named(v):
    "Every HASH/NAME in data"
    if isinstance(v, str): return [v] if re.fullmatch(r'[0-9a-f]{64}/[^/\\\0]{1,200}', v) else []
    return [f for x in (v.values() if isinstance(v, dict) else v if isinstance(v, list) else ()) for f in _named(x)]

def _deeper(v, most):
    "Do data go deeper than so many levels? Looked at level by level: what goes very deep would end a recursion"
    level = [v]
    for _ in range(most):
        level = [x for c in level if isinstance(c, (dict, list)) for x in (c.values() if isinstance(c, dict) else c)]
        if not level: return False
    return True

def packed(d):
    "The bytes of an exported run"
    with zipfile.ZipFile(out := io.BytesIO(), 'w', zipfile.ZIP_DEFLATED) as z:
        z.writestr('run.json', json.dumps(d, ensure_ascii=False, indent=1))
        for hash in dict.fromkeys(f[:64] for f in _named(d['answers'])):
            if (p := File(f'{hash}/x').path).is_file(): z.write(p, f'files/{hash}')
    return out.getvalue()

def unpacked(file):
    "The run in a zip that was given to us as a File; its files are kept under the hash they really have"
    if not re.fullmatch(r'[0-9a-f]{64}/[^/\\\0]{1,200}', str(file)) or not File(file).path.is_file():
        raise Refused('there is no such file', 'give it to /api/files first', 404)
    try:
        with zipfile.ZipFile(File(file).path) as z:
            if sum(i.file_size for i in z.infolist()) > largest: raise Refused(f'what is in it is larger than {largest//1_000_000} MB', status=413)
            # read as a whole, and many times as large in memory
            if z.getinfo('run.json').file_size > longest: raise Refused(f'its run.json is larger than {longest//1_000_000} MB', status=413)
            if brackets(text := z.read('run.json')) > most: raise Refused(f'its run.json holds more than {most:,} lists and objects', status=413)
            d = sound(json.loads(text))
            if _deeper(d, deepest): raise ValueError(f'it goes deeper than {deepest} levels')
            for name in z.namelist():
                if not re.fullmatch('files/[0-9a-f]{64}', name): continue
                taking, room = Taking(name[-64:]), largest
                try:
                    with z.open(name) as f:
                        while piece := f.read(1 << 20):
                            room -= len(piece)
                            if room < 0: raise Refused('a file in it is too large', status=413)
                            taking.add(piece)
                    if taking.hash.hexdigest() != name[-64:]: raise Refused('a file in it is not what it says it is', 'export the run again')
                    taking.done()
                except BaseException:
                    taking.stop()
                    raise
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, NotImplementedError, EOFError) as e:
        raise Refused(f'this is no exported run: {str(e)[:100]}', 'give a .zip that Pianola exported') from None
    return d
