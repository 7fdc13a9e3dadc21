"""Where the tests' servers come from on Linux: a process that has read in what each of them reads in, and forks
for every one. From the fork on it is `python server.py`: its own arguments, environment, output and end.

`Newborn` is what a test holds; of a Popen it has what is used."""
import json, os, select, signal, socket, struct, subprocess, sys, time
from importlib import import_module
from pathlib import Path

root = Path(__file__).parent.parent

class Newborn:
    "One server; the first of a test process starts the one they all come from"
    mother = process = None
    def __init__(self, args, env):
        if not Newborn.mother:
            Newborn.mother, hers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with hers:
                Newborn.process = subprocess.Popen([sys.executable, __file__, str(hers.fileno())], cwd=root, stdout=subprocess.DEVNULL,
                                                   pass_fds=[hers.fileno()], env=os.environ | {'PYTHONUNBUFFERED': '1'})
        (out, says), (self.end, ends) = os.pipe(), os.pipe()
        socket.send_fds(self.mother, [json.dumps([args, env]).encode()], [says, ends])
        for fd in (says, ends): os.close(fd)
        self.args, self.returncode, self.stdout = args, None, open(out, encoding='utf-8', errors='replace')
        self.pid = self.hear()
    def hear(self):
        if not (told := os.read(self.end, 4)): raise RuntimeError('the nursery is gone; what it said stands above')
        return struct.unpack('i', told)[0]
    def poll(self):
        try: return self.wait(0)
        except subprocess.TimeoutExpired: return None
    def wait(self, timeout=None):
        if self.returncode is None:
            (look := select.poll()).register(self.end)
            if not look.poll(None if timeout is None else timeout*1000): raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = self.hear()
            os.close(self.end)
        return self.returncode
    def send_signal(self, sig):
        if self.poll() is None: os.kill(self.pid, sig)
    def kill(self): self.send_signal(signal.SIGKILL)

def mother(asked):
    "Fork until nobody asks any more; only children come back from here"
    # what each of them loads and compiles at its start or when somebody looks at it first
    for name in ('aiohttp', 'anyio._backends._asyncio', 'httptools', 'uvloop', 'websockets.server'): import_module(name)
    from pianola import render
    from pianola.conversation import understand
    for f in (render.warm, understand.warm): f()
    alive, (died, woken) = {}, os.pipe()
    for fd in (died, woken): os.set_blocking(fd, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        for ready in select.select([asked, died], [], [])[0]:
            if ready is died:
                os.read(died, 4096)
                while alive and (gone := os.waitpid(-1, os.WNOHANG))[0]:
                    os.write(ends := alive.pop(gone[0]), struct.pack('i', os.waitstatus_to_exitcode(gone[1])))
                    os.close(ends)
                continue
            said, fds, _, _ = socket.recv_fds(asked, 1 << 20, 2)
            if not said: os._exit(0)
            if pid := os.fork():
                os.close(fds[0])
                alive[pid] = fds[1]
                os.write(fds[1], struct.pack('i', pid))
                continue
            signal.set_wakeup_fd(-1)
            for sig, how in ((signal.SIGCHLD, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)): signal.signal(sig, how)
            for fd in (1, 2): os.dup2(fds[0], fd)
            asked.close()
            for fd in (*fds, *alive.values(), died, woken): os.close(fd)
            sys.argv[1:], env = json.loads(said)
            os.environ.clear()
            os.environ.update(env)
            time.tzset()
            return

if __name__ == '__main__':
    sys.path[0], sys.argv = str(root), [str(root/'server.py'), *sys.argv[1:]]
    import server
    mother(socket.socket(fileno=int(sys.argv[1])))
    server.main()
