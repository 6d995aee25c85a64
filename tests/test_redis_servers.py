"""sentinel:// URLs: their parts, and the errors for wrong ones."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from progress import conf, redis_servers
from progress.layers import redis_layer

URL = "sentinel://me:p%40ss@one,two:5000,[::1]:7/main%20one/3?sentinel_password=a%26b"


def test_a_sentinel_url_holds_all_that_a_client_needs():
    parts = redis_servers.parse(URL)
    assert parts.sentinels == [("one", 26379), ("two", 5000), ("::1", 7)]
    assert parts.master_name == "main one"
    assert parts.options == {"db": 3, "username": "me", "password": "p@ss"}
    assert parts.sentinel_kwargs["password"] == "a&b"
    assert parts.sentinel_kwargs["socket_timeout"] == 1


def test_parts_that_a_url_leaves_out_have_the_defaults_of_redis():
    parts = redis_servers.parse("sentinel://one/main")
    assert (parts.sentinels, parts.options) == ([("one", 26379)], {"db": 0})


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://",
        "sentinel://one",
        "sentinel://one/",
        "sentinel:///main",
        "sentinel://one,,two/main",
        "sentinel://one:secret/main",
        "sentinel://one:99999/main",
        "sentinel://me:sec/ret@one/main",
        "sentinel://[::1/main",
        "sentinel://one/main/first",
        "sentinel://me:secret@one/main/0/1",
        "sentinel://me:secret@one/main?ssl=true",
    ],
)
def test_the_error_for_a_wrong_url_shows_the_right_form_and_no_password(url, settings):
    settings.PROGRESS_REDIS_URL = url
    for parse in (conf.redis_url, lambda: redis_layer(url)):
        with pytest.raises(ImproperlyConfigured, match="write it as sentinel://host") as raised:
            parse()
        assert "sec" not in str(raised.value).replace("second", "")


def test_a_layer_accepts_several_servers_each_by_url_or_by_sentinels():
    hosts = redis_layer("redis://one/0", URL)["CONFIG"]["hosts"]
    assert [host.get("address") for host in hosts] == ["redis://one/0", None]
    assert (hosts[1]["master_name"], hosts[1]["db"]) == ("main one", 3)
    assert all(host["socket_keepalive_options"] for host in hosts)
