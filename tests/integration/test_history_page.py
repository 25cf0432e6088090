"""``stressbench history`` as a job uses it: its exit code, its text, and its page in a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import expect, sync_playwright

from tests import records
from tests.conftest import Cli

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "<img src=x onerror='window.pwned=1'>\x1b[31m\u202e</script>"


def write_night(folder: Path, number: int, share: float = 1.0, driver: str | None = None) -> None:
    machine = msgspec.structs.replace(records.header().machine, driver=driver)
    run = records.header(
        run_id=f"night{number}", started_at=f"2026-01-{number + 1:02}T02:00:00Z", machine=machine
    )
    rows = []
    for item in range(40):
        row = records.record(item, score=float(item < 40 * share))
        timing = msgspec.structs.replace(row.timing, sent_ns=row.timing.sent_ns + number)
        rows.append(msgspec.structs.replace(row, timing=timing))
    records.write(folder / f"{number:02}" / "records.jsonl", rows, run=run)


def test_the_exit_code_is_about_tonight(cli: Cli, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    codes = []
    for number, share in enumerate((1.0, 1.0, 1.0, 0.5, 1.0)):
        write_night(runs, number, share)
        codes.append(cli("history", runs).code)
    assert codes == [5, 0, 0, 1, 0]
    records.write(
        runs / "cut" / "records.jsonl",
        [records.record(0)],
        run=records.header(run_id="cut", started_at="2026-02-01T02:00:00Z"),
        status=None,
    )
    assert cli("history", runs).code == 4


def test_the_text_names_night_metric_role_and_cause(cli: Cli, tmp_path: Path) -> None:
    for number in range(4):
        write_night(tmp_path, number, 0.5 if number == 3 else 1.0, "571" if number == 3 else "570")
    shutil.copytree(tmp_path / "01", tmp_path / "copy")
    left = cli("history", tmp_path)
    said = " ".join(left.out.split())
    assert said.startswith("REGRESSION")
    assert "2026-01-04T02:00:00Z quality.score of dense: 50.0 % against 100.0 %" in said
    assert "likely cause, what changed since then: driver: 570 -> 571" in said
    assert "the same run as" in said
    row = left.out.splitlines().index(next(x for x in left.out.splitlines() if "███▁" in x))
    assert left.out.splitlines()[row + 1].strip() == "!"
    shown = json.loads(cli("history", tmp_path, "--format", "json").out)
    assert shown["verdict"] == "regression"
    assert shown["series"][1]["nights"][-1]["causes"] == ["driver: 570 -> 571"]


def test_nothing_recorded_changed_is_said_so(cli: Cli, tmp_path: Path) -> None:
    for number in range(4):
        write_night(tmp_path, number, 0.5 if number == 3 else 1.0)
    said = " ".join(cli("history", tmp_path).out.split())
    assert "likely cause: nothing that the runs record, as that has not changed" in said


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_draws_every_series_and_obeys_nothing(
    cli: Cli, tmp_path: Path, theme: str
) -> None:
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    for number in range(9):
        write_night(tmp_path, number, 0.5 if number >= 6 else 1.0, HOSTILE if number else None)
    page_file = tmp_path / "trend.html"
    assert cli("history", tmp_path, "--html", page_file).code == 1
    troubles: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(color_scheme=theme, viewport={"width": 900, "height": 900})
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(page_file.as_uri())
        expect(page.locator("figure.chart svg[role=img]")).to_have_count(4)
        expect(page.locator(".verdict")).to_contain_text("REGRESSION")
        expect(page.locator("figure.chart").nth(1).locator(".note li")).to_have_count(3)
        page.locator("details.numbers summary").first.click()
        expect(page.locator("details.numbers tbody tr").first).to_be_visible()
        expect(page.locator("details.numbers tbody tr")).to_have_count(9)
        assert page.evaluate("window.pwned") is None
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 900
        browser.close()
    assert troubles == []
