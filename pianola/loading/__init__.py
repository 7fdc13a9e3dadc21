"A file in plugins/ becomes a plugin: what it wants to know, what it needs, a try in a process of its own, and at last its keys and routes, all at once."
