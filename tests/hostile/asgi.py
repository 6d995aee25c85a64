"""The web side under attack: our addresses, a close for all others, and users by a header."""

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import re_path

from progress.access import by_token
from progress.transports.consumers import no_such_address
from tests.support.asgi import pages, websocket_urlpatterns


class User:
    """Who the application around ours says is signed in."""

    is_authenticated = is_active = True

    def __init__(self, pk):
        self.pk = pk


def may(who, task_id, action):
    """A rule that asks who it is first, so that sockets are counted as theirs."""
    return who.user is not None or by_token(who, task_id, action)


async def sockets(scope, receive, send):
    name = dict(scope["headers"]).get(b"x-user")
    await addresses({**scope, "user": name and User(name.decode("latin-1"))}, receive, send)


addresses = URLRouter([*websocket_urlpatterns, re_path("", no_such_address)])
application = ProtocolTypeRouter({"http": pages, "websocket": sockets})
