"""Makes the text of the package page from README.md, without links that need a checkout."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*")
LINK = re.compile(r"\[([^]]*)\]\((?!https?:|#|mailto:)([^)#]*)[^)]*\)")
NOTE = "The documents named here are in the source distribution.\n"


class ReadmeHook(MetadataHookInterface):
    """Hatchling calls it for a wheel, a source distribution and an editable install."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the project's readme."""
        text = page(Path(self.root, "README.md").read_text())
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def page(readme: str) -> str:
    """Return the text without pictures of the checkout, and with its links as plain names."""
    text = LINK.sub(_name, PICTURE.sub("", readme))
    return text if text == readme else f"{text}\n{NOTE}"


def _name(link: re.Match[str]) -> str:
    words, path = link.groups()
    return words if path in words else f"{words} ({path})"
