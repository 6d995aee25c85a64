"""Where the servers of a run find Redis: one for all of them."""

import os

URL = os.environ["CONFORMANCE_REDIS_URL"]
BROKER = os.environ["CONFORMANCE_BROKER_URL"]
