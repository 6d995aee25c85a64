"""Events sent to a hub and a watcher that receives them, in one process."""

import asyncio

from channels.layers import get_channel_layer

from progress.layers import groups


async def tell(store, event):
    """Store an event and send it to its group."""
    [(_, stored)] = await store.put([event])
    await get_channel_layer().group_send(groups.group_name(event.task_id), groups.message(stored))


class Watched:
    """A watcher of the hub; ``events`` has what it received."""

    def __init__(self, watcher):
        self.events = []
        self._frames = watcher

    async def next(self):
        """The next event."""
        async with asyncio.timeout(10):
            _, event = await anext(self._frames)
        self.events.append(event)
        return event

    async def until(self, condition):
        """The first event from now on that fulfils the condition."""
        while not condition(await self.next()):
            pass
        return self.events[-1]
