"""Make the pictures of a report that the documentation shows, from a run's directory.

    .venv/bin/python docs/report_images.py results/core-baseline

Needs Debian's chromium. The pictures are of that run and nothing else: name a real one.
"""

# ruff: noqa: INP001 - a script is no package

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
MAX_BYTES = 200_000
WIDE, PHONE = {"width": 1100, "height": 760}, {"width": 390, "height": 760}


def main(run: str) -> None:
    """Write the pictures of one run."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        html = Path(folder) / "report.html"
        command = [sys.executable, "-m", "stressbench", "report", run, "--html", str(html)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own
        browser = driver.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for name, section, size, scheme in (
            ("report-summary", "summary", WIDE, "light"),
            ("report-quality", "quality", WIDE, "light"),
            ("report-timeline", "kv", WIDE, "dark"),
            ("report-case", "cases", WIDE, "light"),
            ("report-phone", "outcomes", PHONE, "dark"),
        ):
            page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
            page.goto(html.as_uri())
            _shoot(page, section, IMAGES / f"{name}.png")
        browser.close()


def _shoot(page: Page, section: str, file: Path) -> None:
    """One screenful, from the top of a section; the summary with the page's heading."""
    if section != "summary":
        page.evaluate("(id) => document.getElementById(id).scrollIntoView()", section)
    page.screenshot(path=file)
    size = file.stat().st_size
    sys.stdout.write(f"{file.name} {size:,} bytes\n")
    if size > MAX_BYTES:
        raise SystemExit(f"{file.name} is larger than {MAX_BYTES:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
