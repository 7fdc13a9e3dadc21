"""Which days a stretch of time is: *last month*, *December*, *the next two weeks*, *2025*, *Friday*, *the end of November*.

    span(lang, text) → (its first day, the day after its last) · None for what is no time"""
import re
from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache
from .language import late

def span(lang, text, back=False, today=None):
    "The days that words say. A month or a day whose year is not said is the nearest one; with `back` (*since*) the one that has begun."
    w, today = lang.compare['time'], today or date.today()
    said = text.lower().split()
    for edge, ends in (('start', 0), ('end', 1)):
        if m := next((p.split() for p in w[edge] if said[:len(p.split())] == p.split()), None):
            rest = [x for x in said[len(m):] if x not in lang.words['day_small']]
            whole = span(lang, ' '.join([w['this'][0], *rest] if len(rest) == 1 and any(rest[0] in w[u] for u in units) else rest), back, today)
            day = whole and (whole[1] - timedelta(1) if ends else whole[0])
            return day and (day, day + timedelta(1))
    words = [x for x in said if x not in lang.words['day_small']]
    return _ours(lang, w, words, today) or _month(lang, words, back, today) or _day(lang, w, text, words, back, today)

@lru_cache(8)
def times(lang):
    "The words that say when"
    w = lang.compare['time']
    return {*lang.gist['days'], *lang.months, *(x for u in units for x in w[u]), *w['day_words']}
def timely(lang, word): return word.strip('.,') in times(lang) or word[:1].isdigit()

def _ours(lang, w, words, today):
    "This week, last month, the next three days, the last year"
    which = next((n for n in ('this', 'last', 'next') if words and words[0] in w[n]), None)
    unit = which and next((u for u in units if words[-1] in w[u]), None)
    if not unit or len(words) > 3: return None
    step = {'this': 0, 'last': -1, 'next': 1}[which]
    if len(words) == 2: return units[unit](_later(today, unit, step))
    n = lang.number(words[1])
    if not step or not n or n != int(n) or not 0 < n < 1000 or unit == 'weekend': return None
    # the last seven days end today, the next seven begin tomorrow
    return ((_later(today, unit, -n) + timedelta(1), today + timedelta(1)) if step < 0 else
            (today + timedelta(1), _later(today, unit, n) + timedelta(1)))
def _later(day, unit, n):
    "So many units later"
    many = {'day': {'days': n}, 'week': {'weeks': n}, 'weekend': {'weeks': n}, 'month': {'months': n}, 'quarter': {'months': 3*n},
            'year': {'years': n}}[unit]
    return day + late('dateutil.relativedelta').relativedelta(**{k: int(v) for k, v in many.items()})
def _monday(d): return d - timedelta(d.weekday())
def _months(first, n): return first, _later(first, 'month', n)
units = {'weekend': lambda d: (_monday(d) + timedelta(5), _monday(d) + timedelta(7)), 'day': lambda d: (d, d + timedelta(1)),
         'week': lambda d: (_monday(d), _monday(d) + timedelta(7)), 'month': lambda d: _months(d.replace(day=1), 1),
         'quarter': lambda d: _months(d.replace(month=d.month - (d.month-1) % 3, day=1), 3), 'year': lambda d: _months(date(d.year, 1, 1), 12)}

def _month(lang, words, back, today):
    "December, March 2025, 2025"
    year = int(words[-1]) if words and re.fullmatch(r'(?:19|20)\d\d', words[-1]) else None
    if year and len(words) == 1: return _months(date(year, 1, 1), 12)
    n = lang.months.get(words[0].rstrip('.')) if words and len(words) == 1 + bool(year) else None
    if not n: return None
    return _months(date(year, n, 1) if year else _near(today, back, lambda y: date(y, n, 1), lambda d: d.replace(day=15)), 1)

def _day(lang, w, text, words, back, today):
    "A single day: tomorrow, Friday, 3 December, 2026-12-03, three days ago"
    bare = [x.strip('.,') for x in words]
    if not any(x in times(lang) for x in bare) and not re.search(r'\d{4}-\d\d-\d\d|\d\.\d', text): return None
    # what holds another word is no day, whatever a lenient reader makes of it
    if any(x not in times(lang) and x not in lang.days and x not in lang.words['numbers'] and x not in (*w['this'], *w['last'], *w['next'])
           and not re.fullmatch(r'[\d.-]+(?:st|nd|rd|th)?', x) for x in bare):
        return None
    if not (said := lang.day(text)): return None
    d, named = date.fromisoformat(said), any(x.rstrip('.,') in lang.months for x in words)
    if named and not re.search(r'\d{4}', text): d = _near(today, back, lambda y: date(y, d.month, min(d.day, monthrange(y, d.month)[1])))
    # since Friday
    elif back and d > today and len(words) == 1 and bare[0] not in w['day_words'] and not bare[0][:1].isdigit(): d -= timedelta(7)
    return d, d + timedelta(1)

def _near(today, back, of, middle=lambda d: d):
    "Of the years around this one, the one in which a day is nearest; with `back` the last in which it has come"
    days = [of(today.year + n) for n in (-1, 0, 1)]
    return max(d for d in days if d <= today) if back else min(days, key=lambda d: abs((middle(d) - today).days))
