"""What a plugin wants to know from its user: a class `Settings` with annotations
is a form. What is said is put on the class, `Settings.city`, as if it stood there.

Values are kept in the database, by plugin, and changing them can be taken back. A `Secret` is kept
in a file of its own that only its owner may read: never in the database, the log or a prompt."""
import base64, json, os, re, threading
from urllib.parse import quote, quote_plus, unquote, urlsplit
from fasthtml.common import Button, Form, Small
from .. import actions, contain, tabs
from ..actions import act, action
from ..asking import forms
from ..asking.fields import nothing
from ..contain import Refused, hold
from ..store import store

known, owns = {}, {}        # {plugin: what is kept}; {plugin: its Own}

class Own:
    "The settings of one plugin: its class, the fields, and what is said"
    def __init__(self, plugin, cls): self.plugin, self.cls, self.fields = plugin, cls, forms.of_class(cls)
    def apply(self):
        "Put what is kept on the class; what does not fit its type any more counts as unsaid"
        kept = known.get(self.plugin, {}) | secrets().get(self.plugin, {})
        for n, f in self.fields.items():
            try: value = f.parse(kept[n]) if n in kept else None if f.default is nothing else f.default
            except ValueError: value = None if f.default is nothing else f.default
            setattr(self.cls, n, value)
    @property
    def unsaid(self): return [n for n, f in self.fields.items() if f.required and getattr(self.cls, n) is None]
    def form(self, tx=None):
        "The form of them all; a secret is never shown again, only that there is one"
        def show(n, f):
            if f.kind != 'secret': return f.input(getattr(self.cls, n), tx, id=f'set-{self.plugin}-{n}')
            said = 'kept; write a new one to replace it' if getattr(self.cls, n) else 'not set'
            return f.input(None, tx, id=f'set-{self.plugin}-{n}', placeholder=said, required=None, autocomplete='off')
        return Form(*[show(n, f) for n, f in self.fields.items()], Button('Keep'),
                    Small(f"Still needed: {', '.join(self.unsaid)}", cls='wrong') if self.unsaid else None,
                    id=f'settings-{self.plugin}', cls='settings', hx_post=f'/api/settings/{self.plugin}', hx_swap='none')

def of(plugin, cls):
    "The Own of a plugin whose class `Settings` this is, with its values on it; None when it has none"
    if not isinstance(cls, type): return owns.pop(plugin, None) and None
    own = owns[plugin] = Own(plugin, cls)
    own.apply()
    return own

def learn(tx):
    "What is kept, as the app starts"
    secrets()
    known.clear()
    known.update({r['plugin']: json.loads(r['data']) for r in tx.q('select plugin, data from setting')})

# secrets

def _file(): return store.folder/'secrets.json'
def secrets():
    "{plugin: {name: secret}}; Refused when their file is damaged, or cannot be read"
    try: return _secrets()
    except OSError as e:
        raise Refused(f'{_file()} cannot be read: {e.strerror or e}', 'move it away, or make it a file that you may read') from None
    except (ValueError, TypeError, AttributeError):
        raise Refused(f'{_file()} is damaged', 'mend it, or move it away and write the secrets of the settings anew') from None
def _secrets():
    try: at = _file().stat() if hasattr(store, 'folder') else None
    except FileNotFoundError: at = None
    if not at: return {}
    if _read.get('at') != (mark := (str(_file()), at.st_mtime_ns, at.st_size, at.st_ino)):
        _read.update(at=mark, all={p: {**own} for p, own in json.loads(_file().read_text('utf-8')).items()})
    return _read['all']
_read = {}              # read once for each change: whoever must not say a secret asks often
_hiding = threading.Lock()
def hide(plugin, said):
    "Keep secrets, all at once or not at all; '' forgets one"
    with _hiding:
        all_ = dict(secrets())
        all_[plugin] = {k: v for k, v in {**all_.get(plugin, {}), **said}.items() if v}
        new = _file().with_suffix('.new')
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w', encoding='utf-8') as f:
            json.dump(all_, f)
            f.flush()
            os.fsync(f.fileno())
        os.replace(new, _file())
typed = set()           # what was written into a Secret that is kept nowhere: told by flow; and what we were started with
def never_said(*words):
    "Secrets from the environment: no log and no page tells them from now on"
    typed.update(x for w in words if w for x in (w, unquote(w)))
def hidden():
    "Every secret there is, longest first, as it was written and as addresses, JSON, Python and the heads of HTTP would write it"
    try: now = _secrets()
    except (OSError, ValueError, TypeError, AttributeError): now = _read.get('all', {})          # damaged while we run: what was known stays unsaid
    if _read.get('of') is not now or _read['typed'] != len(typed):
        all_ = [(n, v) for own in now.values() for n, v in own.items() if isinstance(v, str)]
        entered = [v for n, v in all_ if n.startswith(_login)]
        parts = [v for _, v in all_] + [*typed] + [p for v in entered for p in (v.partition(':')[2], unquote(v.partition(':')[2]), unquote(v))]
        forms_ = {f(v) for v in (p.encode('utf-8', 'replace').decode() for p in parts)
                  for f in (str, quote, lambda v: quote(v, ''), quote_plus, lambda v: json.dumps(v)[1:-1],
                            lambda v: json.dumps(v, ensure_ascii=False)[1:-1], lambda v: repr(v)[1:-1], _base64)}
        _read.update(of=now, typed=len(typed), hidden=sorted((v for v in forms_ if len(v) > 5), key=len, reverse=True))
    return _read['hidden']
