"""docs/protocol.md and docs/asyncapi.yaml as data, and what they say of a frame."""

import json
import re
from pathlib import Path

import yaml
from jsonschema import Draft7Validator

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "protocol.md").read_text()
#: Read as JSON, in which the names of fields are strings.
DOCUMENT = json.loads(json.dumps(yaml.safe_load((DOCS / "asyncapi.yaml").read_text())))
SCHEMAS = DOCUMENT["components"]["schemas"]
MESSAGES = DOCUMENT["components"]["messages"]


def follow(node):
    """What a reference stands for."""
    while "$ref" in node:
        place, *path = node["$ref"].split("/")
        assert place == "#"
        node = DOCUMENT
        for name in path:
            node = node[name]
    return node


def is_valid(schema, value):
    """``schema`` may refer to the document's components."""
    root = {"allOf": [schema], "components": DOCUMENT["components"]}
    return Draft7Validator(root).is_valid(value)


def kinds(channel, frame):
    """Which of the channel's messages this is, by the payload's schema."""
    messages = DOCUMENT["channels"][channel]["messages"].items()
    payloads = {name: follow(message).get("payload") for name, message in messages}
    return [name for name, payload in payloads.items() if payload and is_valid(payload, frame)]


def rows(heading):
    """The cells of each row of the tables below this line of protocol.md."""
    _, _, rest = TEXT.partition(f"\n{heading}\n")
    assert rest, heading
    part = re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def answers(channel, status, answer):
    """Which of the channel's messages an HTTP answer of this status is."""
    messages = DOCUMENT["channels"][channel]["messages"]
    codes = {
        name: follow(message).get("bindings", {}).get("http", {}).get("statusCode")
        for name, message in messages.items()
    }
    return [name for name in kinds(channel, answer) if codes[name] == status]
