"""Sites that break one promise each, below a path of its name: the suite has to notice."""

import json
from collections import Counter

from .bare import application as right


def edited(message, edit):
    """The message with its event changed."""
    text = message.get("text", "")
    if '"type":"progress"' not in text:
        return message
    event = json.loads(text)
    edit(event)
    return {**message, "text": json.dumps(event)}


def ends(message):
    """Whether this is the outcome."""
    return '"complete":true' in message.get("text", "")


def falling():
    """Every other version of a task is older than the one before."""
    counts = Counter()

    def edit(event):
        counts[event["task_id"]] += 1
        event["version"] -= 10**9 * (counts[event["task_id"]] % 2)

    return lambda message: [edited(message, edit)]


def too_far():
    """Percent goes past 100."""
    return lambda message: [edited(message, lambda event: event.update(percent=150))]


def no_outcome():
    """The outcome is never sent, and the socket is closed without it."""
    return lambda message: [] if ends(message) else [message]


def twice():
    """The outcome comes, and comes again."""
    return lambda message: [message] * (1 + ends(message))


def another_code():
    """The socket is closed with 1001 in the place of 1000."""
    return lambda message: [{**message, "code": 1001} if message.get("code") == 1000 else message]


def no_errors():
    """What is not of the protocol is passed over in silence."""
    return lambda message: [] if '"type":"error"' in message.get("text", "") else [message]


def without(message, name):
    """The message without that header."""
    headers = [each for each in message["headers"] if each[0].lower() != name]
    return {**message, "headers": headers}


def cached():
    """Anybody may store the state."""
    return lambda message: [without(message, b"cache-control") if "headers" in message else message]


def told_apart():
    """An id that nobody has started is answered with 404, where a foreign one gets 403."""

    def edit(message):
        known.update(started(message))
        foreign = message.get("status") == 403 and not known & set(message["path"])
        return [{**message, "status": 404} if foreign else message]

    return edit


known = set()


def started(message):
    """The id in the answer of a start."""
    with_id = b'"task_id"' in message.get("body", b"") and message["path"][1] == "start"
    return {json.loads(message["body"])["task_id"]} if with_id else set()


#: Each makes a function from a message to the messages that are sent in its place.
ANSWERS = (falling, too_far, no_outcome, twice, another_code, no_errors, cached, told_apart)


def any_origin(scope):
    """Pages of other sites are served."""
    return without(scope, b"origin")


def always_anew(scope):
    """What the client has seen is not looked at."""
    return without(scope, b"last-event-id")


#: Each spoils what the right one is asked.
QUESTIONS = (any_origin, always_anew)


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await right(scope, receive, send)
        return
    path = scope["path"].split("/")
    edits = {each.__name__: each for each in ANSWERS}
    edit = edits[path[1]]() if path[1] in edits else lambda message: [message]
    for each in QUESTIONS:
        if each.__name__ == path[1]:
            scope = each(scope)

    async def spoiled(message):
        for each in edit({**message, "path": path[1:]}):
            await send(each)

    await right({**scope, "root_path": f"/{path[1]}"}, receive, spoiled)
