"""The JavaScript modules of ``<task-progress>``, in an installed package and in a checkout."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

HERE = Path(__file__).parent
INSTALLED, CHECKOUT = HERE / "static/progress", HERE.parent / "frontend"
#: A wheel has the modules inside the package; a source checkout has them in frontend/.
MODULES = INSTALLED if INSTALLED.exists() else CHECKOUT


def serve_checkout() -> None:
    """Add the modules of a source checkout to staticfiles, whose finders would not find them."""
    entry = ("progress", CHECKOUT)
    if MODULES == CHECKOUT and entry not in settings.STATICFILES_DIRS:
        settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, entry]
