"""A sentinel:// URL: what it says, and what is said of a wrong one."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from progress import conf, redis_servers
from progress.layers import redis_layer

URL = "sentinel://me:p%40ss@one,two:5000,[::1]:7/main%20one/3?sentinel_password=a%26b"


def test_a_url_says_all_that_a_client_needs():
    address = redis_servers.read(URL)
    assert address.sentinels == [("one", 26379), ("two", 5000), ("::1", 7)]
    assert address.master_name == "main one"
    assert address.options == {"db": 3, "username": "me", "password": "p@ss"}
    assert address.sentinel_kwargs["password"] == "a&b"
    assert address.sentinel_kwargs["socket_timeout"] == 1


def test_what_it_does_not_say_is_what_redis_takes_for_granted():
    address = redis_servers.read("sentinel://one/main")
    assert (address.sentinels, address.options) == ([("one", 26379)], {"db": 0})


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
def test_a_wrong_url_is_refused_in_words_that_say_what_to_write(url, settings):
    settings.PROGRESS_REDIS_URL = url
    for enter in (conf.redis_url, lambda: redis_layer(url)):
        with pytest.raises(ImproperlyConfigured, match="write it as sentinel://host") as raised:
            enter()
        assert "sec" not in str(raised.value).replace("second", "")


def test_the_layer_takes_several_servers_each_by_url_or_by_sentinels():
    hosts = redis_layer("redis://one/0", URL)["CONFIG"]["hosts"]
    assert [host.get("address") for host in hosts] == ["redis://one/0", None]
    assert (hosts[1]["master_name"], hosts[1]["db"]) == ("main one", 3)
    assert all(host["socket_keepalive_options"] for host in hosts)
