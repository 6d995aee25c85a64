"""One life for each row of docs/lifecycle.md, to see what each version of Celery makes of it."""

from collections import defaultdict
from dataclasses import replace
from uuid import uuid4

from tests.lifecycle.lives import Attempt, Life, Outside

ENDS = Attempt(end="success")


def _life(*script, **options):
    outside = tuple(options.pop("outside", ()))
    return Life(task_id="", script=script or (ENDS,), outside=outside, **options)


def _at(what, on="began", after=0.5, nth=1):
    return Outside(what=what, on=on, after=after, nth=nth)


def _ends(end, **more):
    return Attempt(end=end, reports=2, pace=0.2, **more)


SLOW = Attempt(end="success", silent=1.5)
REVOKED = {"outside": (_at("revoke", after=1.5),)}

ROWS = {
    "returns": _life(_ends("success")),
    "raises": _life(_ends("failure")),
    "retry()": _life(_ends("retry", countdown=0.5), ENDS),
    "autoretry_for, to the last": _life(*[_ends("auto")] * 4, auto="at once"),
    "replace(signature)": _life(_ends("replace", sub="signature", sub_seconds=0.5)),
    "replace(chain)": _life(_ends("replace", sub="chain", sub_seconds=0.5)),
    "replace(group)": _life(_ends("replace", sub="group", sub_seconds=0.5)),
    "replace(group), which fails": _life(
        _ends("replace", sub="group", sub_seconds=0.5, sub_fails=True)
    ),
    "replace(chord)": _life(_ends("replace", sub="chord", sub_seconds=0.5)),
    "Ignore": _life(_ends("ignore")),
    "Ignore, FAILURE stored": _life(_ends("ignore", stored="FAILURE")),
    "Reject(requeue=False)": _life(_ends("reject")),
    "Reject(requeue=False), late": _life(_ends("reject"), late=True),
    "Reject(requeue=True), late": _life(_ends("requeue"), ENDS, late=True),
    "soft time limit": _life(SLOW, soft=0.5),
    "hard time limit": _life(SLOW, hard=0.5),
    "hard time limit, gevent": _life(SLOW, hard=0.5, pool="gevent"),
    "killed": _life(_ends("kill")),
    "killed, late": _life(_ends("kill"), ENDS, late=True),
    "killed, retry_on_worker_lost": _life(_ends("kill"), ENDS, lost_retry=True),
    "exits": _life(_ends("exit")),
    "exits, late": _life(_ends("exit"), late=True),
    "revoked while it waits": _life(ENDS, countdown=1.5, outside=(_at("revoke", on="published"),)),
    "revoked between retries": _life(
        _ends("retry", countdown=1.5), outside=(_at("revoke", on="ended"),)
    ),
    "revoked between retries, sent again": _life(
        _ends("retry", countdown=0.0),
        pool="solo",
        outside=(_at("revoke", on="began", after=0.0),),
    ),
    "revoked while it runs": _life(SLOW, outside=(_at("revoke"),)),
    "revoked while it runs, reports": _life(
        Attempt(reports=5, pace=0.4), outside=(_at("revoke", after=1.0),)
    ),
    "terminated": _life(SLOW, outside=(_at("terminate"),)),
    "terminated, eventlet": _life(SLOW, pool="eventlet", outside=(_at("terminate"),)),
    "expired": _life(ENDS, countdown=1.0, expires=0.3),
    "aborted": _life(
        Attempt(reports=2, pace=0.2, end="abortable"),
        base="abortable",
        outside=(_at("abort", after=1.5),),
    ),
    "unknown to the worker": _life(kind="unregistered"),
    "ignore_result": _life(_ends("success"), ignored=True),
    "revoked after FAILURE": _life(_ends("failure"), **REVOKED),
    "revoked after Ignore": _life(_ends("ignore"), **REVOKED),
    "revoked after Ignore, without reports": _life(Attempt(end="ignore"), **REVOKED),
    "two at once, the older fails": _life(
        Attempt(silent=1.5, end="failure"),
        Attempt(silent=2.5),
        late=True,
        outside=(_at("redeliver"),),
    ),
    "two at once, the older succeeds": _life(
        SLOW, Attempt(silent=2.5, end="failure"), late=True, outside=(_at("redeliver"),)
    ),
    "a copy expires while it runs": _life(
        SLOW, expires=0.3, late=True, outside=(_at("redeliver"),)
    ),
    "again after SUCCESS, fails": _life(ENDS, again=(_ends("failure"),)),
    "again after SUCCESS, killed": _life(ENDS, again=(_ends("kill"),)),
    "again after SUCCESS, Ignore": _life(ENDS, again=(_ends("ignore"),)),
    "on_retry raises": _life(_ends("retry", countdown=0.5), ENDS, base="raising hooks"),
    "on_success raises": _life(_ends("success"), base="raising hooks"),
}


def lives(versions):
    """One of each row for each version."""
    return [
        (
            name,
            replace(life, task_id=str(uuid4()), celery=celery, start=round(number % 20 * 0.4, 1)),
        )
        for celery in versions
        for number, (name, life) in enumerate(ROWS.items())
    ]


def table(named, known):
    """Markdown: what each version recorded, in order, and what was shown."""
    found = defaultdict(dict)
    for name, life in named:
        living, seen = known[life.task_id]
        record = " ".join(status or "-" for _, status in living.statuses)
        shown = " ".join(dict.fromkeys(event["state"] for _, event in seen.frames))
        found[name][life.celery] = f"{record} / {shown}, then {seen.state.get('state')}"
    for name, each in found.items():
        yield f"{name}"
        for celery, words in each.items():
            yield f"    {celery}: {words}"
