"""One request: to the engine, past the probes, into a record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stressbench.clock import Clock
from stressbench.engines.base import Completion, Engine
from stressbench.errors import ProbeError, RequestError
from stressbench.runner.assemble import Attempt, assemble
from stressbench.runner.plan import key_of
from stressbench.runner.probing import Probing
from stressbench.schema.arrays import ArraysAt
from stressbench.schema.case import Case, Request
from stressbench.schema.record import CaseRecord, Load, Quality
from stressbench.scorers.base import failed_quality
from stressbench.scorers.base import load as load_scorer

if TYPE_CHECKING:
    from stressbench.probes.base import Array, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The way that the requests of one model and pass take."""

    run_id: str
    model: str
    engine: Engine
    probing: Probing
    clock: Clock
    timeout_s: float
    write: Callable[[CaseRecord], None]
    """Keeps a record."""
    write_arrays: Callable[[Mapping[str, Array]], ArraysAt]
    """Keeps the arrays of a section of a record, before the record itself, and tells where."""

    async def send(
        self, request: Request, *, due_ns: int | None = None, load: Load | None = None
    ) -> CaseRecord:
        """Send a request that is due now, or was at ``due_ns``; keep and return its record.

        Its time to answer counts from when it was due. Raises ``EngineError`` when the
        engine is gone.
        """
        due_ns = self.clock.now_ns() if due_ns is None else due_ns
        key = "/".join(map(str, key_of(request)))
        await self.probing.sent(key, request)
        outcome = await self._complete(request, key, due_ns)
        failed_ns = self.clock.now_ns() if isinstance(outcome, RequestError) else None
        if isinstance(outcome, Completion) and outcome.routed_experts is not None:
            self.probing.returned(key, outcome.routed_experts)
        findings = await self.probing.finished(key, ok=failed_ns is None)
        attempt = Attempt(
            request=request,
            scheduled_ns=due_ns,
            load=load,
            outcome=outcome,
            failed_ns=failed_ns,
            findings=findings,
            arrays=self._keep_arrays(findings),
            absent=self.probing.absent,
            quality=_judge(request.case, outcome),
        )
        record = assemble(attempt, run_id=self.run_id, model=self.model)
        self.write(record)
        return record

    def _keep_arrays(self, findings: Mapping[str, Finding]) -> dict[str, ArraysAt | ProbeError]:
        """By section, where its arrays lie, or why they could not be kept."""
        kept: dict[str, ArraysAt | ProbeError] = {}
        for section, finding in findings.items():
            if finding.arrays:
                try:
                    kept[section] = self.write_arrays(finding.arrays)
                except ProbeError as error:
                    kept[section] = error
        return kept

    async def _complete(self, request: Request, key: str, due_ns: int) -> Completion | RequestError:
        late_s = (self.clock.now_ns() - due_ns) / 1e9
        if late_s >= self.timeout_s:
            return RequestError(
                f"not sent: it was held back until its {self.timeout_s:g} s were over",
                kind="timeout",
            )
        try:
            async with asyncio.timeout(self.timeout_s - late_s):
                return await self.engine.complete(request, key)
        except TimeoutError:
            return RequestError(f"no answer within {self.timeout_s:g} s", kind="timeout")
        except RequestError as error:
            return error


def _judge(case: Case, outcome: Completion | RequestError) -> Quality:
    if isinstance(outcome, RequestError):
        return failed_quality(case)
    scorer = load_scorer(case.scorer)
    return scorer.score(outcome.text, case, finish_reason=outcome.finish_reason)
