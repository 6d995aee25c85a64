"""Serves the modules and the stylesheet of ``<task-progress>``, at addresses that change with them.

The modules import each other by relative addresses, so a page gets all of them from one folder. A
new version is another folder: browsers keep modules for a year, and never mix two versions. Nothing
depends on how a site stores and serves its static files.
"""

from __future__ import annotations

import gzip
import re
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

HERE = Path(__file__).parent
INSTALLED, CHECKOUT = HERE / "static/progress", HERE.parent / "frontend"
#: A wheel has the modules inside the package; a source checkout has them in frontend/.
FOLDER = INSTALLED if INSTALLED.exists() else CHECKOUT
ELEMENT, STYLE = "task-progress.js", "task-progress.css"
TYPES = {".js": "text/javascript", ".css": "text/css"}
FOREVER = "public, max-age=31536000, immutable"
IMPORT = re.compile(r'^import [^"]*"\./([^"]+)"', re.MULTILINE)
ACCEPTS_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)


class Modules(NamedTuple):
    """The text of each module and of the stylesheet by its name, and a digest of all of them.

    ``needed`` names the element's module and those that it imports at once.
    """

    texts: dict[str, bytes]
    digest: str
    needed: list[str]


def address(name: str = ELEMENT) -> str:
    """Return the path of a module, or of the stylesheet, on this site.

    Raises ValueError for an unknown name, and NoReverseMatch if the site does not include
    ``progress.urls``.
    """
    texts, digest, _ = current()
    if name not in texts:
        raise ValueError(f"There is no module {name!r}, only {', '.join(sorted(texts))}")
    return reverse("progress_module", args=[digest, name])


def addresses() -> list[str]:
    """Return the paths of the element's module and of those that it imports at once.

    A page that names all of them loads them at the same time: at a latency of 100 ms the element
    was ready after 140 ms, and after 250 ms when the browser had to find the imports first.
    """
    return [address(name) for name in current().needed]


def current() -> Modules:
    """Return the modules; with DEBUG they are read each time, so an edit needs no restart."""
    return _read() if settings.DEBUG else _kept()


def names() -> list[str]:
    """Return the names of the modules and of the stylesheet."""
    return sorted(path.name for path in FOLDER.iterdir() if path.suffix in TYPES)


def _read() -> Modules:
    texts = {name: (FOLDER / name).read_bytes() for name in names()}
    needed = [ELEMENT]
    for name in needed:
        found = IMPORT.findall(texts[name].decode())
        needed += [each for each in found if each not in needed]
    return Modules(texts, sha256(repr(texts).encode()).hexdigest()[:16], needed)


_kept = cache(_read)
_compressed = lru_cache(maxsize=32)(gzip.compress)  # 2 ms for all modules, once in a process


class PublicResponse(HttpResponse):
    """A response that shared caches keep, so it must carry no cookie of one user.

    With SESSION_SAVE_EVERY_REQUEST Django's middleware would add the session's cookie.
    """

    def set_cookie(self, *_args: Any, **_options: Any) -> None:
        """Set no cookie."""


@login_not_required
@transaction.non_atomic_requests
@require_safe
def serve_module(request: HttpRequest, name: str, digest: str = "") -> HttpResponse:
    """Serve a module or the stylesheet, to pages of any origin.

    The address of a page of another version has another digest. The page gets the present text,
    which browsers do not keep without asking again. So an old page can still load what it lacks.
    """
    texts, present, _ = current()
    if name not in texts:
        raise Http404("no such module")
    etag = f'W/"{present}"'  # weak: the same for the compressed text
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": FOREVER if digest == present else "no-cache",
        "ETag": etag,
        "Vary": "Accept-Encoding",
    }
    known = get_conditional_response(request, etag=etag)
    if known is not None:
        return PublicResponse(status=known.status_code, headers=headers)
    text = texts[name]
    if ACCEPTS_GZIP.search(request.headers.get("Accept-Encoding", "")):
        text, headers["Content-Encoding"] = _compressed(text), "gzip"
    return PublicResponse(text, content_type=TYPES[Path(name).suffix], headers=headers)


def add_to_staticfiles() -> None:
    """Let staticfiles find the modules of a source checkout, as those of an installed package.

    For pages that name a module by ``{% static %}``.
    """
    entry = ("progress", CHECKOUT)
    if FOLDER == CHECKOUT and entry not in settings.STATICFILES_DIRS:
        settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, entry]
