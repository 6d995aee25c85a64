"""The README and the pages of docs/: their links lead somewhere, and their Python can be read."""

import ast
import re
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.M | re.S)


def prose(page):
    return CODE.sub("", page.read_text())


def anchors(page):
    """Those that GitHub gives the page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def links(page):
    """Each relative link of the page, as a path and an anchor."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" not in link:
            name, _, anchor = link.partition("#")
            yield (page.parent / name if name else page), anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_file_and_a_heading(page):
    for path, anchor in links(page):
        assert path.exists(), path
        assert not anchor or anchor in anchors(path), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_a_page_is_python(page):
    for indent, language, code in CODE.findall(page.read_text()):
        if language == "python":
            ast.parse(dedent(code) if indent else code)


def test_the_readme_leads_to_every_page():
    reached = {path.name for path, _ in links(ROOT / "README.md")}
    assert {page.name for page in PAGES[2:]} - {"lifecycle.md"} <= reached
