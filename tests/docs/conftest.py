"""The site that the recipes are tried on."""

from contextlib import ExitStack

import pytest

from tests.docs.site import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    with ExitStack() as stack:
        yield Site(stack, tmp_path_factory.mktemp("recipes"))
