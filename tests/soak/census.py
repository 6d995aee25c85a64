"""Counts what the parts hold, by /proc, Redis and the web servers themselves."""

import json
import os
from pathlib import Path
from urllib.request import urlopen

# As in asgi.py, which is for the web servers alone to import: it makes the application.
PATH = "/census/"


class Census:
    """The parts by name; ``take`` counts what they hold."""

    def __init__(self, *, webs, workers, servers):
        self._webs = webs
        self._workers = workers
        self._servers = servers
        self.inside = {}  # the last answers of the web servers

    def take(self):
        """Each count by its name. Waits for the web servers, so call it in a thread."""
        measures = {}
        for name, part in {**self._webs, **self._workers}.items():
            measures |= {f"{name}: {what}": count for what, count in of_part(part).items()}
        for name, web in self._webs.items():
            with urlopen(f"http://127.0.0.1:{web.port}{PATH}", timeout=30) as answer:
                self.inside[name] = told = json.load(answer)
            measures |= {f"{name}: {what}": told[what] for what in ("tasks", "objects", "blocks")}
        for name, server in self._servers.items():
            with server.client() as client:
                measures[f"{name}: clients"] = len(client.client_list())
                if name == "store":
                    measures["store: pub/sub channels"] = len(client.pubsub_channels())
                    measures["store: keys"] = client.dbsize()
        return measures


def family(part):
    """The process ids of the part and its children."""
    pid = part.process.pid
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def of_part(part):
    """Sums over the part's processes; memory in MB."""
    pids = family(part)
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return {
        "processes": len(pids),
        "files": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
        "threads": sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids),
        "memory MB": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    }


def cpu_seconds(parts):
    """CPU time that the parts and their children have used."""
    return sum(_cpu_seconds(pid) for part in parts for pid in family(part))


def _cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
