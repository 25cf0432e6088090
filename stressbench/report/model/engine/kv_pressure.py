"""KV pressure by concurrency: what was predicted of the cache, and what the requests met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stressbench.report.model.engine.view import KvMeasured, KvPressure, KvPressureLevel
from stressbench.schema.results.kv import KvPrediction
from stressbench.schema.results.record import CaseRecord, Kv
from stressbench.schema.results.run import RunHeader


@dataclass(slots=True)
class _Tally:
    """The requests of one role and concurrency, as they accumulate."""

    requests: int = 0
    preemptions: int = 0
    recomputed_tokens: int | None = None
    usage_peak: float | None = None
    waiting_peak: int | None = None

    def add(self, kv: Kv) -> None:
        """Count one request in; what is null does not count as 0."""
        if kv.preemptions is None:
            return
        self.requests += 1
        self.preemptions += kv.preemptions
        if kv.recomputed_tokens is not None:
            self.recomputed_tokens = (self.recomputed_tokens or 0) + kv.recomputed_tokens
        if kv.usage_peak is not None:
            self.usage_peak = max(self.usage_peak or 0.0, kv.usage_peak)
        if kv.waiting_peak is not None:
            self.waiting_peak = max(self.waiting_peak or 0, kv.waiting_peak)

    def measured(self) -> KvMeasured:
        """What was counted."""
        return KvMeasured(
            requests=self.requests,
            preemptions=self.preemptions if self.requests else None,
            recomputed_tokens=self.recomputed_tokens,
            usage_peak=self.usage_peak,
            waiting_peak=self.waiting_peak,
        )


class KvTallies:
    """The requests of a run's quality pass, by role and concurrency."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int | None], _Tally] = {}
        """The concurrency is None where the run has a single one."""

    def add(self, record: CaseRecord) -> None:
        """Count one record in."""
        if record.kv is not None:
            concurrency = record.load.concurrency if record.load is not None else None
            self._found.setdefault((record.role_name, concurrency), _Tally()).add(record.kv)

    def pressure(self, header: RunHeader) -> Iterator[KvPressure]:
        """The roles whose closed loops were predicted.

        A role is left out where all requests were predicted to fit together, and did.
        """
        for role, model in header.models.items():
            predicted = model.kv.predicted if model.kv is not None else None
            if predicted is None or model.kv is None:
                continue
            levels = [
                KvPressureLevel(
                    predicted=level,
                    predicted_usage=level.blocks_peak / model.kv.blocks
                    if model.kv.blocks
                    else None,
                    measured=self._measured(role, level.concurrency, predicted),
                )
                for level in predicted.levels
            ]
            if any(each.predicted.preemptions or each.measured.preemptions for each in levels):
                yield KvPressure(
                    role=role,
                    levels=levels,
                    onset_concurrency=predicted.onset_concurrency,
                    tried_concurrency=predicted.tried_concurrency,
                    exact=predicted.exact,
                )

    def _measured(self, role: str, concurrency: int, predicted: KvPrediction) -> KvMeasured:
        """At a concurrency; records do not name the only one of a run."""
        found = self._found.get((role, concurrency))
        if found is None and len(predicted.levels) == 1:
            found = self._found.get((role, None))
        return (found or _Tally()).measured()
