"""The pages of docs/frameworks.md and their variants: modules to build, and Django's templates."""

import re

from tests.frameworks.document import blocks
from tests.frameworks.variants import SCRIPT, VARIANTS, replaced

HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Jobs</title>
<link rel="icon" href="data:,"><script src="/oracle.js"></script>
"""
#: A page with a component, which draws in the browser, perhaps over markup of a server.
COMPONENT = (
    HEAD
    + """<body><div id="jobs">{{ markup|safe }}</div><job-list></job-list>
{{ jobs|json_script:"first" }}
<script type="module" src="/built/{{ name }}.js"></script>"""
)

REACT = """import { StrictMode } from "react"
import { createRoot, hydrateRoot } from "react-dom/client"
import { Jobs } from "./%s.jsx"
"""
#: Writes the markup of the jobs that are in its standard input.
REACT_SERVER = """import { readFileSync } from "node:fs"
import { StrictMode } from "react"
import { renderToString } from "react-dom/server"
import { Jobs } from "./%s.jsx"
const jobs = JSON.parse(readFileSync(0, "utf8"))
console.log(renderToString(<StrictMode><Jobs first={jobs} /></StrictMode>))
"""
#: React hydrates a bar that shows its task already.
WATCHED = """const bar = document.querySelector("task-progress")
while (!bar.event) await new Promise(requestAnimationFrame)
"""
SVELTE = """import { mount } from "svelte"
import Jobs from "./%s.svelte"
"""


def modules():
    """Maps names of files to the texts that ``build.mjs`` builds from."""
    files = {}
    for name, text in _with_variants(_components()).items():
        files |= _files(name, text)
    return files


def templates():
    """Maps the name of each page that Django's templates write to its template."""
    return {name: HEAD + page for name, page in _with_variants(_written()).items()}


def _with_variants(pages):
    """The pages and their variants."""
    chosen = {name: variant for name, variant in VARIANTS.items() if variant[0] in pages}
    return pages | {name: replaced(pages[base], words) for name, (base, words) in chosen.items()}


def _components():
    """The components that draw the list in the browser."""
    [vue], [lit] = blocks("Vue", "js"), blocks("Lit", "js")
    [svelte], [react, *_] = blocks("Svelte", "svelte"), blocks("React", "jsx")
    return {"react18": react, "react19": react, "vue": vue, "svelte": svelte, "lit": lit}


def _files(name, text):
    """The files of one component."""
    if name.startswith("react"):
        _, create, hydrate = blocks("React", "jsx")
        return {
            f"{name}.jsx": text,
            f"{name}.entry.js": REACT % name + create,
            f"{name}-hydrated.entry.js": REACT % name + hydrate,
            f"{name}-late.entry.js": REACT % name + WATCHED + hydrate,
            f"{name}-server.entry.js": REACT_SERVER % name,
        }
    if name.startswith("svelte"):
        [mount] = blocks("Svelte", "js")
        return {f"{name}.svelte": text, f"{name}.entry.js": SVELTE % name + mount}
    return {f"{name}.entry.js": text}


def _written():
    """The pages that Django's templates write."""
    [alpine], [turbo] = blocks("Alpine", "html"), blocks("Turbo", "html")
    [htmx2], [htmx4] = blocks("htmx 2", "html"), blocks("htmx 4", "html")
    [idiomorph] = blocks("idiomorph", "html")
    return {
        "alpine": alpine,
        "htmx2": htmx2.replace("htmx.org/", "htmx2/"),  # both are installed
        "htmx4": htmx4.replace("htmx.org/", "htmx4/"),
        "turbo": turbo,
        "idiomorph": idiomorph,
        "morphdom": _other(idiomorph, "morphdom"),
        "alpine-morph": _other(idiomorph, "Alpine's morph"),
    }


def _other(page, heading):
    """The page with the scripts of this section."""
    [scripts] = blocks(heading, "html")
    return re.sub(r"<script.*</script>\n", lambda _: SCRIPT + scripts, page, flags=re.S)
