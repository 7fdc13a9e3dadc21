"Who may come in: one outermost layer before any route, for pages, streams and sockets alike. Other websites open in the same browser are attackers."
import asyncio, contextlib, hashlib, hmac, ipaddress, re, secrets, socket, time
from html import escape
from urllib.parse import parse_qs, quote, urlsplit
from loguru import logger as log
from .config import is_loopback

policy = ("default-src 'none'; script-src 'self'{cdn}; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
          "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'; worker-src 'none'; object-src 'none'")
safe = ('GET', 'HEAD', 'OPTIONS')

def host_name(host):
    "The name in a Host header without its port, lower case; '' when it is not a plain host"
    try: u = urlsplit(f'//{host}'); u.port      # noqa: B018  a port that is no number raises
    except ValueError: return ''
    if not host or u.username is not None or u.path or u.query or u.fragment or any(c.isspace() or c in '\\,;' for c in host): return ''
    return (u.hostname or '').lower()

def where_from(scope):
    "The address somebody asks from, of IPv6 the network: one machine has all addresses of it"
    said = (scope.get('client') or ('somewhere',))[0]
    try: ip = ipaddress.ip_address(said.partition('%')[0])
    except ValueError: return said
    if ip.version == 6 and not ip.is_loopback: return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)

patience = 10           # seconds for the words of a login to come
login_page = """<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1"><title>Pianola</title>
<link rel=stylesheet href=/static/pianola.css><body class=login><main><h1>Pianola</h1><form method=post action=/api/login><label>Password
<input type=password name=password autofocus required autocomplete=current-password></label><input type=hidden name=to value="{to}"><p role=alert>{said}</p><button>Open</button></form></main></body></html>"""

