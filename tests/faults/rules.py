"""Edits the store's script to switch a mitigation off."""

import hashlib

from progress.store import redis


def script(old, new):
    """Replace code in the store's script."""
    assert old in redis.SCRIPT
    redis.SCRIPT = redis.SCRIPT.replace(old, new)
    redis.SHA = hashlib.sha1(redis.SCRIPT.encode()).hexdigest()
