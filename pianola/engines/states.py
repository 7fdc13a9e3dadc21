"What a model has read, kept on disk, so that a fresh process need not read it again: 20 seconds become some milliseconds."
import hashlib, json, os, zlib
from pathlib import Path

class State:
    "One kept state: the text that was read and the file that llama.cpp made of it"
    def __init__(self, file, text): self.file, self.text = file, text
    def common(self, prompt): return len(os.path.commonprefix((self.text, prompt)))

class States:
    """The folder of kept states. Each is two files: NAME.bin, and NAME.json with the text and a checksum, because llama.cpp ends the whole
    process over a damaged one. `kind` says for which model, engine version and context a state is good."""
    def __init__(self, folder, most=8, most_bytes=300_000_000): self.folder, self.most, self.most_bytes = Path(folder).absolute(), most, most_bytes
    def make(self):
        "The folder, for this user only"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == 'posix': self.folder.chmod(0o700)
        return self.folder
    def has(self, kind, name): return all((self.folder/f'{digest(kind)}-{name}.{end}').exists() for end in ('bin', 'json'))

    def best(self, kind, prompt, least):
        "The undamaged state that shares the longest beginning with this prompt, at least `least` characters; None when there is none"
        found = []
        for meta in self.folder.glob(f'{digest(kind)}-*.json'):
            try: told = json.loads(meta.read_text('utf-8'))
            except (OSError, ValueError): self.drop(meta); continue
            found.append((State(meta.with_suffix('.bin'), told['text']), told['crc']))
        for state, crc in sorted(found, key=lambda f: -f[0].common(prompt)):
            if state.common(prompt) < least: return None
            if state.file.exists() and zlib.crc32(state.file.read_bytes()) == crc:
                os.utime(state.file)
                return state
            self.drop(state.file)
        return None
    def keep(self, kind, name, text, saved):
        "Take in, under a name, the file that the engine has just saved in this folder; the ones not used for longest make room"
        saved, name = self.folder/saved, f'{digest(kind)}-{name}'
        crc, meta = zlib.crc32(saved.read_bytes()), self.folder/f'{name}.json'
        meta.unlink(missing_ok=True)                        # never a checksum beside another file
        os.replace(saved, self.folder/f'{name}.bin')
        part = self.folder/f'{name}.part'
        part.write_text(json.dumps({'text': text, 'crc': crc}), 'utf-8')
        if os.name == 'posix': part.chmod(0o600)
        os.replace(part, meta)
        left = self.most_bytes
        for n, f in enumerate(sorted(self.folder.glob('*.bin'), key=lambda f: -f.stat().st_mtime)):
            left -= f.stat().st_size
            if n and (n >= self.most or left < 0): self.drop(f)
    def forget(self, name):
        "Drop every state of this name"
        for meta in self.folder.glob(f'*-{name}.json'): self.drop(meta)
    def drop(self, file):
        for end in ('.bin', '.json'): file.with_suffix(end).unlink(missing_ok=True)

def digest(text): return hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:16]
