"""Writes ``frontend/custom-elements.json`` from the interfaces and comments of ``element.d.ts``.

Editors, Storybook and documentation tools read it: https://github.com/webcomponents/custom-elements-manifest
"""

import json
import re
from pathlib import Path

FRONTEND = Path(__file__).parents[2] / "frontend"
PATH = FRONTEND / "custom-elements.json"
INTERFACE = r"^(?P<indent> *)(?:export )?interface {}\b[^{{]*{{\n(?P<body>.*?)^(?P=indent)}}$"
COMMENT = r"(?:^ *(?P<comment>/\*\*(?:(?!\*/).)*\*/)\n)?"
MEMBER = re.compile(COMMENT + r'^ *"?(?P<name>[\w-]+)"?\??: (?P<type>[^\n]+)$', re.M | re.S)
TAG = re.compile(r"@(slot|csspart|cssprop|cssstate) ([\w-]+) - (.*)")
#: The lists of the manifest, by the tag of their entries.
LISTS = {
    "slot": "slots",
    "csspart": "cssParts",
    "cssprop": "cssProperties",
    "cssstate": "cssStates",
}
MODULE = "task-progress.js"
#: Members that are not attributes, from ``task-progress.d.ts``.
OTHERS = [
    {
        "kind": "field",
        "name": "event",
        "type": {"text": "TaskEvent | null"},
        "description": "The task's newest event. May be set to an event, or to its JSON.",
    },
    {
        "kind": "field",
        "name": "words",
        "static": True,
        "type": {"text": "Record<string, string>"},
        "description": "Texts to translate; `{…}` is a field of the event.",
    },
]


def manifest():
    """Return the text of the manifest."""
    source = (FRONTEND / "element.d.ts").read_text()
    element = {
        "kind": "class",
        "name": "TaskProgress",
        "tagName": "task-progress",
        "customElement": True,
        "superclass": {"name": "HTMLElement"},
        **described(source),
        "attributes": list(map(as_attribute, members(source, "TaskProgressAttributes"))),
        "members": OTHERS + list(map(as_field, members(source, "TaskProgressProperties"))),
        "events": members(source, "TaskProgressEvents"),
    }
    reference = {"name": "TaskProgress", "module": MODULE}
    module = {
        "kind": "javascript-module",
        "path": MODULE,
        "declarations": [element],
        "exports": [
            {"kind": "js", "name": "TaskProgress", "declaration": reference},
            {
                "kind": "custom-element-definition",
                "name": "task-progress",
                "declaration": reference,
            },
        ],
    }
    whole = {"schemaVersion": "2.1.0", "modules": [module]}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def members(source, interface):
    """Return name, type and description of each member of the interface."""
    body = re.search(INTERFACE.format(interface), source, re.M | re.S)["body"]
    found = []
    for member in MEMBER.finditer(body):
        words = {"description": words_of(member["comment"])} if member["comment"] else {}
        found.append({"name": member["name"], "type": {"text": member["type"]}, **words})
    return found


def described(source):
    """Return what the comment before the class says: a description, and lists by tags."""
    comment = re.search(r"(/\*\*(?:(?!\*/).)*\*/)\n *interface TaskProgress ", source, re.S)[1]
    entries = {name: [] for name in LISTS.values()}
    for tag, name, words in TAG.findall(comment):
        entries[LISTS[tag]].append({"name": name, "description": words})
    return {"description": words_of(comment.partition("@")[0]), **entries}


def words_of(comment):
    """Return the text of a comment on one line."""
    lines = re.sub(r"^/\*\*|\*/$", "", comment).splitlines()
    return " ".join(filter(None, (line.strip(" *") for line in lines)))


def as_attribute(member):
    return {**member, "fieldName": property_of(member["name"])}


def as_field(member):
    attribute = re.sub("[A-Z]", lambda letter: f"-{letter[0].lower()}", member["name"])
    return {"kind": "field", **member, "attribute": attribute, "reflects": True}


def property_of(attribute):
    """Return the name of the property of an attribute."""
    return re.sub("-(.)", lambda found: found[1].upper(), attribute)
