"""A watcher on the same server, who must not notice what strangers do there."""

import json
import threading
import time

from websockets.sync.client import connect

TASK = "bystander"  # the task of the reporter
LATE = 2.5  # seconds; less than PROGRESS_RECONCILE, so the event came through the channel layer


class Bystander(threading.Thread):
    """Watches the reporter's task in a thread of its own, so the test's loop does not delay it."""

    def __init__(self, web):
        super().__init__(daemon=True)
        self._url = web.url(TASK)
        self._socket = None
        self._news = threading.Condition()
        self._heard_at = time.time()
        self._worst = 0.0
        self._trouble = None
        self.start()

    def run(self):
        try:
            with connect(self._url, compression=None, ping_interval=None) as self._socket:
                for text in self._socket:
                    self._take(json.loads(text), time.time())
        except Exception as error:
            self._trouble = repr(error)

    def _take(self, event, now):
        with self._news:
            lag = now - event["current"] / 1000 if event["state"] == "PROGRESS" else 0
            self._worst = max(self._worst, lag, now - self._heard_at)
            self._heard_at = now
            self._news.notify_all()

    def begin(self):
        """Begin to measure."""
        with self._news:
            assert self._news.wait(10), self._trouble  # the last event may have come before this
            self._worst = 0.0

    def check(self):
        """Check that every event since ``begin`` came in time, and that events still come."""
        with self._news:
            assert self._news.wait(LATE), self._trouble
            assert self._worst < LATE

    def leave(self):
        self._socket.close()
        self.join(5)
