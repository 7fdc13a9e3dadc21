"""Makes docs/screenshot.png: the page with the real model, as the README shows
it. `python docs/screenshot.py`, in the environment that `start.py test` makes."""
import re, sys, tempfile
from pathlib import Path
root = Path(__file__).parent.parent
sys.path[:0] = [str(root), str(root/'tests')]
from conftest import Server, browser_path
from playwright.sync_api import expect, sync_playwright

def main():
    server = Server(Path(tempfile.mkdtemp())/'data', env={'OLLAMA_HOST': '127.0.0.1:11434', 'PIANOLA_ENGINE': 'auto'})
    try:
        for name in ('Water the plants', 'Book the train to Lyon', 'Send Acme the offer'): server.act('tasks.create', name=name)
        server.act('tasks.update', id=1, done=True)
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=browser_path, args=['--no-sandbox', '--disable-gpu'])
            page = browser.new_page(viewport={'width': 1280, 'height': 760}, device_scale_factor=1.5)
            page.goto(server.url + '/tasks')
            for n, text in enumerate(['add a task: call the dentist', 'which tasks are there?', 'delete all tasks']):
                page.fill('#msg', text)
                page.press('#msg', 'Enter')
                reply = page.locator('#msg-list > [data-role=assistant]').nth(n)
                expect(reply).to_have_attribute('data-status', re.compile('done|error'), timeout=120_000)
            page.wait_for_timeout(600)
            page.screenshot(path=str(root/'docs/screenshot.png'))
    finally: server.kill()

if __name__ == '__main__': main()
