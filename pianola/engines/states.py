"What a model has read, kept on disk, so that a fresh process need not read it again: 20 seconds become some milliseconds."
import hashlib, json, os, shutil, zlib
from pathlib import Path
from loguru import logger as log

class State:
    "One kept state: the text that was read and the file that llama.cpp made of it"
    def __init__(self, file, text): self.file, self.text = file, text
    def common(self, prompt): return len(os.path.commonprefix((self.text, prompt)))

class States:
    """The folder of kept states. Each is two files: NAME.bin, and NAME.json with the text and a checksum, because llama.cpp ends the whole
    process over a damaged one. `kind` says for which model, engine version and
    context a state is good. `reserve` bytes of the disk are left to others:
    what is kept here can be read again, what is said beside it cannot."""
    def __init__(self, folder, most=8, most_bytes=300_000_000, reserve=200_000_000):
        self.folder, self.most, self.most_bytes, self.reserve = Path(folder).absolute(), most, most_bytes, reserve
    def make(self):
        "The folder, for this user only"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == 'posix': self.folder.chmod(0o700)
        return self.folder
    def fits(self, size):
        "Is there room on the disk for a state of so many bytes, and the reserve"
        return shutil.disk_usage(self.folder).free >= size + self.reserve
    def tidy(self):
        "Remove what was begun and not finished: a disk that was full is full of it"
        for f in (self.folder/saving, *self.folder.glob('*.part')): _remove(f)
    def has(self, kind, name): return all((self.folder/f'{digest(kind)}-{name}.{end}').exists() for end in ('bin', 'json'))

    def best(self, kind, prompt, least):
        "The undamaged state that shares the longest beginning with this prompt, at least `least` characters; None when there is none"
        found = []
        for meta in self.folder.glob(f'{digest(kind)}-*.json'):
            try:
                told = json.loads(meta.read_text('utf-8'))
                text, crc = told['text'], told['crc']
                if not isinstance(text, str): raise TypeError
            except (OSError, ValueError, LookupError, TypeError, RecursionError): self.drop(meta); continue
            found.append((State(meta.with_suffix('.bin'), text), crc))
        for state, crc in sorted(found, key=lambda f: -f[0].common(prompt)):
            if state.common(prompt) < least: return None
            try:
                if zlib.crc32(state.file.read_bytes()) == crc:
                    os.utime(state.file)
                    return state
            except OSError as e: log.warning('a kept state cannot be read: {}', e)
            self.drop(state.file)
        return None
    def keep(self, kind, name, text):
        "Take in, under a name, what the engine has just saved as `saving` in this folder; the ones not used for longest make room"
        saved, name = self.folder/saving, f'{digest(kind)}-{name}'
        crc, meta = zlib.crc32(saved.read_bytes()), self.folder/f'{name}.json'
        part = self.folder/f'{name}.part'
        part.write_text(json.dumps({'text': text, 'crc': crc}), 'utf-8')
        if os.name == 'posix': part.chmod(0o600)
        meta.unlink(missing_ok=True)                        # never a checksum beside another file
        os.replace(saved, self.folder/f'{name}.bin')
        os.replace(part, meta)
        left = self.most_bytes
        for n, f in enumerate(sorted(self.folder.glob('*.bin'), key=lambda f: -f.stat().st_mtime)):
            left -= f.stat().st_size
            if n and (n >= self.most or left < 0): self.drop(f)
    def forget(self, name):
        "Drop every state of this name"
        for meta in self.folder.glob(f'*-{name}.json'): self.drop(meta)
    def drop(self, file):
        for end in ('.bin', '.json'): _remove(file.with_suffix(end))

saving = 'saving.tmp'               # what the engine writes; it gets its name when it is whole

def _remove(file):
    try: file.unlink(missing_ok=True)
    except OSError as e: log.warning('{} cannot be removed: {}', file, e)

def digest(text): return hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:16]
