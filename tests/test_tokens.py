"""Tokens as text: what they open is tests/access."""

import pytest
from django.core.signing import Signer

from progress import make_token, tokens


@pytest.mark.parametrize("key", ["a key", b"a key of bytes"])
def test_a_token_is_signed_as_django_signs(settings, key):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, []
    text = make_token("a")
    assert Signer(salt=tokens.SALT, sep=".").unsign_object(text)[0] == "a"
    assert tokens.read_token(text).task_id == "a"
