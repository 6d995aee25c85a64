"""A whole application mounted below a prefix of another."""

from starlette.applications import Starlette
from starlette.routing import Mount

from .with_starlette import application as inner

application = Starlette(routes=[Mount("/deep/down", inner)])
