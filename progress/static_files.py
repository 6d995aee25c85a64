"""The JavaScript modules of ``<task-progress>``, in an installed package and in a checkout."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

HERE = Path(__file__).parent
INSTALLED, CHECKOUT = HERE / "static/progress", HERE.parent / "frontend"
#: A wheel has the modules in the package, a checkout has them beside it.
MODULES = INSTALLED if INSTALLED.exists() else CHECKOUT


def serve_checkout() -> None:
    """Let staticfiles find the modules of a checkout, which its finders do not look for there."""
    entry = ("progress", CHECKOUT)
    if MODULES == CHECKOUT and entry not in settings.STATICFILES_DIRS:
        settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, entry]
