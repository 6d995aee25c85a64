"""The settings: one table, from which the README's is made."""

import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from progress import conf

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shown(default):
    """A default as the documents write it."""
    if default == "":
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default!r}`"


def row(setting):
    cells = (f"`{setting.name}`", shown(setting.default), setting.unit, setting.meaning)
    return "| " + " | ".join(cells).replace("|  |", "| |") + " |"


def test_the_readme_has_the_table_of_the_settings():
    """Run ``python -m tests.test_conf`` for the rows."""
    rows = re.findall(r"^\| `PROGRESS_\w+` \| .*$", (ROOT / "README.md").read_text(), re.M)
    assert rows == [row(setting) for setting in conf.SETTINGS.values()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_names_settings_that_exist_with_their_defaults(page):
    text = page.read_text()
    assert set(re.findall(r"PROGRESS_[A-Z_]*[A-Z]", text)) <= conf.SETTINGS.keys()
    for name, cell in re.findall(r"^\| `(PROGRESS_\w+)` \| ([^|]*)\|", text, re.M):
        assert cell.strip().strip("`") == shown(conf.SETTINGS[name].default).strip("`")


@pytest.mark.parametrize("name", [name for name in conf.SETTINGS if name != "PROGRESS_PREFIX"])
@pytest.mark.parametrize("value", [object(), -1])
def test_a_wrong_value_is_refused_with_the_name_of_the_setting(settings, name, value):
    setattr(settings, name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        conf.SETTINGS[name]()


def test_a_setting_is_read_again_when_a_test_changes_it(settings):
    assert conf.interval() == 0.1
    settings.PROGRESS_INTERVAL = 2
    assert conf.interval() == 2


def test_a_task_is_kept_until_it_can_be_found_lost(settings):
    settings.PROGRESS_RETENTION = 60
    assert conf.running_retention() > conf.lost_after() > conf.retention()


if __name__ == "__main__":
    print("\n".join(row(setting) for setting in conf.SETTINGS.values()))  # noqa: T201 - a command's
