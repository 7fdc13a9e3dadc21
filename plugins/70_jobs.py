"Jobs: what runs, waits and failed, with its log; and what begins by itself."
from pianola import Page, job_list

page = Page()

@page
async def index(): return await job_list()
