"""Another store script, for what is switched off in it."""

import hashlib

from progress.store import redis


def script(old, new):
    """Change the rules of the store."""
    assert old in redis.SCRIPT
    redis.SCRIPT = redis.SCRIPT.replace(old, new)
    redis.SHA = hashlib.sha1(redis.SCRIPT.encode()).hexdigest()
