"""What the rows of a table are narrowed to by a key: `{"paid": false, "due": {"<": "2026-12-01"}}`, as SQL and in words.

    conditions(table, where)  →  (SQL condition, its values)      said(table, where)  →  “ (not paid, due before 2026-12-01)”"""
from ..store import Refused
from ..tx import fold, sound
from .grid import text_of

signs = ('<', '<=', '>', '>=', '!=')

def conditions(table, where):
    "(SQL condition, its values) of a filter; Refused says which column or sign there is not"
    if extra := [k for k in where if k not in table.columns and k not in ('id', table.link)]:
        raise Refused(f"{table.name} has no {', '.join(extra)}", f"it has id, {', '.join(table.columns)}")
    cond, vals = ['1'], []
    for k, v in where.items():
        for sign, x in v.items() if isinstance(v, dict) else [('=', v)]:
            one, more = condition(table, k, sign, x)
            cond.append(one)
            vals += more
    return ' and '.join(cond), vals

def condition(table, k, sign, v):
    "(SQL condition, its values) of one column that is as a sign and a value say"
    f, no = table.columns.get(k), 'not ' if sign == '!=' else ''
    if sign not in ('=', *signs): raise Refused(f'{sign[:9]} compares nothing', f"it is one of {', '.join(signs)}")
    if sign in ('<', '<=', '>', '>='):
        if not f or v is None or isinstance(v, bool) or f.kind not in ('int', 'float', 'date', 'datetime', 'time', 'text'):
            raise Refused(f'{k} is not compared by {sign}', 'numbers, dates and texts are')
        try:
            # 2.5 is more than the whole number 2
            if isinstance(v, (int, float)) and f.kind in ('int', 'float'): return f'"{k}"{sign}?', [sound(v)]
            return f'("{k}"{sign}? and "{k}"!=\'\')', [f.keep(f.parse(v))]
        except (ValueError, TypeError) as e: raise Refused(f'{k} {e}') from None
    if v is None: return f'{no}("{k}" is null or "{k}"=\'\')', []
    if f and f.kind in ('text', 'long', 'url', 'choice') or f and f.kind == 'ref' and isinstance(v, str) and not v.strip().isdigit():
        return f"{no}coalesce(fold(trim({text_of(table, k)})),'')=?", [fold(str(v).strip())]
    try: kept = f.keep(f.parse(v)) if f else sound(int(v))
    except (ValueError, TypeError): return '1' if no else '0', []
    return f'{no}"{k}" is ?' if not f or f.kind != 'bool' else f'{no}coalesce("{k}",0)=?', [kept]

def said(table, where):
    "A filter in words, in brackets; '' where there is none"
    told = [_one(k.replace('_', ' '), table.columns.get(k), v) for k, v in (where or {}).items()]
    return f" ({', '.join(told)})" if told else ''

def _one(k, f, v):
    "One column and what it is compared with"
    if v is None: return f'without {k}'
    if not isinstance(v, dict): return (k if v else f'not {k}') if f and f.kind == 'bool' else f'{k} {v}'
    if v == {'!=': None}: return f'with {k}'
    counts = f and f.kind in ('int', 'float')
    words = ({'<': 'under', '<=': 'at most', '>': 'over', '>=': 'at least', '!=': 'not'} if counts else
             {'<': 'before', '<=': 'until', '>': 'after', '>=': 'from', '!=': 'not'})
    return f'{k} ' + ' and '.join(f'{words[sign]} {number(x) if counts else x}' for sign, x in v.items())

def number(n):
    "A number as people write it"
    return f'{n:,.2f}' if isinstance(n, float) and n != int(n) else f'{n:,.0f}' if isinstance(n, (int, float)) else str(n)
