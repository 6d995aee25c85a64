"""Joins groups of a channel layer, and waits until messages to them arrive."""

import asyncio


async def joined(layer, names):
    """Return a new channel in these groups of the layer.

    group_add() returns before Redis has processed it, and what is sent before that is lost.
    """
    channel = await layer.new_channel()
    for name in names:
        await layer.group_add(name, channel)
        await _reached(layer, channel, name)
    return channel


async def _reached(layer, channel, name):
    heard = asyncio.ensure_future(layer.receive(channel))
    while not heard.done():
        await layer.group_send(name, {"type": "there"})
        await asyncio.wait([heard], timeout=0.2)
    await layer.group_send(name, {"type": "last"})
    while (await layer.receive(channel))["type"] != "last":
        pass
