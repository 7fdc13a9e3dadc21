"Settings: what each plugin wants to know from you. Secrets are kept apart, and never shown again."
from pianola import Article, H2, P, Page, loaded

page = Page()

@page
def index():
    return ([Article(H2(p.title), p.settings.form(), cls='card') for p in loaded.values() if p.settings]
            or P('No plugin asks for anything. One that has a class `Settings` is listed here.'))
