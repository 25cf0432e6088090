"""Sending one request: to the engine, past the probes and the scorer, into a record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from stressbench.clock import Clock
from stressbench.engines.base import Completion, Engine, RemoteRequestError
from stressbench.errors import ProbeError, RequestError, StressbenchError, one_line
from stressbench.probes.base import ProbeFinding
from stressbench.runner.plan.requests import key_of
from stressbench.runner.probing import Probing
from stressbench.runner.record.assemble import Attempt, assemble
from stressbench.runner.record.timing import FAILED
from stressbench.schema.case import Case, Request
from stressbench.schema.results.arrays import ArraysAt
from stressbench.schema.results.record import CaseRecord, Load, Quality
from stressbench.scorers.base import (
    THOUGHT_CUT,
    failed_quality,
    figures,
    judge,
    section_of,
    unjudged_quality,
)

if TYPE_CHECKING:
    from stressbench.probes.base import Array

_INLINE_CHARACTERS: Final = 8000
"""Length of an answer up to which it is judged at once; a longer one is judged in a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends the requests of one model in one pass, and makes a record of each."""

    run_id: str
    model: str
    engine: Engine
    probing: Probing
    clock: Clock
    timeout_s: float
    keep: Callable[[CaseRecord], None]
    """Stores a record."""
    keep_arrays: Callable[[Mapping[str, Array]], ArraysAt]
    """Stores the arrays of one section of a record, before the record; returns their place."""

    async def send(
        self, request: Request, *, due_ns: int | None = None, load: Load | None = None
    ) -> CaseRecord:
        """Send a request that is due now, or was at ``due_ns``; store and return its record.

        Latencies count from when the request was due. A failure of the request, of its scorer
        or of a probe goes into the record. Raises ``EngineError`` only if the engine is gone.
        """
        due_ns = self.clock.now_ns() if due_ns is None else due_ns
        key = "/".join(map(str, key_of(request)))
        await self.probing.sent(key, request)
        outcome = await self._complete(request, key, due_ns)
        failed_ns = self.clock.now_ns() if isinstance(outcome, RequestError) else None
        if isinstance(outcome, Completion) and outcome.routed_experts is not None:
            self.probing.returned(key, outcome.routed_experts)
        findings = await self.probing.finished(key, ok=failed_ns is None)
        quality, unjudged, section = await _judged(request.case, outcome)
        attempt = Attempt(
            request=request,
            scheduled_ns=due_ns,
            load=load,
            outcome=outcome,
            failed_ns=failed_ns,
            findings={**findings, **section},
            arrays=self._arrays(findings),
            absent=self.probing.absent_from(request),
            quality=quality,
            unjudged=unjudged,
        )
        record = self._recorded(attempt)
        self.keep(record)
        return record

    def _arrays(self, findings: Mapping[str, ProbeFinding]) -> dict[str, ArraysAt | ProbeError]:
        """Store the findings' arrays; by section, where they are or why storing failed."""
        kept: dict[str, ArraysAt | ProbeError] = {}
        for section, finding in findings.items():
            if finding.arrays:
                try:
                    kept[section] = self.keep_arrays(finding.arrays)
                except ProbeError as error:
                    kept[section] = error
        return kept

    async def _complete(self, request: Request, key: str, due_ns: int) -> Completion | RequestError:
        late_s = (self.clock.now_ns() - due_ns) / 1e9
        if late_s >= self.timeout_s:
            return RequestError(
                f"not sent: it waited in the client until its {self.timeout_s:g} s were over",
                kind="timeout",
            )
        try:
            async with asyncio.timeout(self.timeout_s - late_s):
                return await self.engine.complete(request, key)
        except TimeoutError:
            return RequestError(f"no answer within {self.timeout_s:g} s", kind="timeout")
        except RequestError as error:
            return error
        except StressbenchError:
            raise
        except Exception as error:  # noqa: BLE001 - an answer may be anything
            return _unknown(f"the engine failed on this request: {one_line(error)}")

    def _recorded(self, attempt: Attempt) -> CaseRecord:
        """The record of an attempt; the record of a failure if the answer cannot be recorded."""
        try:
            return assemble(attempt, run_id=self.run_id, model=self.model)
        except Exception as error:  # noqa: BLE001 - its figures may be anything too
            failed = replace(
                attempt,
                outcome=_unknown(f"its answer cannot be recorded: {one_line(error)}"),
                failed_ns=self.clock.now_ns(),
                findings={},
                arrays={},
                quality=failed_quality(attempt.request.case),
                unjudged=None,
            )
            return assemble(failed, run_id=self.run_id, model=self.model)


def _unknown(message: str) -> RemoteRequestError:
    """An unforeseen failure, after which earlier attempts are unknown."""
    return RemoteRequestError(message, why_null={"retries": "unknown after such a failure"})


async def _judged(
    case: Case, outcome: Completion | RequestError
) -> tuple[Quality, str | None, dict[str, ProbeFinding]]:
    """The quality, why it has no score, and the section of the case's scorer, if it has one.

    A long answer is judged in a thread, so that other requests are sent and timed meanwhile.
    """
    if isinstance(outcome, Completion) and len(outcome.text or "") > _INLINE_CHARACTERS:
        return await asyncio.to_thread(_judge, case, outcome)
    return _judge(case, outcome)


def _judge(
    case: Case, outcome: Completion | RequestError
) -> tuple[Quality, str | None, dict[str, ProbeFinding]]:
    if isinstance(outcome, RequestError):
        return failed_quality(case), None, _section(case, FAILED)
    unknown = outcome.why_null.get("quality.score")
    if unknown is not None:
        return unjudged_quality(case), unknown, _section(case, unknown)
    quality, unjudged = judge(outcome.text, case, finish_reason=outcome.finish_reason)
    known = None if unjudged == THOUGHT_CUT else outcome.text
    return quality, unjudged, _section(case, unjudged, known)


def _section(case: Case, why: str | None, text: str | None = None) -> dict[str, ProbeFinding]:
    """The section of the case's scorer, filled from ``text``; null because of ``why`` without."""
    section = section_of(case.scorer)
    if section is None:
        return {}
    found = why or "" if text is None else figures(text, case)
    if isinstance(found, str):
        return {section: ProbeFinding(fields=None, why_null={"": found})}
    reasons = {
        name: "the scorer has no such figure" for name, value in found.items() if value is None
    }
    return {section: ProbeFinding(fields=found, why_null=reasons)}
