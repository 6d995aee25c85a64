"""Sources of events: this project's publisher, plain Redis, and the channel layer."""

import asyncio
import time

SECRET = "benchmark" * 5
LOOKS = 50  # parts of a round in which tasks report, so that they do not all report at once
LAG = 1.0  # seconds by which a stream may be late


class Tasks:
    """Running tasks without workers, with real recorders and a real publisher. For a ``Child``."""

    def __init__(self, url, settings):
        from progress import configure

        configure(redis_url=url, secret=SECRET, **settings)
        self._recorders = []
        self.said = 0

    def begin(self, names):
        """Start the tasks; return a token for each."""
        from progress import ProgressRecorder, make_token
        from progress.reporting.current import flush

        for name in names:
            self._recorders.append(ProgressRecorder(running(name)))
        if not flush(30):
            raise TimeoutError("the store took no events")
        return [make_token(name) for name in names]

    def tell(self):
        """One event of each."""
        from progress.reporting.current import flush

        self._say(self._recorders)
        if not flush(30):
            raise TimeoutError("the store took no events")

    def stream(self, seconds, period):
        """Report each task once a period, evenly spread; return the number of reports."""
        share = max(1, len(self._recorders) // LOOKS)
        parts = [self._recorders[at : at + share] for at in range(0, len(self._recorders), share)]
        began, told, looks = time.monotonic(), 0, 0
        while (now := time.monotonic()) - began < seconds:
            due = began + looks * period / len(parts)
            if now - due > LAG:
                raise TimeoutError(
                    f"{len(self._recorders) / period:.0f} calls a second is too much"
                )
            time.sleep(max(0.0, due - now))
            part = parts[looks % len(parts)]
            self._say(part)
            looks, told = looks + 1, told + len(part)
        return told

    def _say(self, recorders):
        self.said += 1
        for recorder in recorders:
            recorder.set_progress(self.said, 1_000_000, "Importing")


def running(name):
    """A task as its own code sees it, without a worker."""
    from progress.reporting.current import current_publisher

    request = type("Request", (), {"id": name, "is_eager": False, "ignore_result": True})
    request.progress_run = current_publisher().open(name)
    return type("Task", (), {"request": request, "ignore_result": True, "backend": None})


class Raw:
    """Publishes ready texts to a Redis channel for each task. For a ``Child``."""

    def __init__(self, url):
        from redis import Redis

        self._redis = Redis.from_url(url)

    def stream(self, channels, text, seconds, period):
        """Publish a text to each channel once a period, evenly spread; return how many."""
        share = max(1, len(channels) // LOOKS)
        began, told, at = time.monotonic(), 0, 0
        while time.monotonic() - began < seconds:
            part = channels[at : at + share]
            at = (at + share) % len(channels)
            with self._redis.pipeline(transaction=False) as pipe:
                for channel in part:
                    pipe.publish(channel, text)
                pipe.execute()
            told += len(part)
            time.sleep(max(0.0, began + told / len(channels) * period - time.monotonic()))
        return told


class Layer:
    """Sends to groups of the channel layer. For a ``Child``."""

    def __init__(self, url):
        from channels_redis.pubsub import RedisPubSubChannelLayer

        self._loop = asyncio.new_event_loop()
        self._layer = RedisPubSubChannelLayer(hosts=[url])

    def tell(self, group, message):
        """One message to the group."""
        self._loop.run_until_complete(self._layer.group_send(group, message))


def text():
    """An event as long as ours are."""
    from progress.events import Event, State

    event = Event(
        task_id="benchmark-0000",
        state=State.PROGRESS,
        version=1795331651123456,
        run=1795331650000000,
        current=5,
        total=1_000_000,
        description="Importing",
    )
    return event.text()
