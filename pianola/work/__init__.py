"Work that takes a while: a journal of what was done so far, here or in PostgreSQL, the processes that do it, and how it is watched."
