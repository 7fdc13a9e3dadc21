"""Loading while you watch: a saved file is on the menu within a second, in every
tab, and nothing else is touched; and the key that installs what a plugin needs."""
import asyncio
from fasthtml.common import P, Pre, to_xml
from loguru import logger as log
from watchfiles import awatch
from . import contain, page, prompts, tabs
from .actions import action
from .contain import Refused, hold
from .loading import needs, trial
from .loading.plugins import plugins
from .store import store
from .work import board

tasks = []
def start(folder):
    "Watch both folders from now on"
    menu()
    contain.changed = lambda name: plugins.loop.call_soon_threadsafe(trouble, name)
    tasks[:] = [asyncio.create_task(watching(folder, plugins.scan)), asyncio.create_task(watching(prompts.folder, reread))]
async def stop():
    for t in tasks: t.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.to_thread(trial.helper.close)

async def watching(folder, then):
    "Call then() after each change in a folder; a folder that is not there yet is waited for, a system that cannot watch is asked twice a second"
    polling = None
    async def look():
        try: await then()
        except Exception: log.exception(f'a change in {folder} could not be followed')
    while True:
        try:
            if not folder.is_dir(): await asyncio.sleep(1); continue
            await look()
            async for _ in awatch(folder, debounce=100, step=30, rust_timeout=1000, force_polling=polling, poll_delay_ms=500):
                await look()
                if not folder.is_dir(): break
        except (OSError, RuntimeError) as e:                 # no more watches to be had, or the folder went away
            log.warning('{} is asked for changes from now on: {}', folder, e)
            polling = True
            await asyncio.sleep(1)
        except ExceptionGroup as e:                          # a file whose name is not UTF-8 came or went
            log.debug('{} is watched anew: {}', folder, e.exceptions[0])
            await asyncio.sleep(.5)

async def reread():
    "A prompt changed on the disk: the next turn reads it; whoever looks at the prompts sees it"
    tabs.send({'left': 'prompts'})

shown = {}
def menu():
    "What of the menu is not as the tabs have it: (items to put, ids that are gone)"
    now = {p.name: to_xml(page.entry(p, n), indent=False) for n, p in enumerate(plugins.values())}
    # the last first: then nobody has to move for a newcomer
    items = [{'id': f'menu-{n}', 'html': h, 'into': 'menu'} for n, h in reversed(now.items()) if shown.get(n) != h]
    gone = [f'menu-{n}' for n in shown if n not in now]
    shown.clear()
    shown.update(now)
    return items, gone

def trouble(name):
    "Something of a plugin broke, or works again: its mark in the menu follows, and the cards on its page of what broke by itself"
    items, gone = menu()
    tabs.put(*items, gone=gone)
    if p := plugins.get(name): tabs.put(tabs.item(f'{name}-alone', p.alone(), only=True), to=tabs.viewers(name))

@store.on
def hear(e):
    "A plugin came, changed or went: menu and left column follow in every tab"
    if e.kind != 'note' or not e.what.startswith('plugin.'): return
    items, gone = menu()
    tabs.send({'put': items, 'gone': gone, 'left': e.what[7:]}, e.id)

def catch_up(tab, events):
    "The same for a tab that was away: plugins, and jobs that began, went on or ended"
    for id in {e['what'][4:] for e in events if e['kind'] == 'note' and e['what'].startswith('job:')}:
        hold(board.tell(int(id)), 'a job could not be drawn')
    if not (names := {e['what'][7:] for e in events if e['kind'] == 'note' and e['what'].startswith('plugin.')}): return
    tab.send({'put': [{'id': f'menu-{p.name}', 'html': to_xml(page.entry(p, n), indent=False), 'into': 'menu'}
                      for n, p in enumerate(plugins.values())], 'gone': [f'menu-{n}' for n in names if n not in plugins]})
    if tab.view in names: tab.send({'left': tab.view})

@action(name='plugins.install', plugin='plugins', title='Install what a plugin needs', risk='destructive',
        say=lambda a, r, c: f"Installed {', '.join(r)} for {a['plugin']}",
        asks=lambda tx, plugin: f"Install {', '.join(missing(plugin))} into the environment Pianola runs in?")
async def install(plugin: str):
    "Install the packages that a plugin needs and that are missing."
    packages, lines = missing(plugin), []
    async def say(line):
        lines.append(line)
        tabs.put(tabs.item(f'install-{plugin}', Pre('\n'.join(lines[-12:]), id=f'install-{plugin}', cls='output', aria_busy='true'), only=True))
    await say(f"Installing {', '.join(packages)} …")
    try: await needs.install(packages, say)
    except Refused as e:
        tabs.put(tabs.item(f'install-{plugin}', Pre('\n'.join([*lines[-12:], e.text]), id=f'install-{plugin}', cls='output'), only=True))
        raise
    tabs.put(tabs.item(f'install-{plugin}', P('Installed.', id=f'install-{plugin}'), only=True))
    trial.helper.close()             # what it has loaded was looked up before
    await plugins.scan(again={plugin})
    return packages

def missing(plugin):
    p = plugins.get(plugin)
    if not p: raise Refused(f'there is no plugin {plugin[:80]}', f"there is {', '.join(plugins)}", 404)
    if not p.missing: raise Refused(f'{plugin} needs nothing that is not here', status=409)
    return p.missing
