"""The conformance suite holds a part of the matrix, and fails where a promise is broken."""

import asyncio
import subprocess
import sys

import pytest

from conformance.checks import CHECKS
from conformance.deployment.site import Site
from conformance.deviations import DEVIATIONS, Deviation, unexplained
from conformance.matrix import EMBEDDINGS, SERVERS, Column, parts, served
from conformance.run import Result, Verdict, run

#: Words of what is tried here of each: a promise of every kind, and none that waits for long.
QUICK = (
    "The present state comes at once",
    "The outcome comes last",
    "All watchers get the same outcome",
    "After the outcome the subscription ends",
    "Answers must not be cached",
    "A client that has the outcome gets 204",
    "A token",
    "the same for a foreign as for an unknown id",
    "A page of",
    "An invalid frame",
    "A token that permits cancelling",
)
#: The first words of the checks that have to notice, of each wrong server.
NOTICED = {
    "falling": {"Versions rise with each event"},
    "too_far": {"Percent follows from current and total"},
    "no_outcome": {
        "The outcome comes last",
        "Versions rise with each event",
        "Percent follows from current and total",
        "A client that has the outcome gets 204",
    },
    "twice": {"The outcome comes last", "Versions rise with each event"},
    "another_code": {"The outcome comes last"},
    "no_errors": {"An invalid frame"},
    "cached": {"Answers must not be cached: "},
    "told_apart": {"JSON state: 403", "Server-sent events: 403"},
    "any_origin": {"A page of another site is closed", "A page of another site gets 403"},
    "always_anew": {"A client that has the outcome gets 204"},
}
#: What each of them is tried with: all of the above.
TRIED = tuple(sorted(set.union(*NOTICED.values())))


def chosen(words):
    return [each for each in CHECKS if any(word in each.name for word in words)]


async def failures(url, words):
    """The names of the checks that fail there, each with its reason."""
    async with Site(f"{url}/start/{{kind}}") as site:
        results = await run(site, chosen(words))
    return {each.check.name: each.why for each in results if each.verdict is not Verdict.OK}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("conformance")


@pytest.fixture(scope="module")
def env(folder):
    with parts(folder, processes=12) as env:
        yield env


@pytest.fixture(scope="module")
def wrong(folder, env):
    """What fails on each of the wrong servers, tried side by side."""

    async def tried(url):
        reasons = await asyncio.gather(*(failures(f"{url}/{name}", TRIED) for name in NOTICED))
        return dict(zip(NOTICED, reasons, strict=True))

    with served(Column("wrong", "wrong"), folder, env) as url:
        return asyncio.run(tried(url))


def named(name):
    return next(each for each in (*SERVERS, *EMBEDDINGS) if each.name == name)


@pytest.mark.parametrize("name", ["Daphne", "FastAPI"])
async def test_a_server_and_an_embedding_hold_what_is_tried_here(name, folder, env):
    with served(named(name), folder, env) as url:
        assert await failures(url, QUICK) == {}


@pytest.mark.parametrize("name", NOTICED)
def test_a_wrong_server_fails_and_only_where_it_is_wrong(name, wrong):
    noticed = {word for word in TRIED if any(each.startswith(word) for each in wrong[name])}
    assert noticed == NOTICED[name], wrong[name]
    assert all(wrong[name].values())


def test_the_command_fails_and_says_why_in_a_sentence(folder, env):
    with served(Column("wrong", "wrong"), folder, env) as url:
        code, said = suite("--start", f"{url}/too_far/start/{{kind}}", "--only", "Percent")
    assert code == 1
    assert "FAIL         Percent follows from current and total" in said
    assert "percent was 150" in said


def test_what_a_site_does_not_offer_is_said_and_does_not_pass(folder, env):
    with served(named("bare ASGI"), folder, env) as url:
        code, said = suite("--start", f"{url}/start/counting", "--only", "FAILURE")
    assert code == 0
    assert "not offered  A task that fails" in said
    assert "0 ok, 0 FAIL, 1 not offered" in said


def suite(*words):
    command = [sys.executable, "-m", "conformance", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout


def test_a_deviation_that_vanishes_fails(monkeypatch):
    check = CHECKS[0]
    known = Deviation(("Daphne",), (check.name,), "for a reason")
    monkeypatch.setattr("conformance.deviations.DEVIATIONS", (known,))
    holds, fails = Result(check, Verdict.OK, "", 0.0), Result(check, Verdict.FAIL, "so", 0.0)
    assert unexplained("Daphne", [fails]) == []
    assert unexplained("Daphne", [holds]) == [f"holds, and is said not to: {check.name}"]
    assert unexplained("uvicorn", [fails]) == [f"FAIL: {check.name}: so"]


def test_deviations_are_of_columns_and_checks_that_there_are():
    columns = {each.name for each in (*SERVERS, *EMBEDDINGS)}
    names = {each.name for each in CHECKS}
    for each in DEVIATIONS:
        assert set(each.columns) <= columns
        assert set(each.checks) <= names