def _base64(v): return base64.b64encode(v.encode()).decode().rstrip('=')
def masked(text):
    "The text with ••• for every secret"
    for s in hidden(): text = text.replace(s, '•••')
    return text
contain.mask = masked

# logins: http://user:password@host, as people write it

_login = 'login of '
_written = re.compile(r'(?i)\b(https?://)([^\s/?#@]*(?:@[^\s/?#@]*)*)@(?=([^\s/?#@]+))')
def bare(plugin, said):
    """What was said without the logins of its addresses, wherever they stand in text, lists and
    objects; each is kept as a secret of the plugin. An empty one (http://@host/) forgets it."""
    found = {}
    def out(x):
        if isinstance(x, str):
            return _written.sub(lambda m: found.__setitem__(_login + _at(m[1] + m[3]), m[2] if m[2].strip(':') else '') or m[1], x) if '@' in x else x
        if isinstance(x, dict): return {k: out(v) for k, v in x.items()}
        return [out(v) for v in x] if isinstance(x, list) else x
    said = out(said)
    if {k: v for k, v in found.items() if secrets().get(plugin, {}).get(k, '') != v}: hide(plugin, found)
    return said
def half(text):
    "Could this be an address with a login, or the beginning of one that is being written? Such is kept nowhere."
    return any('@' in a or ':' in a and not re.fullmatch(r'(?:[\w-]+\.[\w.-]+|localhost|\[[0-9a-f:]+\]|[0-9.]+):\d{0,5}', a, re.I)
               for a in re.findall(r'(?i)https?://([^\s/?#]*)', text)) if isinstance(text, str) else False
def _at(url):
    u = urlsplit(url)
    return (f'{u.scheme.lower()}://{(u.hostname or "").lower()}'
            + (f':{u.port}' if u.port and u.port != {"http": 80, "https": 443}[u.scheme.lower()] else ''))
def logins(plugin):
    "{'https://host[:port]': (user, password)}: what was written into addresses that this plugin was given"
    return {k.removeprefix(_login): tuple(unquote(x) for x in v.partition(':')[::2]) for k, v in secrets().get(plugin, {}).items()
            if k.startswith(_login)}
actions.take_logins = bare

# changing

async def keep(plugin, said, by='user'):
    "What the form of a plugin said: secrets go to their file, the rest is a key's press"
    own = owns.get(plugin)
    if not own: raise Refused(f'{plugin} has no settings', f"there are those of {', '.join(owns) or 'none'}", 404)
    if extra := [k for k in said if k not in own.fields and not k.startswith('forget-')]:
        raise Refused(f"{plugin} has no setting {', '.join(extra)}", f"it has {', '.join(own.fields)}")
    shut = {k: said[k] for k, f in own.fields.items() if f.kind == 'secret' and said.get(k)}
    open_ = {k: f for k, f in own.fields.items() if f.kind != 'secret' and (k in said or f.kind == 'bool' and by == 'user')}
    values, wrong = forms.read(open_, bare(plugin, said))
    if wrong: raise Refused('; '.join(f'{k} {w}' for k, w in wrong.items()), fields=wrong)
    if shut: hide(plugin, shut)
    return await act('settings.change', {'plugin': plugin, 'values': {k: own.fields[k].plain(v) for k, v in values.items()},
                                         'secrets': list(shut)}, by=by)

@action(name='settings.change', plugin='settings', title='Change settings', model=False,
        say=lambda a, r, c: f"Changed {', '.join([*r, *a['secrets']]) or 'nothing'} in the settings of {a['plugin']}",
        asks=lambda tx, plugin, values, secrets=(): f"Set {', '.join(f'{k} to {v}' for k, v in values.items())} in the settings of {plugin}?")
def _change(tx, plugin: str, values: dict, secrets: list[str] = []):      # noqa: B006  msgspec copies it
    "Change the settings of a plugin."
    own = owns.get(plugin)
    if not own: raise Refused(f'{plugin} has no settings', f"there are those of {', '.join(owns) or 'none'}", 404)
    for k in values:
        if k not in own.fields: raise Refused(f'{plugin} has no setting {k}', f"it has {', '.join(own.fields)}")
        if own.fields[k].kind == 'secret': raise Refused(f'{k} is a secret, which no key carries', 'write it in the form of the settings', 403)
        try: values[k] = own.fields[k].plain(own.fields[k].parse(values[k]))
        except ValueError as e: raise Refused(f'{k} {e}', fields={k: str(e)}) from None
    row = tx.one('select * from setting where plugin=?', plugin)
    data = json.loads(row['data']) if row else {}
    new = {k: v for k, v in values.items() if data.get(k, own.fields[k].start) != v}
    text = json.dumps({**data, **new}, ensure_ascii=False, sort_keys=True)
    if new and not row: tx.insert('setting', {'plugin': plugin, 'data': text})
    elif new: tx.update('setting', row['id'], {'data': text})
    return list(new)

@store.on
def hear(e):
    "A row of the settings changed, whoever did it (or took it back): the class and every tab follow"
    if e.what != 'settings.change' and not any(t == 'setting' for t, _ in e.rows): return
    async def follow():
        await store.read(learn)
        for own in owns.values(): own.apply()
        tabs.put(*[tabs.item(f'settings-{own.plugin}', await store.read(own.form), only=True) for own in list(owns.values())
                   if own.plugin == e.data.get('args', {}).get('plugin', own.plugin)], seq=e.id)
    hold(follow(), 'settings could not be put in place')
