"""Rules of a site's own, for PROGRESS_PERMISSION."""

import asyncio
import threading
import time

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied

#: What the thread of a rule says and waits for: it was asked, and may go on.
asked, go_on = threading.Event(), threading.Event()
threads = []


def same_group(who, task_id, action):
    """Members of the team may watch and cancel everything."""
    return who.user is not None and who.user.groups.filter(name="team").exists()


async def same_group_async(who, task_id, action):
    """The same, as a coroutine."""
    return await sync_to_async(same_group)(who, task_id, action)


class SameGroup:
    """The same, as an object that asgiref does not take for a coroutine function."""

    async def __call__(self, who, task_id, action):
        return await same_group_async(who, task_id, action)


same_group_object = SameGroup()


def held(who, task_id, action):
    """The same, but for the task "held" it answers some time after it read the database."""
    answer = same_group(who, task_id, action)
    if task_id == "held":
        asked.set()
        go_on.wait(10)
    return answer


def signed_in(who, task_id, action):
    """Allow every user who is signed in and active."""
    return who.user is not None and who.user.is_active


def nothing(who, task_id, action):
    """Return None, as a rule that forgets its answer."""


def denied(who, task_id, action):
    raise PermissionDenied


def absent(who, task_id, action):
    raise ObjectDoesNotExist


def raising(who, task_id, action):
    raise RuntimeError("the rule is broken")


async def raising_async(who, task_id, action):
    raise RuntimeError("the rule is broken")


def hanging(who, task_id, action):
    asked.set()
    return go_on.wait(30)


async def hanging_async(who, task_id, action):
    return await asyncio.Event().wait()


def noting(who, task_id, action):
    """Allow everybody, and note the name of the thread."""
    threads.append(threading.current_thread().name)
    return True


def noting_signed_in(who, task_id, action):
    """Allow every signed-in user, and note the answer."""
    answer = signed_in(who, task_id, action)
    threads.append(answer)
    return answer


def slow(who, task_id, action):
    """Take seconds for one task, and answer at once for others."""
    if task_id == "slow":
        asked.set()
        began = time.monotonic()
        go_on.wait(5)
        assert time.monotonic() - began < 5
    return True


class LateBackend(ModelBackend):
    """Reads a user from the database, and returns it only when the test says so."""

    armed = False

    def get_user(self, user_id):
        user = super().get_user(user_id)
        if LateBackend.armed:
            LateBackend.armed = False
            asked.set()
            go_on.wait(10)
        return user


async def signed_in_async(who, task_id, action):
    """Allow every signed-in user; reads the user as a sync rule does."""
    return who.user is not None and who.user.is_active


class SignedIn:
    """The same, as an object that asgiref does not take for a coroutine function."""

    async def __call__(self, who, task_id, action):
        return await signed_in_async(who, task_id, action)


signed_in_object = SignedIn()


def permitted(who, task_id, action):
    """Allow users who have one of Django's permissions."""
    return who.user is not None and who.user.has_perm("auth.view_group")


def taking_its_time(who, task_id, action, *, seconds=0.1):
    """Allow everybody after a short time, and note the thread."""
    time.sleep(seconds)
    threads.append(task_id)
    return True


async def taking_its_time_async(who, task_id, action):
    """Allow after 20 ms, in the thread that all of Django's async views share."""
    return await sync_to_async(taking_its_time)(who, task_id, action, seconds=0.02)


def owning(who, task_id, action):
    """Allow the owner only."""
    return who.owns(task_id)
