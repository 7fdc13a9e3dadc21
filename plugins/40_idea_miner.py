"Idea miner: a folder of notes is swept, the model takes the big ideas out of each, and they are merged and ranked in a table."
import random, re
from pathlib import Path
from typing import Literal
from pianola import Crud, Flow, Long, Refused, act, ask

class Idea: idea: str; weight: int = 1; file: str = ''; passage: Long = ''

flow = Flow()
ideas = Crud(Idea, name='ideas', title='Ideas', local=True)

@flow.step
def folder(path: str = '', order: Literal['in order', 'at random'] = 'in order', most: int = 100):
    "Which folder of Markdown or text files shall be swept?"
    place = Path(path).expanduser()
    if not path or not place.is_dir(): raise Refused(f'there is no folder {path or "named"}', 'give the path of a folder on this machine')
    read = lambda f: f.suffix.lower() in ('.md', '.markdown', '.txt') and f.is_file() and f.stat().st_size < 2_000_000
    files = sorted(str(f) for f in place.rglob('*') if read(f))
    if order == 'at random': random.shuffle(files)
    return {'files': files[:most]}

@flow.step
async def sweep(job, files):
    "Sweep it: stopped or cut, it goes on with the next file"
    found = 0
    async for n, file in job.each(enumerate(files), key=lambda x: x[1]):
        await job.progress(n, len(files), Path(file).name)
        for passage in passages(Path(file).read_text('utf-8', 'replace'))[:6]:
            said = ''
            async for piece in ask(f'Text:\n{passage}\n\nThe one big idea of this text, in a short sentence of at most twelve words:',
                                   system='You find the big idea in a text. Answer with one short sentence, nothing else.', most=60):
                said += piece
            if idea := said.strip().splitlines()[0].strip(' "*-')[:200] if said.strip() else '':
                await keep(idea, file, passage)
                found += 1
        await job.log(f'{Path(file).name}: {found} ideas so far')
    await job.progress(len(files), len(files), 'done')
    return f'{found} ideas from {len(files)} files. They are in the table below, the weightiest first.'

def passages(text, size=1200):
    "A text in pieces of whole paragraphs, each small enough for a small model"
    out = ['']
    for p in re.split(r'\n\s*\n', text):
        if len(out[-1]) + len(p) > size and out[-1]: out.append('')
        out[-1] += p.strip()[:size] + '\n\n'
    return [p.strip() for p in out if len(p.split()) > 12]

async def keep(idea, file, passage):
    "A new idea, or more weight for one that says nearly the same"
    words = lambda s: {w for w in re.findall(r'\w{4,}', s.lower())}
    for row in (await act('ideas.list', {'limit': 10_000}, by='app')).result:
        a, b = words(row['idea']), words(idea)
        if a and b and len(a & b) / len(a | b) > .5: return await act('ideas.update', {'id': row['id'], 'weight': row['weight'] + 1}, by='app')
    await act('ideas.create', {'idea': idea, 'file': file, 'passage': passage}, by='app')
