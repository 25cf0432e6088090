"""The KV cache in words: what fits, and the predicted onset of preemption beside the measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from stressbench.report.printable import printable
from stressbench.schema.results.kv import KvLevel, KvPrediction, KvSetup
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import RunHeader

_NO_VALUE = "-"
_UNTOLD = "the engine does not tell"


def describe_kv(kv: KvSetup) -> str:
    """One line: size of the cache, bytes a token, and where preemption should begin."""
    if kv.bytes_per_token is None:
        token = f"bytes a token not known ({kv.why_null.get('bytes_per_token', _UNTOLD)})"
    else:
        token = f"{kv.bytes_per_token:,} bytes a token"
    if kv.blocks is None or kv.capacity_tokens is None:
        return f"KV cache: {token}; its size: {kv.why_null.get('blocks', _UNTOLD)}"
    size = f"KV {kv.blocks:,} blocks of {kv.block_size} = {kv.capacity_tokens:,} tokens"
    return f"{size}, {token}; {_expected(kv)}"


def print_kv(console: Console, caches: Mapping[str, KvSetup]) -> None:
    """A line on the cache of every role."""
    for role, kv in caches.items():
        console.print(f"{printable(role)}: {describe_kv(kv)}", soft_wrap=True)


def _expected(kv: KvSetup) -> str:
    predicted = kv.predicted
    if predicted is None:
        return f"onset of preemption not predicted: {kv.why_null.get('predicted', _UNTOLD)}"
    text = f"a request holds up to {predicted.largest_demand_blocks} blocks: "
    if predicted.safe_concurrency == predicted.requests:
        text += f"all {predicted.requests:,} fit together"
    elif predicted.onset_concurrency is None:
        text += f"no preemption predicted up to {predicted.tried_concurrency} in flight"
    else:
        text += f"no preemption up to {predicted.safe_concurrency} in flight, "
        text += f"predicted from {predicted.onset_concurrency}"
    if not predicted.exact:
        text += ", even if" if predicted.safe_concurrency == predicted.requests else ", if"
        text += " every answer reaches its limit"
    if predicted.requests < predicted.planned:
        text += f" (from the first {predicted.requests:,} of {predicted.planned:,} requests)"
    return text


@dataclass(slots=True)
class Measured:
    """What the requests of one role and concurrency went through."""

    requests: int = 0
    preemptions: int = 0
    preempted: int = 0
    recomputed_tokens: int | None = None
    usage_peak: float | None = None
    waiting_peak: int | None = None

    def add(self, record: CaseRecord) -> None:
        """Count one record in; what is null does not count as 0."""
        kv = record.kv
        if kv is None or kv.preemptions is None:
            return
        self.requests += 1
        self.preemptions += kv.preemptions
        self.preempted += kv.preemptions > 0
        if kv.recomputed_tokens is not None:
            self.recomputed_tokens = (self.recomputed_tokens or 0) + kv.recomputed_tokens
        if kv.usage_peak is not None:
            self.usage_peak = max(self.usage_peak or 0.0, kv.usage_peak)
        if kv.waiting_peak is not None:
            self.waiting_peak = max(self.waiting_peak or 0, kv.waiting_peak)


class KvPressure:
    """The predicted onset of preemption beside what the records of a run say."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int | None], Measured] = {}
        """By role and concurrency; None where the run has a single one."""

    def watch(self, records: Iterable[CaseRecord]) -> Iterator[CaseRecord]:
        """Pass records on and count them."""
        for record in records:
            if record.pass_ == "quality":
                concurrency = record.load.concurrency if record.load is not None else None
                key: tuple[str, int | None] = (record.role_name, concurrency)
                self._found.setdefault(key, Measured()).add(record)
            yield record

    def render(self, header: RunHeader) -> Iterator[RenderableType]:
        """A table of the roles whose closed loops were predicted.

        Nothing of a role where the prediction is that all fits, and it did.
        """
        table, notes = _table(), list[Text]()
        for role, model in header.models.items():
            predicted = model.kv.predicted if model.kv is not None else None
            if predicted is None or model.kv is None:
                continue
            seen = [self._seen(role, level.concurrency, predicted) for level in predicted.levels]
            foreseen = any(level.preemptions for level in predicted.levels)
            if not foreseen and not any(each.preemptions for each in seen):
                continue
            for level, each in zip(predicted.levels, seen, strict=True):
                table.add_row(printable(role), *_cells(level, model.kv, each))
            table.add_section()
            notes.append(_verdict(role, predicted, seen))
        if notes:
            yield table
            yield from notes

    def _seen(self, role: str, concurrency: int, predicted: KvPrediction) -> Measured:
        """At a concurrency; the only one of a run is not named in its records."""
        found = self._found.get((role, concurrency))
        if found is None and len(predicted.levels) == 1:
            found = self._found.get((role, None))
        return found or Measured()


def _table() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="bold")
    table.add_column("KV pressure,\npredicted / measured", no_wrap=True)
    for heading in (
        "concur-\nrency",
        "pre-\nemptions",
        "tokens\nrecomputed",
        "KV\npeak",
        "waiting\npeak",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cells(level: KvLevel, kv: KvSetup, seen: Measured) -> Iterator[str]:
    yield str(level.concurrency)
    preemptions = seen.preemptions if seen.requests else None
    yield f"{level.preemptions} / {_text(preemptions)}"
    yield f"{level.recomputed_tokens:,} / {_text(seen.recomputed_tokens)}"
    peak = level.blocks_peak / kv.blocks if kv.blocks else None
    yield f"{_share(peak)} / {_share(seen.usage_peak)}"
    yield f"{level.waiting_peak} / {_text(seen.waiting_peak)}"


def _verdict(role: str, predicted: KvPrediction, seen: Sequence[Measured]) -> Text:
    levels = [level.concurrency for level in predicted.levels]
    hit = [n for n, each in zip(levels, seen, strict=True) if each.preemptions]
    if predicted.onset_concurrency is None:
        foreseen = f"not up to {predicted.tried_concurrency} in flight"
    else:
        foreseen = f"from {predicted.onset_concurrency} in flight"
    none = [
        n for n, each in zip(levels, seen, strict=True) if each.requests and not each.preemptions
    ]
    below = ", ".join(str(n) for n in none if not hit or n < min(hit))
    if hit:
        found = f"measured from {min(hit)}" + (f", none at {below}" if below else "")
    else:
        found = f"none measured at {below}" if below else "not measured"
    return Text(
        f"  {printable(role)}: preemption predicted {foreseen}; {found}"
        + ("" if predicted.exact else " (predicted with every answer at its limit)"),
        style="dim",
    )


def _text(value: float | None) -> str:
    return _NO_VALUE if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return _NO_VALUE if value is None else f"{value:.1%}"
