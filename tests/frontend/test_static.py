"""Static files under hashed names: each module imports the hashed names of the others."""

import re
from pathlib import Path

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import call_command

FRONTEND = Path(__file__).parents[2] / "frontend"
IMPORT = re.compile(r"""(?:from |import\()"\./([\w.-]+\.js)\"""")


class Hashed(ManifestStaticFilesStorage):
    """Django's storage, as its documentation sets it up for modules."""

    support_js_module_import_aggregation = True


def test_hashed_modules_import_hashed_modules(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STATIC_URL = "/static/"
    settings.STATICFILES_DIRS = [("progress", FRONTEND)]
    settings.STORAGES = {"staticfiles": {"BACKEND": f"{__name__}.Hashed"}}
    call_command("collectstatic", interactive=False, verbosity=0)
    hashed = {path.name for path in (tmp_path / "progress").glob("*.????????????.js")}
    modules = {path.name for path in FRONTEND.glob("*.js")}
    assert len(hashed) == len(modules)
    for name in hashed:
        text = (tmp_path / "progress" / name).read_text()
        imported = set(IMPORT.findall(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)))
        assert imported <= hashed, name
