"Tasks: what is to be done."
from pianola import Crud

class Task: name: str; done: bool = False

tasks = Crud(Task, belongs_to='profiles')
