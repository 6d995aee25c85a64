"""A web server that this app shares with others, whose consumers are of Channels' own kind.

``ws/neighbour/`` looks into the database at each frame. SHARED_DATABASE says how that goes:
"slow" takes three seconds, "down" fails.
"""

import os
import time

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.db import connection
from django.urls import path

from progress.routing import websocket_urlpatterns
from tests.faults.without_web import pages

HOW = os.environ["SHARED_DATABASE"]

if HOW == "down":
    settings.DATABASES["default"]["NAME"] = "/nowhere/database"


@database_sync_to_async
def look():
    if HOW == "slow":
        time.sleep(3)
    connection.ensure_connection()


class Neighbour(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await look()
        await self.send("done")


neighbour = path("ws/neighbour/", Neighbour.as_asgi())
addresses = URLRouter([neighbour, *websocket_urlpatterns])
application = ProtocolTypeRouter({"http": pages, "websocket": addresses})
