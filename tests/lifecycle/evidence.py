"""Keeps what is known of each life of a batch in a file, so that it can be judged again."""

import json
from types import SimpleNamespace

from tests.lifecycle import judge
from tests.lifecycle.batch import Living, Seen
from tests.lifecycle.case import Case
from tests.lifecycle.ends import deaths
from tests.lifecycle.lives import from_json
from tests.lifecycle.truth import truth

KEPT = ("notes", "statuses", "first", "eager", "lived", "refused")
LONG = 30.0  # seconds, after which the truth of every life is known


def save(path, known, facts, now):
    """Write the evidence of a batch that was judged at that moment, one life a line."""
    head = {**vars(facts), "deaths": [], "now": now}
    lines = [head, *(_line(*each) for each in known.values())]
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))


def _line(living, seen):
    kept = {name: getattr(living, name) for name in KEPT}
    kept["first"] = living.first and living.first[0]
    return {"life": living.life.to_json(), "seen": vars(seen), **kept}


def judge_again(path):
    """The findings of a batch by the present rules."""
    head, *lines = (json.loads(line) for line in path.read_text().splitlines())
    now = head.pop("now")
    facts = SimpleNamespace(**head)
    known = [(_living(line, facts, now), Seen(**line["seen"])) for line in lines]
    facts.deaths = [death for living, _ in known for death in deaths(living)]
    return [each for pair in known for each in judge.findings(*pair, facts)]


def _living(line, facts, now):
    living = Living(from_json(line["life"]))
    for name in KEPT:
        setattr(living, name, line[name])
    if living.first:
        living.first = living.first, _first_truth(line, facts)
    if living.lived and living.notes:
        living.truth = truth(Case(living, facts, now))
    return living


def _first_truth(line, facts):
    """The truth of the id's first life, at the moment when the id was used again.

    If the present rules take longer to know it, the id would have been used again later.
    """
    first = Living(from_json(line["life"]))
    published = line["notes"][0]["at"]
    first.notes = [each for each in line["first"] if each["at"] < published]
    first.statuses = [each for each in line["statuses"] if each[0] < published]
    found = truth(Case(first, facts, published))
    return found if found.states else truth(Case(first, facts, published + LONG))
