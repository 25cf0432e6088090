"""What the stress did, class by class and dose by dose, model under model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from stressbench.report.model.overview import ATTENTION, ROUTING
from stressbench.report.model.view import OverviewRow, Row
from stressbench.report.terminal.layout import NO_VALUE, table, terms, text
from stressbench.report.words.arms import ARM_MEANINGS
from stressbench.report.words.outcomes import MEANINGS, most_frequent_miss, outcome_words
from stressbench.report.words.quantities import share, spread

_WEAK: Final = 0.5
"""A mean score below this is shown as a warning: more wrong than right."""
_CONTROLS: Final = {
    "isocontent": "plain\ntwin",
    "isotoken": "same\nlength",
    "oracle_context": "fact\nalone",
    "no_context": "no\ncontext",
}
_ENGINE_HEADS: Final = {
    "prompt\ntokens": "mean length of the prompt, chat template included",
    "token\ninflation": "tokens of the prompt over those of its plain twin",
    "TTFT ms\nmedian": "time to first token, half of the requests had it within this time",
    "TTFT ms\np95": "the same for 95 % of the requests",
    "TPOT ms\nmedian": "time per output token after the first",
    "KV\npeak": "largest share of KV blocks in use while one of these requests was in flight",
    "preemptions": "how often the scheduler took a request's blocks away, to recompute it later",
    "failed": "requests with an error, a timeout or a rejection; each scores 0",
}
_WIDE: Final = 92
"""Columns that the table of costs needs with its latencies."""
_PROBED_HEADS: Final = {
    "needle\nlift": "attention on the needed fact in the best head; 1 is an even share",
    "sink\nmass": "share of the attention on the first positions, whatever they hold",
    "expert load\nimbalance": "load of the busiest expert over the mean; 1 is even",
    "expert load\nentropy": "how evenly tokens spread over the experts; 1 is even",
    "n sampled": "requests that the probe looked at",
}
_PROBED_FORMS: Final = {
    "attention.needle_lift": "{:.1f}",
    "attention.sink_mass": "{:.2f}",
    "routing.imbalance": "{:.2f}",
    "routing.entropy_norm": "{:.2f}",
}


class _Line(NamedTuple):
    """A line of a table: its first cells, and the row it shows; None for a heading."""

    name: Text
    role: Text
    row: OverviewRow | None


def render(rows: Sequence[OverviewRow]) -> Iterator[RenderableType]:
    """Three tables: quality, tokens and engine, attention and routing."""
    if not rows:
        return
    yield from _quality(rows)
    yield _title("Cost: what the stressed requests took")
    yield _Engine(rows)
    if any(row.probed for row in rows):
        yield from _probed(rows)


def _lines(rows: Sequence[OverviewRow]) -> Iterator[_Line]:
    """The rows under their classes and labels, the models of a dose under each other."""
    nothing, before = Text(""), tuple[str, ...]()
    for row in rows:
        path = (row.entry.prompt_class, *filter(None, (row.entry.label, row.dose)))
        names = [text("  " * depth + name) for depth, name in enumerate(path)]
        pairs = zip(before, path, strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        for heading in names[shared:-1]:
            yield _Line(heading, nothing, None)
        yield _Line(nothing if path == before else names[-1], text(row.role), row)
        before = path


def _table(*, right: Iterable[str] = (), gap: int) -> Table:
    """A table whose first column is broken into lines where a label is too long for it."""
    found = table(left=("class and dose", "model"), right=right, gap=gap)
    first = found.columns[0]
    first.no_wrap, first.overflow, first.min_width = False, "fold", len(str(first.header))
    return found


def _title(what: str) -> Text:
    return Text(f"\n{what}", style="bold")


def _quality(rows: Sequence[OverviewRow]) -> Iterator[RenderableType]:
    controls = [arm for arm in _CONTROLS if any(arm in row.arms for row in rows)]
    found = _table(gap=1)
    found.add_column(Text("under stress\n[95 % interval]"), justify="right", no_wrap=True)
    for arm in controls:
        found.add_column(Text(_CONTROLS[arm]), justify="right", no_wrap=True)
    found.add_column(Text("n"), justify="right", no_wrap=True)
    found.add_column(Text(" most frequent\n mistake"), no_wrap=True)
    for name, role, row in _lines(rows):
        if row is None:
            found.add_row(name)
            continue
        stress = row.arms["stress"]
        scores = [_score(row.arms.get(arm)) for arm in controls]
        found.add_row(name, role, _stressed(stress), *scores, Text(f"{stress.n}"), _miss(stress))
    yield _title("Quality: mean score under stress, next to its controls")
    yield found
    kinds = dict.fromkeys(
        miss[0] for row in rows if (miss := most_frequent_miss(row.arms["stress"].outcomes))
    )
    yield terms(
        {"under stress": f"{ARM_MEANINGS['stress']}; a failed request scores 0"}
        | {_CONTROLS[arm].replace("\n", " "): ARM_MEANINGS[arm] for arm in controls}
        | {"n": "stressed requests; the interval counts the independent items among them"}
        | {outcome_words(kind): MEANINGS.get(kind, "another outcome") for kind in kinds}
    )


def _stressed(row: Row) -> Text:
    if row.score is None or row.ci is None:
        return Text(NO_VALUE)
    style = "red" if row.score < _WEAK else ""
    return Text.assemble((share(row.score), style), " ", (f"{spread(row.ci):>9}", "dim"))


def _score(row: Row | None) -> Text:
    return Text(NO_VALUE if row is None or row.score is None else share(row.score))


def _miss(row: Row) -> Text:
    found = most_frequent_miss(row.outcomes)
    return Text(f" {outcome_words(found[0])} {found[1]} of {row.n}" if found else " none")


class _Engine:
    """The cost of the stressed requests; a narrow terminal gets it without the latencies."""

    def __init__(self, rows: Sequence[OverviewRow]) -> None:
        self.rows = rows

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= _WIDE
        heads = {k: v for k, v in _ENGINE_HEADS.items() if wide or " ms" not in k}
        found = _table(right=heads, gap=1)
        for name, role, row in _lines(self.rows):
            if row is None:
                found.add_row(name)
                continue
            cells = dict(zip(_ENGINE_HEADS, _engine_cells(row.arms["stress"]), strict=True))
            found.add_row(name, role, *(cells[head] for head in heads))
        yield found
        yield terms({head.replace("\n", " "): meaning for head, meaning in heads.items()})
        if not wide:
            yield Text(f"  latencies: shown from {_WIDE} columns on", style="dim")


def _engine_cells(row: Row) -> Iterator[Text]:
    yield _number(row.prompt_tokens, "{:,.0f}")
    yield _number(row.inflation, "{:.2f}x")
    yield _number(row.ttft_ms_p50, "{:,.0f}")
    yield _number(row.ttft_ms_p95, "{:,.0f}")
    yield _number(row.tpot_ms_p50, "{:,.1f}")
    yield _number(row.usage_peak, "{:.0%}")
    yield _number(row.preemptions, "{:,}")
    yield Text(str(row.failed), style="red" if row.failed else "")


def _probed(rows: Sequence[OverviewRow]) -> Iterator[RenderableType]:
    *heads, sampled = _PROBED_HEADS
    some = [row for row in rows if row.probed]
    found = _table(gap=2)
    for head in (*heads[:2], sampled, *heads[2:], sampled):
        found.add_column(Text(head), justify="right", no_wrap=True)
    for name, role, row in _lines(some):
        if row is None:
            found.add_row(name)
            continue
        cells = [cell for names in (ATTENTION, ROUTING) for cell in _sampled(row, names)]
        found.add_row(name, role, *cells)
    yield _title("Attention and expert routing under stress")
    yield found
    yield terms({head.replace("\n", " "): meaning for head, meaning in _PROBED_HEADS.items()})


def _sampled(row: OverviewRow, names: Sequence[str]) -> Iterator[Text]:
    """Means of one probe's metrics, then how many requests they are from."""
    found = [row.probed.get(name) for name in names]
    for name, each in zip(names, found, strict=True):
        yield _number(each.value if each else None, _PROBED_FORMS[name])
    sizes = [each.n for each in found if each is not None]
    yield Text(str(max(sizes)) if sizes else NO_VALUE)


def _number(value: float | None, form: str) -> Text:
    return Text(NO_VALUE if value is None else form.format(value))
