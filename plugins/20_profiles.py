"Profiles: the people and projects you do things for. Choose one, and Tasks shows theirs."
from pianola import Crud

class Profile: name: str; url: str = ''; active: bool = True

profiles = Crud(Profile)
