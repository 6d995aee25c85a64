"""The code of docs/frameworks.md."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs/frameworks.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
#: The pages of the sections, by the names in the table of listeners.
NAMES = {
    "React 19": "react19",
    "Vue": "vue",
    "Svelte": "svelte",
    "Lit": "lit",
    "Alpine": "alpine",
    "htmx 2": "htmx2",
    "htmx 4": "htmx4",
}


def section(heading):
    """The text below a heading."""
    _, _, rest = DOCUMENT.read_text().partition(f"\n## {heading}\n")
    assert rest, heading
    return rest.partition("\n## ")[0]


def blocks(heading, language):
    """The code in this language below a heading."""
    return [code for each, code in BLOCK.findall(section(heading)) if each == language]


def view():
    """The views that the pages need."""
    [code] = [
        code for language, code in BLOCK.findall(DOCUMENT.read_text()) if language == "python"
    ]
    return code


def rows(heading):
    """The cells of each row of the tables below a heading, without the first row."""
    lines = [line for line in section(heading).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def listeners():
    """Maps pages to words to replace, which let the page refresh itself at each success."""
    found = {}
    for names, element, attribute in rows("Events"):
        tag, words = element.strip("`<>"), attribute.strip("`")
        for name in names.split(", "):
            found[NAMES[name]] = {f"<{tag}": f"<{tag} {words}"}
    return found