class Gate:
    """ASGI middleware. Host must be ours, Origin and Sec-Fetch-Site must be
    our own page's wherever something could change, the password must have been
    given where one is set. Leaves in the scope: `page`, true when our own page
    asks (its cookie came along). Adds the headers of a locked-down page."""
    def __init__(self, app, config, key, cdn=''):
        self.app, self.config, self.key = app, config, key
        self.cookie = f'pianola_{hashlib.sha256(key).hexdigest()[:8]}'        # cookies ignore ports: another app on this host must not toss ours
        self.page_word = self._sign(b'page')
        self.pass_word = self._sign(b'pass' + config.password.encode())
        self.policy = policy.format(cdn=f' {cdn}' if cdn else '')
        self.tries, self.told = [], {}          # wrong words as (when, from where); what the console was told, and when
        self.names = {'localhost'}
        if not is_loopback(config.host):
            me = socket.gethostname().lower()
            self.names |= {me, f"{me.split('.')[0]}.local", config.host.lower()}
    def _sign(self, what): return hmac.new(self.key, what, 'sha256').hexdigest()

    def host_ok(self, host):
        name = host_name(host)
        if name in self.names: return True
        try: ip = ipaddress.ip_address(name)
        except ValueError: return False
        # an address cannot be rebound, a name can
        return ip.is_loopback and str(ip) == name or (not is_loopback(self.config.host) and str(ip) == name)

    async def __call__(self, scope, receive, send):
        if scope['type'] not in ('http', 'websocket'): return await self.app(scope, receive, send)
        heads = [(k.decode('latin1').lower(), v.decode('latin1')) for k, v in scope['headers']]
        one = lambda name: next((v for k, v in heads if k == name), None)
        ours = self.brought(heads, self.cookie, self.page_word)
        send = self.dress(scope, send, ours)
        if any(sum(k == name for k, _ in heads) > 1 for name in ('host', 'origin', 'sec-fetch-site')):
            return await self.refuse(scope, send, 'this says two things at once')
        host = one('host') or ''
        if not self.host_ok(host): return await self.refuse(scope, send, 'this host name is not mine')
        origin, site, mode = one('origin'), one('sec-fetch-site'), one('sec-fetch-mode')
        socket_, method = scope['type'] == 'websocket', scope.get('method', 'GET')
        if origin is not None and origin.lower() not in (f'http://{host.lower()}', f'https://{host.lower()}'):
            return await self.refuse(scope, send, 'other websites may not ask this')
        if site is not None and site not in ('same-origin', 'none'):
            if socket_ or method not in safe or mode != 'navigate' or one('sec-fetch-dest') not in ('document', None):
                return await self.refuse(scope, send, 'other websites may not ask this')
        if socket_ and origin is None and site is not None: return await self.refuse(scope, send, 'a socket from a page names its origin')
        scope['page'] = ours and (origin is not None or site in ('same-origin', 'none') or method in safe)
        if self.config.password and not self.brought(heads, f'{self.cookie}_in', self.pass_word):
            if not socket_ and scope['path'] == '/api/login' and method == 'POST': return await self.login(scope, receive, send)
            if not socket_ and method in safe and scope['path'] in ('/static/pianola.css',): return await self.app(scope, receive, send)
            if socket_: return await self.refuse(scope, send, 'the password was not given')
            if method in safe and 'text/html' in (one('accept') or ''):
                wanted = quote(scope['path']) + (f"?{scope['query_string'].decode('latin-1')}" if scope.get('query_string') else '')
                return await self.answer(send, 401, self.asks('', wanted))
            return await self.refuse(scope, send, 'the password was not given', 401)
        await self.app(scope, receive, send)

    def brought(self, heads, name, word):
        """Did a cookie of this name bring this word? Cookies know no ports: what other
        apps on this host tossed in, however odd and under whatever name, comes along"""
        crumbs = [c.strip().partition('=') for k, v in heads if k == 'cookie' for c in v.split(';')]
        return any(hmac.compare_digest(v.encode(), word.encode()) for n, _, v in crumbs if n == name)

    def dress(self, scope, send, known):
        """Every answer carries the policy; the page gets its cookie, which tells our
        own page's clicks from anybody else's. Under the referrer policy `no-referrer`
        a browser would send `Origin: null` with our own login form."""
        # our own files are named by their content, the script by its release: a browser may keep them; all else is asked anew
        named = scope['path'].startswith('/static/') and scope.get('query_string', b'').startswith(b'v=')
        kept, asked = 'private, max-age=31536000, immutable', 'no-cache' if scope['path'].startswith(('/static/', '/vendor/')) else 'no-store'
        async def dressed(m):
            if m['type'] == 'http.response.start':
                names = {k.lower() for k, _ in m['headers']}
                extra = {b'content-security-policy': self.policy, b'x-frame-options': 'DENY', b'x-content-type-options': 'nosniff',
                         b'referrer-policy': 'same-origin', b'cross-origin-opener-policy': 'same-origin',
                         b'cross-origin-resource-policy': 'same-origin',
                         b'permissions-policy': 'camera=(), geolocation=(), microphone=()',
                         # that there is no such file, or nobody may have it, may be otherwise in a moment
                         b'cache-control': kept if named and m['status'] in (200, 304) else asked}
                m['headers'] = [*m['headers'], *((k, v.encode()) for k, v in extra.items() if k not in names)]
                if scope.get('method') == 'GET' and not known and any(k.lower() == b'content-type' and b'text/html' in v for k, v in m['headers']):
                    m['headers'].append((b'set-cookie', f'{self.cookie}={self.page_word}; Path=/; HttpOnly; SameSite=Strict'.encode()))
            await send(m)
        return dressed

    async def login(self, scope, receive, send):
        """Ten wrong words a minute from one place, then it has to wait, and a hundred from all together: a password
        of a person can be guessed by a machine, and who guesses must not keep out who knows it"""
        body = b''
        with contextlib.suppress(TimeoutError):         # what came by then is no password
            async with asyncio.timeout(patience):
                while len(body) < 4096:
                    m = await receive()
                    body += m.get('body', b'')
                    if not m.get('more_body'): break
        now, place = time.monotonic(), where_from(scope)
        self.tries = [(t, p) for t, p in self.tries if now - t < 60]
        said = parse_qs(body.decode('utf-8', 'replace'))
        given, to = said.get('password', [''])[0], said.get('to', ['/'])[0]
        if not re.fullmatch(r'/(?![/\\])[\x21-\x7e]*', to): to = '/'        # a place of ours, and nobody else's
        if len(self.tries) >= 100 or sum(p == place for _, p in self.tries) >= 10:
            return await self.answer(send, 429, self.asks('Too many tries. Wait a minute.', to))
        if not hmac.compare_digest(given.encode(), self.config.password.encode()):
            self.tries.append((now, place))
            log.warning(f'A wrong password was given from {place}')
            return await self.answer(send, 401, self.asks('That is not the password.', to))
        cookie = f'{self.cookie}_in={self.pass_word}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000'
        await self.answer(send, 303, '', (b'location', to.encode()), (b'set-cookie', cookie.encode()))

    def asks(self, said, to): return login_page.format(said=said, to=escape(to))
    async def answer(self, send, status, body, *heads):
        await send({'type': 'http.response.start', 'status': status,
                    'headers': [(b'content-type', b'text/html; charset=utf-8'), (b'content-length', str(len(body.encode())).encode()), *heads]})
        await send({'type': 'http.response.body', 'body': body.encode()})

    def tell(self, scope, why):
        "A line for the person at the terminal; of the same from the same place one in ten minutes, or a page elsewhere could fill the log"
        heads, now = {k: v.decode('latin1')[:100] for k, v in scope['headers'] if k in (b'host', b'origin')}, time.monotonic()
        from_ = f"{(scope.get('client') or ('somewhere',))[0]}{''.join(f', {k.decode()} {v}' for k, v in heads.items())}"
        self.told = {k: t for k, t in self.told.items() if now - t < 600}
        if (why, from_) in self.told or len(self.told) >= 50: return
        self.told[why, from_] = now
        log.warning(f"Refused {scope.get('method', 'a socket')} {scope['path'][:100]} from {from_}: {why}")

    async def refuse(self, scope, send, why, status=403):
        self.tell(scope, why)
        if scope['type'] == 'websocket': return await send({'type': 'websocket.close', 'code': 1008})       # before accept: the browser sees 403
        body = f'{{"error":"{why}","hint":"open Pianola at its own address"}}'.encode()
        await send({'type': 'http.response.start', 'status': status,
                    'headers': [(b'content-type', b'application/json'), (b'content-length', str(len(body)).encode())]})
        await send({'type': 'http.response.body', 'body': body})

def key(folder):
    "This installation's secret, made once and readable by its owner only"
    path, new = folder/'key', folder/'key.new'
    if not path.exists() or path.stat().st_size != 32:       # a power cut can leave an empty one, and anybody can sign with that
        new.write_bytes(secrets.token_bytes(32))
        new.chmod(0o600)
        new.replace(path)
    return path.read_bytes()
