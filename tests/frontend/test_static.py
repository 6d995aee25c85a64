"""A bar moves in a real browser, on sites with every storage of static files.

The tag's script comes from the package, so the storage makes no difference to it. A page may also
name the script by ``{% static %}``; docs/questions.md says what comes of it.
"""

import json
import re

import pytest
from django.core.management import call_command

from progress import modules
from tests.frontend.conftest import PYTHONS, python_of
from tests.support.browser import windows
from tests.support.parts import Web

pytestmark = pytest.mark.asyncio(loop_scope="session")

DJANGO, OURS, NOISE = "django.contrib.staticfiles.storage", "tests.frontend.storages", "whitenoise"
HASHED_ONLY = {"WHITENOISE_KEEP_ONLY_HASHED_FILES": True}
#: A storage, other settings, and what comes of a script that is named by ``{% static %}``: all its
#: modules have the same version, or the imported ones have no hash, or it does not load.
STORAGES = {
    "plain": (f"{DJANGO}.StaticFilesStorage", {}, "no hash"),
    "hashed": (f"{DJANGO}.ManifestStaticFilesStorage", {}, "mixed"),
    "hashed-lenient": (f"{OURS}.Lenient", {}, "mixed"),
    "hashed-imports": (f"{OURS}.Aggregating", {}, "hashed"),
    "whitenoise": (f"{NOISE}.storage.CompressedStaticFilesStorage", {}, "no hash"),
    "whitenoise-hashed": (f"{NOISE}.storage.CompressedManifestStaticFilesStorage", {}, "mixed"),
    "whitenoise-hashed-only": (
        f"{NOISE}.storage.CompressedManifestStaticFilesStorage",
        HASHED_ONLY,
        "fails",
    ),
    "whitenoise-hashed-imports": (f"{OURS}.CompressedAggregating", HASHED_ONLY, "hashed"),
}
QUICK = {"plain", "whitenoise-hashed-only"}
FOLDER = f"/progress/modules/{modules.current().digest}"
HASH = re.compile(r"\.[0-9a-f]{12}\.js$")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
IMPORT = re.compile(r"""(?:from |import\()"\./([\w.-]+\.js)\"""")
MOVES = "Object.values(shown).some((bar) => new Set(bar.map(({ percent }) => percent)).size > 2)"


class Site:
    """A web server whose static files are kept in one of the storages."""

    def __init__(self, url, start, by_hand):
        self.url = url
        self.start = start
        self.by_hand = by_hand


def settings_of(storage, folder):
    backend, more, _ = STORAGES[storage]
    middleware = ["whitenoise.middleware.WhiteNoiseMiddleware"] if "whitenoise" in storage else []
    return {
        "ROOT_URLCONF": "tests.frontend.pages",
        "STATIC_ROOT": str(folder / "static"),
        "STORAGES": {"staticfiles": {"BACKEND": backend}},
        "MIDDLEWARE": middleware,
        **more,
    }


def sites():
    """Each storage under each version of Django; the slow ones are in ``make frontend``."""
    for version in PYTHONS:
        for storage in STORAGES:
            is_quick = storage in QUICK and version == "5.2"
            marks = () if is_quick else pytest.mark.slow
            yield pytest.param((storage, version), id=f"{storage}-{version}", marks=marks)


@pytest.fixture(scope="module", params=sites())
def site(request, worker, tmp_path_factory):
    storage, version = request.param
    folder = tmp_path_factory.mktemp("site")
    env = {**worker.env, "TEST_SETTINGS": json.dumps(settings_of(storage, folder))}
    options = {"module": "tests.frontend.collected", "python": python_of(version)}
    with Web(folder, env=env, **options) as web:
        yield Site(f"http://127.0.0.1:{web.port}", worker.start, STORAGES[storage][-1])


async def modules_of(page, path):
    """Open a page and wait until its bar moves; the addresses of the modules that it loaded."""
    loaded = []
    page.on("request", lambda request: request.url.endswith(".js") and loaded.append(request.url))
    await page.goto(path)
    await page.wait_for_function(MOVES)
    return loaded


async def test_a_bar_moves_with_every_storage(site, browser):
    async with windows(browser, site.url) as open_page:
        loaded = await modules_of(await open_page(), f"/bar/{site.start()}/")
    assert {site.url + address for address in modules.addresses()} <= set(loaded)
    assert {url.rpartition("/")[0] for url in loaded} == {site.url + FOLDER}


async def test_a_script_named_by_static_fares_as_documented(site, browser):
    if site.by_hand == "fails":
        async with windows(browser, site.url, ["404"]) as open_page:
            page = await open_page()
            async with page.expect_response(lambda answer: answer.status == 404):
                await page.goto(f"/by-hand/{site.start()}/")
            return
    async with windows(browser, site.url) as open_page:
        loaded = await modules_of(await open_page(), f"/by-hand/{site.start()}/")
    hashed = [bool(HASH.search(url)) for url in loaded]
    kind = "hashed" if all(hashed) else "mixed" if any(hashed) else "no hash"
    assert kind == site.by_hand


async def test_modules_that_are_loaded_later_have_hashed_names_too(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {"staticfiles": {"BACKEND": f"{OURS}.Aggregating"}}
    call_command("collectstatic", interactive=False, verbosity=0)
    hashed = {path.name for path in (tmp_path / "progress").glob("*.????????????.js")}
    assert len(hashed) == len(list(modules.FOLDER.glob("*.js")))
    for name in hashed:
        text = COMMENT.sub("", (tmp_path / "progress" / name).read_text())
        assert set(IMPORT.findall(text)) <= hashed, name
