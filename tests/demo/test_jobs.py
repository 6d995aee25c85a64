"""The demo's jobs, started and watched by a script on the running demo."""

import asyncio
import gzip
import json
from urllib.error import HTTPError

import pytest
import websockets

from tests.support.script import Script, watch


@pytest.fixture
def script(demo):
    return Script(demo)


def rising(events):
    versions = [event["version"] for event in events]
    return versions == sorted(set(versions))


@pytest.mark.promise(1)
@pytest.mark.promise(2)
async def test_a_script_sees_the_sample_import_from_start_to_end(script):
    answer = script.start("import")
    events, code = await watch(answer["websocket_url"])
    end = events[-1]
    assert code == 1000
    assert rising(events)
    assert len({event["percent"] for event in events} - {None}) >= 10
    assert (end["state"], end["current"], end["total"]) == ("SUCCESS", 50_000, 50_000)
    assert end["result"]["imported"] + end["result"]["refused"] == 50_000
    assert end["result"]["refused"] == len(end["result"]["refusals"]) == 12
    assert [event["complete"] for event in events].count(True) == 1
    assert json.loads(script.get(answer["status_url"])) == end


async def test_an_export_gives_a_file_to_download(script):
    events, _ = await watch(script.start("export")["websocket_url"])
    result = events[-1]["result"]
    lines = gzip.decompress(script.get(script.site + result["url"])).decode().splitlines()
    assert len(lines) == result["rows"] + 1


@pytest.mark.promise(3)
async def test_a_retried_job_is_seen_in_three_runs(script):
    events, _ = await watch(script.start("retry")["websocket_url"])
    assert rising(events)
    assert events[-1]["state"] == "SUCCESS"
    retries = [event["attempt"] for event in events if event["state"] == "RETRY"]
    assert retries == [1, 2]
    assert len({event["run"] for event in events} - {0}) == 3


async def test_a_failing_job_keeps_its_counts_and_says_why(script):
    events, code = await watch(script.start("fail")["websocket_url"])
    end = events[-1]
    assert (code, end["state"], end["percent"]) == (1000, "FAILURE", 50.0)
    assert end["error"].startswith("Letter 21 has no address.")


async def test_a_job_of_unknown_size_has_no_percent(script):
    events, _ = await watch(script.start("unknown-total")["websocket_url"])
    assert {event["percent"] for event in events} == {None}
    assert events[-1]["current"] == 90


async def test_ten_jobs_wait_for_two_workers_over_one_socket(script):
    answer = script.start("queue")
    task_ids = [task["task_id"] for task in answer["tasks"]]
    assert (len(set(task_ids)), answer["task_id"]) == (10, task_ids[0])
    waited, ended, running = set(), set(), {}
    address = answer["websocket_url"].partition(task_ids[0])[0]
    async with websockets.connect(address) as socket:
        for task in answer["tasks"]:
            frame = {"type": "subscribe", "task_id": task["task_id"], "token": task["token"]}
            await socket.send(json.dumps(frame))
        while len(ended) < 10:
            async with asyncio.timeout(30):
                event = json.loads(await socket.recv())
            if event["type"] != "progress":
                continue
            running[event["task_id"]] = event["state"] in {"STARTED", "PROGRESS"}
            waited |= {event["task_id"]} if event["state"] == "PENDING" else set()
            ended |= {event["task_id"]} if event["complete"] else set()
            assert sum(running.values()) <= 3  # two, and one whose outcome has not arrived yet
    assert len(waited) >= 7


def test_csrf_protection_stays_on(script):
    status, answer = script.post("/jobs/import/")
    assert status == 403
    assert "X-CSRFToken" in answer["error"]


def test_an_unknown_job_is_reported(script):
    status, answer = script.post("/jobs/dance/", **{"X-CSRFToken": script.token()})
    assert status == 404
    assert "unknown-total" in answer["error"]


async def test_an_unknown_websocket_address_is_closed_without_a_traceback(script):
    url = script.site.replace("http", "ws") + "/ws/elsewhere/"
    _, code = await watch(url)
    assert code == 4404


@pytest.mark.promise(9)
async def test_a_task_id_alone_gives_no_access(script):
    """The answer for a running task is the same as for an id that does not exist."""
    running, nobodys = script.start("unknown-total")["task_id"], "nobody"
    answers = []
    for task_id in (running, nobodys):
        with pytest.raises(HTTPError) as refused:
            script.get(f"{script.site}/progress/{task_id}/")
        answers.append((refused.value.code, refused.value.read()))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
    for task_id in (running, nobodys):
        url = f"{script.site.replace('http', 'ws')}/ws/progress/{task_id}/"
        async with websockets.connect(url) as socket, asyncio.timeout(5):
            await socket.send(json.dumps({"type": "subscribe", "task_id": task_id}))
            refusal = json.loads(await socket.recv())
            assert (refusal["code"], refusal["reason"]) == ("forbidden", "no_token")
            with pytest.raises(websockets.ConnectionClosedError):
                await socket.recv()
        assert socket.close_code == 4403


@pytest.mark.promise(7)
async def test_a_client_that_does_not_read_delays_no_one(script):
    """The client's socket has small buffers, so unread frames wait in the server."""
    answer = script.start("unknown-total")
    async with websockets.connect(answer["websocket_url"], max_queue=1) as stuck:
        stuck.transport.pause_reading()
        events, _ = await watch(answer["websocket_url"])
    assert events[-1]["complete"]
    assert len(events) > 30
