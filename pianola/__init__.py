"The words a plugin author needs: FastHTML's tags, our kinds of plugin, the keys and the chat. `from pianola import Crud, Page, say, ask, show, kv, log`"
_where = dict(Crud='crud', Page='page', action='actions', act='actions', Refused='store', show='tabs', say='words', ask='words', kv='words', log='words')
__all__ = ['Crud', 'Page', 'action', 'act', 'Refused', 'show', 'say', 'ask', 'kv', 'log']      # noqa: F822  they come through __getattr__

def __getattr__(name):
    "Words are fetched when they are first said, so that a helper process that needs one module does not load the whole house"
    if name not in _where: raise AttributeError(f"pianola has no {name}; it has {', '.join(__all__)}")
    import importlib
    value = getattr(importlib.import_module(f'.{_where[name]}', __name__), name)
    globals()[name] = value
    return value
