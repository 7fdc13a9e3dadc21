"""The words a plugin author needs: our kinds of plugin, the keys and the chat,
and FastHTML's tags. `from pianola import Crud, Page, say, H2, P`, or `*`"""
_where = dict(Long='asking.forms', Url='asking.forms', Json='asking.forms', Range='asking.forms', Ref='asking.forms', Rows='asking.forms',
              Secret='asking.forms', File='asking.files',
              Crud='tables.crud', Page='page', Flow='flows.flow', Markdown='flows.results', action='actions', act='actions', Refused='store',
              show='tabs', say='words', ask='words', talk='words', kv='words', log='words',
              loaded='loading.plugins', put='tabs', item='tabs', viewers='tabs', address='tabs', story='words',
              outcome='conversation.bubble', when='words', house='words', prompt_layers='words', kept_in='words', own_folder='words',
              logins='words', job_list='work.board', plans='schedule', job_bar='work.board', job_button='work.board')

def __getattr__(name):
    "Words are fetched when they are first said, so that a helper process that needs one module does not load the whole house"
    from importlib import import_module
    if name in _where: value = getattr(import_module(f'.{_where[name]}', __name__), name)
    elif name == '__all__':
        # what `*` means
        return [*_where, *(n for n in vars(import_module('fasthtml.common')) if n[0].isupper() and n not in _where)]
    elif name[0].isupper() and hasattr(tags := import_module('fasthtml.common'), name): value = getattr(tags, name)
    else: raise AttributeError(f"pianola has no {name}; it has {', '.join(_where)}, and FastHTML's tags")
    globals()[name] = value
    return value
