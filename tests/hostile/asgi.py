"""The application under attack: our addresses, 4404 for all others; a header names the user."""

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import re_path

from progress.access import by_token
from progress.routing import no_such_address, websocket_urlpatterns
from tests.support.asgi import pages


class User:
    """A user whom the application around ours has signed in."""

    is_authenticated = is_active = True

    def __init__(self, pk):
        self.pk = pk


def may(who, task_id, action):
    """A rule that reads the user first, so that sockets count as the user's."""
    return who.user is not None or by_token(who, task_id, action)


async def sockets(scope, receive, send):
    name = dict(scope["headers"]).get(b"x-user")
    await addresses({**scope, "user": name and User(name.decode("latin-1"))}, receive, send)


addresses = URLRouter([*websocket_urlpatterns, re_path("", no_such_address)])
application = ProtocolTypeRouter({"http": pages, "websocket": sockets})
