"""The package's page: README.md without the links and pictures that need a checkout."""

import re
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from hatch_build import page

ROOT = Path(__file__).parent.parent


def test_the_page_has_no_relative_link_and_no_picture_of_the_checkout():
    text = ProjectMetadata(str(ROOT), PluginManager()).core.readme
    assert text.startswith("# channels-progress")
    targets = re.findall(r"\]\(([^)]*)\)", text)
    assert all(target.startswith(("https://", "#")) for target in targets)


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("[Who may see what](docs/security.md).", "Who may see what (docs/security.md)."),
        ("[docs/security.md](docs/security.md#limits)", "docs/security.md"),
        ("[`sentinel://…`](docs/scaling.md#sentinel)", "`sentinel://…` (docs/scaling.md)"),
        ("![A bar](docs/images/demo.webp)\n\nText", "Text"),
    ],
)
def test_a_link_into_the_checkout_becomes_a_name(markdown, shown):
    assert page(markdown).splitlines()[0] == shown


@pytest.mark.parametrize("markdown", ["[Celery](https://docs.celeryq.dev/)", "[below](#settings)"])
def test_other_links_are_kept(markdown):
    assert page(markdown) == markdown
