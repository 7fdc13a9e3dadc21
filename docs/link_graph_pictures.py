"""Makes the pictures of plugins/45_link_graph/README.md: a site of our own making is crawled with the real model,
step by step, as a user does it. `python docs/link_graph_pictures.py`, in the environment that `start.py test` makes.

The site is served on this machine and reached by the name workshop.example through a proxy that only this script knows."""
import io, random, sys, tempfile
from pathlib import Path
root = Path(__file__).parent.parent
sys.path[:0] = [str(root), str(root/'tests')]
from conftest import Server, browser_path
from link_defects import Shop, spoil
from link_site import Proxy, Site
from PIL import Image
from playwright.sync_api import expect, sync_playwright

out = root/'plugins/45_link_graph/static/readme'

def workshop():
    "A shop of 300 articles in six departments, with what goes wrong in such sites"
    shop, rng = Shop(), random.Random(5)
    for kind in ('images_no_alt', 'description_missing', 'redirect_chain', 'server_error', 'island', 'orphan'): spoil[kind](shop)
    shop.docs['/guides/paint/'].title = None
    for f, name in enumerate('Saws Planes Chisels Hammers Glue Paint'.split()):
        top = f'/{name.lower()}/'
        shop.add(top, f'Department of {name.lower()}')
        shop.docs['/'].links.append((top, name))
        for i in range(50):
            d = shop.add(f'{top}{i}/', f'{name}, number {f*50+i}')
            shop.docs[top].links.append((d.path, f'{name} {i}'))
            d.links = [(f'{top}{rng.randrange(50)}/', 'A thing like it') for _ in range(3)]
            if rng.random() < .06: d.title = None
            if rng.random() < .05: d.description = 'Good.'
        if name == 'Glue': shop.docs[f'{top}7/'].links += [(f'/catalogue-2019/{i}.html', f'Page {i} of the old catalogue') for i in range(30)]
    return shop

def keep(name, png, colours=96):
    "A picture with few colours: small, and as sharp"
    out.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(png)).convert('RGB').quantize(colours, dither=Image.Dither.NONE).save(out/f'{name}.png', optimize=True)
    print(name, (out/f'{name}.png').stat().st_size)

def main():
    shop, data = workshop(), Path(tempfile.mkdtemp())/'data'
    with Site(delay=.06) as site, Proxy({'workshop.example:80': site.port}) as proxy:
        site.server.RequestHandlerClass.version_string = lambda self: 'web'
        site.pages = shop.pages('http://workshop.example')
        server = Server(data, env={'PIANOLA_ENGINE': 'embedded'})
        try:
            server.post('/api/settings/link_graph', {'proxy': proxy.url, 'comments': 'false'})
            with sync_playwright() as p:
                b = p.chromium.launch(executable_path=browser_path, args=['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader',
                                                                          '--enable-unsafe-swiftshader'])
                page = b.new_page(viewport={'width': 1280, 'height': 860}, reduced_motion='reduce', color_scheme='light')
                state = lambda step, *states: page.wait_for_selector(','.join(f'#link_graph-{step}[data-state={s}]' for s in states), timeout=120_000)
                def shoot(name, first, last=None, pad=12, upto=0):
                    "From one element to another, over the width of the left column"
                    page.evaluate('document.querySelector("#toasts").replaceChildren()')
                    page.mouse.move(1, 1)
                    page.set_viewport_size({'width': 1280, 'height': 2600})         # all of it in one piece
                    page.wait_for_timeout(500)
                    box, end, left = (page.locator(at).bounding_box() for at in (first, last or first, '#main'))
                    high = end['y'] + end['height'] - box['y'] + 2*pad
                    keep(name, page.screenshot(clip={'x': left['x'], 'y': box['y'] - pad, 'width': left['width'], 'height': min(high, upto or high)}))
                    page.set_viewport_size({'width': 1280, 'height': 860})
                page.goto(server.url + '/link_graph')
                page.fill('[name=url]', 'workshop.example')
                page.wait_for_timeout(600)
                shoot('1-site', '#link_graph-bar', '#link_graph-site')
                page.fill('[name=url]', 'http://workshop.example')
                page.get_by_role('button', name='Look at it').click()
                state('how_far', 'open')
                page.fill('[name=speed]', '80')
                page.locator('#link_graph-panel', has_text='sitemaps name').wait_for()
                shoot('2-how-far', '#link_graph-how_far', '#link_graph-panel')
                page.locator('#link_graph-how_far button.run').click()
                state('crawl', 'open')
                page.locator('#link_graph-crawl button.run').click()
                page.locator('#link_graph-panel[data-state=running]').wait_for(timeout=30_000)
                page.wait_for_timeout(2200)
                shoot('3-crawl', '#link_graph-crawl', '#link_graph-panel', upto=1000)
                state('export', 'open')
                page.locator('.lg-picture').wait_for(timeout=60_000)
                page.locator('.lg-finding', has_text='Source of many dead links').click()
                page.locator('.lg-why').wait_for()
                page.wait_for_timeout(1500)
                shoot('4-findings', '#link_graph-panel')
                viewer = b.new_page(viewport={'width': 1280, 'height': 800}, reduced_motion='reduce', color_scheme='dark')
                viewer.goto(server.url + page.get_attribute('.lg-picture', 'href'))
                viewer.locator('#phase').wait_for(state='hidden', timeout=60_000)
                viewer.wait_for_timeout(800)
                keep('5-picture', viewer.screenshot(), 160)
                page.locator('#link_graph-export [name=workbook][type=checkbox]').check()
                page.locator('#link_graph-export button.run').click()
                state('export', 'done')
                shoot('6-export', '#link_graph-export')
                mended = workshop()
                mended.docs['/glue/7/'].links = mended.docs['/glue/7/'].links[:3]
                mended.add('/glue/wood-glue/', 'Wood glue, the new one')
                mended.link('/glue/wood-glue/', 'wood glue', ['/glue/'])
                site.pages = mended.pages('http://workshop.example')
                server.act('link_graph.begin', url='http://workshop.example', pages=1000)
                page.goto(server.url + '/link_graph')
                state('export', 'open')
                page.get_by_role('button', name='Compare with the crawl before').click()
                page.locator('#msg-list > [data-role=app]').first.wait_for(timeout=60_000)
                page.fill('#msg', 'Which pages have no title?')
                page.press('#msg', 'Enter')
                expect(page.locator('#msg-list > [data-role=app]')).to_have_count(2, timeout=60_000)
                page.wait_for_timeout(600)
                keep('7-compare', page.locator('#chat').screenshot())
                page.get_by_role('button', name='Explain in the chat').click()
                expect(page.locator('#msg-list > [data-role=app]')).to_have_count(3, timeout=60_000)
                page.wait_for_timeout(30_000)                  # the model adds a word, if it has a true one
                keep('8-chat', page.locator('#chat').screenshot())
        finally: server.kill()

if __name__ == '__main__': main()
