"""Runs in, a ``Page`` out: each run's report, the comparisons, and a sample of cases.

Two passes over every file: one for the report, which builds no texts, and one for the cases
that the browser shows with their texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from stressbench import __version__, store
from stressbench.errors import ResultsError
from stressbench.report.model.engine.latency import SHARES
from stressbench.report.model.engine.view import Timeline
from stressbench.report.model.page.sample import LOST, Browser
from stressbench.report.model.page.versus import versus, wanted
from stressbench.report.model.page.view import Page
from stressbench.report.model.run import Progress, Reduced, reduce_run
from stressbench.report.model.section_view import Section
from stressbench.report.model.sections import SECTIONS, title
from stressbench.report.model.view import RunReport
from stressbench.report.words.load import load_table

CASES: Final = 320
"""Cases in the browser, of all runs together."""


def page(
    paths: Sequence[Path], progress: Progress | None = None, *, treat: Sequence[str] = ()
) -> Page:
    """Read the runs and reduce them to what the page shows.

    The first run is what the others are compared with; one run with several roles is
    compared within. ``treat`` names the factors in which runs differ on purpose.
    Raises ``ResultsError`` where a file cannot be read.
    """
    headers = [store.read_run(path).header for path in paths]
    more = wanted(headers, tuple(treat))
    reduced = [_non_empty(reduce_run(path, progress, more=more)) for path in paths]
    browsers = [_browser(each, index, CASES // len(paths)) for index, each in enumerate(reduced)]
    names = _names([each.report.name for each in reduced])
    runs = [
        _whole(each.report, browser, name)
        for each, browser, name in zip(reduced, browsers, names, strict=True)
    ]
    return Page(
        title=" and ".join(dict.fromkeys(run.suite for run in runs)),
        version=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=runs,
        loads=[load_table(run.load) if run.load else None for run in runs],
        versus=list(versus([each.columns for each in reduced], names, tuple(treat))),
        cases=[case for browser in browsers for case in browser.sample.chosen()],
        cases_of=sum(run.records for run in runs),
        latency_shares=list(SHARES),
    )


def _non_empty(found: Reduced) -> Reduced:
    if not found.report.records:
        raise ResultsError(
            "the run holds no record yet",
            where=str(found.run.path),
            hint="continue it: stressbench run --resume RUN_DIR",
        )
    return found


def _browser(each: Reduced, index: int, cases: int) -> Browser:
    browser = Browser(index, cases, each.run)
    browser.read()
    return browser


def _names(names: list[str]) -> list[str]:
    """A short name for each run: its directory, numbered where two share one."""
    return [
        name if names.count(name) == 1 else f"{name} ({index + 1})"
        for index, name in enumerate(names)
    ]


def _whole(report: RunReport, browser: Browser, name: str) -> RunReport:
    """The report with what only whole records say."""
    return replace(
        report,
        name=name,
        timelines=[_with_requests(each, browser) for each in report.timelines],
        sections=list(_with_matrices(report.sections, browser)),
    )


def _with_requests(timeline: Timeline, browser: Browser) -> Timeline:
    requests = browser.requests[timeline.role]
    return replace(timeline, requests=requests.chosen(), requests_of=requests.total)


def _with_matrices(sections: Sequence[Section], browser: Browser) -> Iterator[Section]:
    """The sections with their matrices, then those that no metric reads."""
    known = {each.name: each for each in sections}
    for name in islice(dict.fromkeys((*known, *browser.filled)), SECTIONS):
        filled, lost = browser.filled[name], browser.lost[name]
        each = known.get(name) or Section(
            name=name, title=title(name), filled=filled, numbers=[], grids=[], null={}
        )
        null = each.null | ({LOST: lost} if lost else {})
        yield replace(each, filled=filled, grids=browser.grids(name), null=null)
