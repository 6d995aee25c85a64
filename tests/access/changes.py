"""Ways to end a right while a socket is open, and checks of what the socket does then."""

import asyncio

from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client

from progress.hub import Hub
from progress.reporting import auth_signals
from tests.access.doors import news

WITHIN = 2  # seconds, as promised while Redis is there


async def opened(door, stack, visitor, task, token):
    """Open a socket that watches the task and gets changes of rights."""
    socket = await stack.enter_async_context(door.open(visitor, task, token))
    assert (await socket.answer()).word == "allowed"
    # A rule may allow the task of the address before the frame with the token is read. A change
    # meanwhile would refuse that frame, with another code.
    await socket.send_to(text_data="nonsense")
    await socket.until("bad_request")
    await hears_changes()
    return socket


async def hears_changes():
    """Wait until the listener has joined the group of changes, which it joins before a task's."""
    hub = Hub.current()
    async with asyncio.timeout(10):
        while hub._subscription._changed or not hub._subscription._listener.task_ids:
            await asyncio.sleep(0.01)


async def closes(socket, task, *words):
    """Check that the socket closes in time, and that no frame follows."""
    assert (await socket.until(*(words or ("ended",)), within=WITHIN)).word
    await news(task)
    assert socket.output_queue.empty()
    assert task not in Hub.current()._topics


async def stays(socket, task):
    """Check that the socket still gets events of the task."""
    await news(task)
    assert (await socket.until("allowed")).word


class Proxy(User):
    class Meta:
        proxy = True
        app_label = "auth"


class GroupProxy(Group):
    class Meta:
        proxy = True
        app_label = "auth"


auth_signals.connect()  # the proxy was not there when the app was made ready


async def logged_out(visitor, people):
    await visitor.client.alogout()


async def logged_out_under_wsgi(visitor, people):
    client = Client()
    client.cookies = visitor.client.cookies
    await sync_to_async(client.logout)()


async def password_changed(visitor, people):
    people.member.set_password("2")
    await people.member.asave()


async def deactivated(visitor, people):
    people.member.is_active = False
    await people.member.asave(update_fields=["is_active"])


async def deleted(visitor, people):
    await people.member.adelete()


async def proxy_saved(visitor, people):
    user = await Proxy.objects.aget(pk=people.member.pk)
    user.is_active = False
    await user.asave()


async def proxy_deleted(visitor, people):
    await (await Proxy.objects.aget(pk=people.member.pk)).adelete()


@sync_to_async
def changed_in_a_transaction(visitor, people):
    """Change the right in a transaction; it must be announced after the commit only."""
    with transaction.atomic():
        people.member.is_active = False
        people.member.save()


SIGNED = [logged_out, logged_out_under_wsgi]
USERS = [password_changed, deactivated, deleted, proxy_saved, proxy_deleted]
USERS += [changed_in_a_transaction]
