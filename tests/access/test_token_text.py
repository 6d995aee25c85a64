"""The text of tokens: signature, and parsing of the query."""

import pytest
from django.core.signing import Signer

from progress import make_token
from progress.access import tokens
from progress.access.handshakes import Handshake


@pytest.mark.parametrize("key", ["a key", b"a key of bytes"])
def test_a_token_has_the_signature_of_djangos_signer(settings, key):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, []
    text = make_token("a")
    assert Signer(salt=tokens.SALT, sep=".").unsign_object(text)[0] == "a"
    assert tokens.read_token(text).task_id == "a"


@pytest.mark.parametrize(
    "query",
    ["", "token", "token=", "token=a", "token=a&token=b", "token=%ff%00", "token=a+b;c", "Token=a"],
)
def test_the_token_in_a_query_is_parsed_as_django_parses_it(query):
    scope = {"type": "websocket", "path": "/", "query_string": query.encode()}
    handshake = Handshake(scope)
    assert handshake.token == handshake.GET.get("token")


def test_a_query_with_too_many_fields_gives_no_token(settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    with pytest.raises(ValueError, match="fields"):
        Handshake({"type": "websocket", "path": "/", "query_string": b"a&b&c"})
