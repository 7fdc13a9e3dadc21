"""The embedded engine's own process: llama.cpp's server, apart from ours, so that a crash or a slow load hurts nobody. embedded.py runs this file.

One line of JSON comes in (what to load, the key to it), one goes out (where it answers, or what went wrong). When the line in closes, it ends."""
import json, os, signal, sys

def end_with_parent():
    """Let the system end this process when its parent is gone, also while a model is
    loading and Python stands still; where it cannot, main() sees it after the load"""
    try: import fcntl
    except ImportError: return
    if hasattr(fcntl, 'F_SETOWN') and hasattr(os, 'O_ASYNC'):
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)

def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)            # Ctrl-C is for the parent; it ends us when its replies are kept
    os.umask(0o077)
    out = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)                                           # whatever a library prints is log
    want = json.loads(sys.stdin.readline())
    end_with_parent()
    def tell(**what): print(json.dumps(what), file=out, flush=True)
    try:
        import xllamacpp
        gpu = any('GPU' in str(d['type']) for d in xllamacpp.get_device_info())
        p = xllamacpp.CommonParams()
        p.model.path, p.n_ctx, p.n_parallel, p.port = want['path'], want['context'], 1, 0
        p.cpuparams.n_threads = p.cpuparams_batch.n_threads = want['threads']
        p.n_batch = p.n_ubatch = 512 if gpu else 64         # on a CPU as fast as 2048; progress and stop come every 64 tokens instead of never
        p.api_keys, p.cors_origins, p.cors_credentials = [want['key']], '', False
        p.slot_save_path, p.cache_ram_mib, p.ui = want['states'], 256, False
        p.fit_params = gpu                                  # to see what fits in a GPU it loads the file twice; without one nothing comes of that
        p.sse_ping_interval = 3600                          # a ping is no sign of life of the model
        for k, v in want['params'].items(): setattr(p, k, v)
        server = xllamacpp.Server(p)
    except Exception as e:
        tell(error=f'{type(e).__name__}: {e}')
        return 1
    tell(url=server.listening_address)
    sys.stdin.read()
    return 0

if __name__ == '__main__': os._exit(main())                 # the server's threads are not asked
