"""The table at the end of a run of the fault matrix: each row with its twins below it."""

import re
from collections import Counter

from tests.support.watchers import describe

#: The verdict by a test's outcome. A twin shows that its row can fail.
ROW = {"passed": "holds", "failed": "BROKEN", "skipped": "NOT RUN"}
TWIN = {"passed": "fails without", "failed": "PROVES NOTHING", "skipped": "NOT RUN"}


def line(item):
    """The table's line for this test, in values that xdist can pass between processes."""
    row = item.get_closest_marker("row")
    scenario = getattr(item, "scenario", None)
    return {
        "row": row.args[0],
        "fault": fault(item.name),
        "twin": is_twin(item.name),
        "within": row.kwargs.get("within"),
        "took": getattr(scenario, "took", None),
        "seen": seen(scenario.watchers) if scenario else "",
        "without": " ".join(scenario.without) if scenario else "",
    }


def is_twin(name):
    return "twin" in re.split(r"[_\[]", name)


def fault(name):
    """The test's name in words."""
    name, _, parameters = name.partition("[")
    words = name.split("_")[2:]
    words = " ".join(word for word in words if word != "twin")
    return f"{words} ({parameters.rstrip(']')})" if parameters else words


def seen(watchers):
    """What the watchers saw last, and how many saw it."""
    last = Counter(describe(watcher.newest) for watcher in watchers)
    return ", ".join(f"{count} x {words}" for words, count in last.most_common(2))


def write(terminal, lines):
    """Write the rows in order, each with its twins below it."""
    terminal.section("faults")
    head = ("row", "fault", "seen", "time", "limit", "verdict")
    terminal.write_line("{:4} {:74} {:38} {:>7} {:>5}  {}".format(*head))
    for each in sorted(lines, key=order):
        verdict = (TWIN if each["twin"] else ROW)[each["outcome"]]
        took = "" if each["took"] is None or each["twin"] else f"{each['took']:.2f} s"
        limit = "" if each["within"] is None or each["twin"] else f"{each['within']:g} s"
        words = f"  twin: {each['fault']}" if each["twin"] else each["fault"]
        cells = f"{each['row']:4} {words:74.74} {each['seen']:38.38} {took:>7} {limit:>5}"
        terminal.write_line(f"{cells}  {verdict} {each['without'] if each['twin'] else ''}")
    wrong = sum(each["outcome"] != "passed" for each in lines)
    rows = sum(not each["twin"] for each in lines)
    terminal.write_line(f"{rows} rows, {len(lines) - rows} twins, {wrong} not as they should be")


def order(each):
    """Sort F2 before F10, and a row before its twins."""
    letter, number = re.match(r"(\D+)(\d*)", each["row"]).groups()
    return letter.lower(), int(number or 0), each["twin"], each["fault"]
