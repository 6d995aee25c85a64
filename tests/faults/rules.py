"""Another store script, for what is switched off in it."""

import hashlib

from progress import store


def script(old, new):
    """Change the rules of the store."""
    assert old in store.SCRIPT
    store.SCRIPT = store.SCRIPT.replace(old, new)
    store.SHA = hashlib.sha1(store.SCRIPT.encode()).hexdigest()
