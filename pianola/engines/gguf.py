"What a model file says of itself, read from its head only: name, context, size, and whether it is whole."
import re, struct
from mmap import ACCESS_READ, mmap
from pathlib import Path

_fixed = {0: 'B', 1: 'b', 2: 'H', 3: 'h', 4: 'I', 5: 'i', 6: 'f', 7: '?', 10: 'Q', 11: 'q', 12: 'd'}
_types = {0: 'F32', 1: 'F16', 2: 'Q4_0', 3: 'Q4_1', 7: 'Q8_0', 8: 'Q5_0', 9: 'Q5_1', 10: 'Q2_K', 11: 'Q3_K_S', 12: 'Q3_K_M', 13: 'Q3_K_L',
          14: 'Q4_K_S', 15: 'Q4_K_M', 16: 'Q5_K_S', 17: 'Q5_K_M', 18: 'Q6_K', 24: 'IQ1_S', 25: 'IQ4_NL', 30: 'IQ4_XS', 32: 'BF16'}

most = 2_000_000         # values, tensors, texts of a list: the largest vocabularies have half a million

class Damaged(Exception): "Not a model file, or not all of one"

def head(path):
    "{key: value} of a GGUF file's head (arrays as their length), with 'parameters' counted from its tensors; Damaged says why it cannot be one"
    path = Path(path)
    size = path.stat().st_size
    if size < 32: raise Damaged(f'it has only {size} bytes')
    with open(path, 'rb') as f, mmap(f.fileno(), 0, access=ACCESS_READ) as m:
        if m[:4] != b'GGUF': raise Damaged('it does not begin as a GGUF file does')
        at = 4
        def take(form):
            nonlocal at
            got = struct.unpack_from('<' + form, m, at)
            at += struct.calcsize('<' + form)
            return got if len(got) > 1 else got[0]
        def text():
            nonlocal at
            n = take('Q')
            at += n
            if at > size: raise Damaged('it ends within its head')
            return m[at-n:at]
        def value(kind):
            nonlocal at
            if kind == 8: return text().decode(errors='replace')
            if kind != 9: return take(_fixed[kind])
            inner, n = take('IQ')
            if inner in _fixed: at += n*struct.calcsize('<' + _fixed[inner])
            elif inner == 8 and n <= most:
                for _ in range(n): at += 8 + int.from_bytes(m[at:at+8], 'little')
            else: raise Damaged(f'its head says it has a list of {n:,} texts' if inner == 8 else 'its head has a list within a list')
            return n
        try:
            version, tensors, pairs = take('IQQ')
            if max(tensors, pairs) > most: raise Damaged(f'its head says it has {pairs:,} values and {tensors:,} tensors')
            told = {}
            for _ in range(pairs):
                key = text().decode(errors='replace')
                told[key] = value(take('I'))
            told['parameters'] = last = 0
            for _ in range(tensors):
                text()
                n, count = take('I'), 1
                if n > 8: raise Damaged(f'its head says it has a tensor of {n:,} dimensions')
                for _ in range(n): count *= take('Q')
                kind, offset = take('IQ')
                told['parameters'] += count
                last = max(last, offset)
        except (struct.error, KeyError, OverflowError) as e: raise Damaged(f'its head cannot be read ({e})') from None
        if at + last >= size: raise Damaged(f'it has {size:,} bytes and should have more than {at + last:,}')
    return told

def token_bytes(told):
    "What one token takes in the model's memory, in bytes, from its head: a key and a value of two bytes each number in every layer"
    def said(name): return told.get(f"{told.get('general.architecture')}.{name}") or 0
    heads = said('attention.head_count') or 1
    key = said('attention.key_length') or said('embedding_length')//heads
    return 2*said('block_count')*(said('attention.head_count_kv') or heads)*(key + (said('attention.value_length') or key))

def about(path, told):
    "'0.5B, Q4_K_M'"
    n = told['parameters']
    size = told.get('general.size_label') or (f'{n/1e9:.1f}B' if n >= 1e9 else f'{n/1e6:.0f}M')
    named = re.search(r'(?i)\b(i?q\d\w*|b?f16|f32)\b', Path(path).stem.replace('-', ' '))
    kind = _types.get(told.get('general.file_type')) or (named or [''])[0].upper()
    return ', '.join(x for x in (size, kind) if x)
