"""Other pages that a user may write: each is a page of the document with other words for some."""

from tests.frameworks.document import listeners

MORPH = 'hx-select="#jobs" hx-target="#jobs" hx-swap="{}"'
INNER = 'hx-select="#jobs > li" hx-target="#jobs" hx-swap="{}"'
LEAVE = """<a hx-get="?empty" hx-select="#jobs" hx-target="#jobs" hx-swap="outerHTML"
 hx-push-url="true" href="?empty">Leave</a>
<ul id="jobs">"""
SCRIPT = "{% progress_script %}\n"
CACHE = """<script src="{% static "htmx4/dist/ext/hx-history-cache.min.js" %}"></script>\n"""
#: The first bar of the list brings the element's script.
TAG = {SCRIPT: "", " script=False": ""}
#: An element then belongs to a place in the list, and gets the task of another job.
UNKEYED = {' id="job-{{ job.id }}"': ""}
REACT_EVENT = {"status_url }": "status_url, event }", "<task-progress": "<task-progress event={%s}"}


def inner(swap, base):
    return {MORPH.format(base): INNER.format(swap)}


def event(value):
    """React's component, which also passes the event that came with the job."""
    return {old: new.replace("%s", value) for old, new in REACT_EVENT.items()}


#: Maps each name to the page it changes, and to the words it replaces.
VARIANTS = {
    "react18 unkeyed": ("react18", {"key={job.id}": "key={jobs.indexOf(job)}"}),
    "react19 unkeyed": ("react19", {"key={job.id}": "key={jobs.indexOf(job)}"}),
    "vue unkeyed": ("vue", {' :key="job.id"': ""}),
    "svelte unkeyed": ("svelte", {" (id)}": "}"}),
    "lit unkeyed": (
        "lit",
        {"repeat(this.jobs ?? [], (job) => job.id, bar)": "(this.jobs ?? []).map(bar)"},
    ),
    "alpine unkeyed": ("alpine", {' :key="job.id"': ""}),
    **{
        f"{name} unkeyed": (name, UNKEYED)
        for name in ("htmx2", "htmx4", "turbo", "idiomorph", "morphdom", "alpine-morph")
    },
    "react18 event": ("react18", event("event && JSON.stringify(event)")),
    "react19 event": ("react19", event("event")),
    "react19 text": ("react19", event("event && JSON.stringify(event)")),
    "vue event": ("vue", {":label": ':event="job.event" :label'}),
    "svelte event": (
        "svelte",
        {"status_url }": "status_url, event }", "{token}": "{token} {event}"},
    ),
    "lit event": (
        "lit",
        {
            "status_url = nothing }": "status_url = nothing, event }",
            "label=$": ".event=${event} label=$",
        },
    ),
    "alpine event": ("alpine", {":label": ':event="JSON.stringify(job.event)" :label'}),
    "htmx2 morph:innerHTML": ("htmx2", inner("morph:innerHTML", "morph:outerHTML")),
    "htmx2 innerHTML": ("htmx2", inner("innerHTML", "morph:outerHTML")),
    "htmx2 outerHTML": ("htmx2", {"morph:outerHTML": "outerHTML"}),
    "htmx2 hx-preserve": ("htmx2", {"morph:outerHTML": "outerHTML", "<li": "<li hx-preserve"}),
    "htmx2 history": ("htmx2", {'<ul id="jobs">': LEAVE}),
    "htmx2 script": ("htmx2", TAG),
    "htmx4 innerMorph": ("htmx4", inner("innerMorph", "outerMorph")),
    "htmx4 innerHTML": ("htmx4", inner("innerHTML", "outerMorph")),
    "htmx4 outerHTML": ("htmx4", {"outerMorph": "outerHTML"}),
    "htmx4 hx-preserve": ("htmx4", {"outerMorph": "outerHTML", "<li": "<li hx-preserve"}),
    "htmx4 history": ("htmx4", {'<ul id="jobs">': LEAVE}),
    "htmx4 history cache": ("htmx4", {SCRIPT: SCRIPT + CACHE, '<ul id="jobs">': LEAVE}),
    "turbo data-turbo-permanent": ("turbo", {"<li": "<li data-turbo-permanent"}),
    "turbo script": ("turbo", TAG),
    "idiomorph script": ("idiomorph", TAG),
    **{f"{name} success": (name, words) for name, words in listeners().items()},
}


def replaced(page, words):
    """The page with other words in place of some; fails if it lacks one of these."""
    for old, new in words.items():
        assert old in page, old
        page = page.replace(old, new)
    return page
