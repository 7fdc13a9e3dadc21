"Jobs: what runs, waits and failed, with its log; and what begins by itself."
from pianola import Page, job_list, plans

page = Page()

@page
async def index(): return await plans(), await job_list()
