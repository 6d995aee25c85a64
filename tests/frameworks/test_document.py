"""docs/frameworks.md names the versions that its pages are tested with."""

import json
import re

from tests.frameworks.document import section
from tests.frameworks.packages import MANIFEST

TOOLS = {"esbuild", "react-dom", "react-dom18"}


def test_the_results_name_each_version():
    packages = json.loads(MANIFEST.read_text())["dependencies"].items()
    tested = {version.rpartition("@")[2] for name, version in packages if name not in TOOLS}
    assert set(re.findall(r"\b\d+\.\d+\.\d+\b", section("Results"))) == tested
