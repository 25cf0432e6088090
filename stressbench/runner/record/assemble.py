"""Assembling the record of a request from its outcome. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from stressbench.engines.base import Completion, RemoteRequestError
from stressbench.errors import ProbeError, RequestError
from stressbench.probes.base import ProbeFinding
from stressbench.runner.record.timing import FAILED, UNTOLD, output_tokens, timing
from stressbench.schema.case import Case, Request
from stressbench.schema.results.arrays import ArraysAt
from stressbench.schema.results.reasons import NOT_PROBED
from stressbench.schema.results.record import (
    CaseRecord,
    Confidence,
    Kv,
    Load,
    Output,
    Prompt,
    Quality,
    Retry,
    Status,
    Tokens,
)

_NO_TWIN: Final = "this case has no benign twin in this run"
_OWN_TWIN: Final = "the case is its own reference"
_NO_BUDGET: Final = "this class is sized by its parameters"
_PRIVATE: Final = "the suite has record_prompts: false"
_NO_ARRAYS: Final = "no probe has arrays for this request"
_ABORTED: Final = "the request was aborted, so its attempts are unknown"
_PLAIN_LOAD: Final = "a closed loop: each request is due when it is sent"
_NO_LOAD: Final = {
    "level": "the load is not a sweep",
    "rate": "the load has no single rate",
    "concurrency": "the load has no cap",
}
_USUAL: Final = ("attention", "routing", "gpu", "process")
"""Sections that every record has, filled or null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request and everything that came of it."""

    request: Request
    scheduled_ns: int
    load: Load | None = None
    """None for a plain closed loop."""
    outcome: Completion | RequestError
    failed_ns: int | None
    """When it failed; None for a completion."""
    findings: Mapping[str, ProbeFinding]
    """By section of the record."""
    arrays: Mapping[str, ArraysAt | ProbeError] = field(default_factory=dict)
    """By section, where its arrays are stored, or why storing them failed."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Sections that this pass does not fill, and why."""
    quality: Quality
    unjudged: str | None = None
    """Why the scorer could not judge; None if it could, and for a failed request."""


def assemble(attempt: Attempt, *, run_id: str, model: str) -> CaseRecord:
    """Build the record of one attempt; every null in it has its reason in ``why_null``."""
    request, outcome = attempt.request, attempt.outcome
    case = request.case
    done = outcome if isinstance(outcome, Completion) else None
    why: dict[str, str] = {}
    if isinstance(outcome, Completion | RemoteRequestError):
        why |= outcome.why_null
    return CaseRecord(
        run_id=run_id,
        case_id=case.case_id,
        item_id=case.item_id,
        cluster_id=case.cluster_id,
        twin_of=case.twin_of,
        prompt_class=case.prompt_class,
        params=case.params,
        role=request.role,
        variant=request.variant,
        model=model,
        arm=case.arm,
        repeat=request.repeat,
        block=request.block,
        pass_=request.pass_,
        seed=case.seed,
        content_sha256=case.content_sha256,
        prompt_sha256=request.prompt_sha256,
        tokens=_tokens(request, done, why),
        timing=timing(attempt.scheduled_ns, attempt.failed_ns, done, why),
        load=_load(attempt.load, why),
        kv=_kv(attempt.findings.get("kv"), done, why),
        arrays=_arrays(attempt.arrays, why),
        confidence=_confidence(done, why),
        quality=_quality(attempt.quality, attempt.unjudged, why),
        output=_output(done, why),
        prompt=Prompt(text=case.text, spans=list(request.spans), messages=list(case.messages)),
        retries=_retries(outcome, why),
        status=_status(outcome),
        error=str(outcome) if isinstance(outcome, RequestError) else None,
        sections=_sections(attempt, why),
        why_null=_reasons(case, outcome, why),
    )


def without_texts(record: CaseRecord) -> CaseRecord:
    """The record without prompt and answer, for private traffic.

    The answer goes too, because it can quote the prompt. Hashes, lengths, scores and outcomes
    stay.
    """
    hidden = ["prompt.text", "output.text", "quality.answer", "quality.expected"]
    if record.prompt.messages:
        hidden.append("prompt.messages")
    # The message of a scorer that failed may quote the answer or the reference.
    unjudged = {
        name: reason.partition(":")[0]
        for name, reason in record.why_null.items()
        if record.quality.outcome == "unjudged" and name.startswith("quality.")
    }
    return replace(
        record,
        prompt=replace(record.prompt, text=None, messages=None if record.prompt.messages else []),
        output=replace(record.output, text=None),
        quality=replace(record.quality, answer=None, expected=[]),
        why_null={**record.why_null, **unjudged, **dict.fromkeys(hidden, _PRIVATE)},
    )


def _status(outcome: Completion | RequestError) -> Status:
    return outcome.kind if isinstance(outcome, RequestError) else "ok"


def _retries(outcome: Completion | RequestError, why: dict[str, str]) -> list[Retry] | None:
    if isinstance(outcome, Completion | RemoteRequestError):
        return None if "retries" in why else list(outcome.retries)
    if outcome.kind == "timeout":
        why["retries"] = _ABORTED
        return None
    return []


def _reasons(case: Case, outcome: Completion | RequestError, why: dict[str, str]) -> dict[str, str]:
    if case.twin_of is None:
        why["twin_of"] = _OWN_TWIN if case.arm == "isocontent" else _NO_TWIN
    if not isinstance(outcome, RequestError):
        why["error"] = "the request succeeded"
    return dict(sorted(why.items()))


def _tokens(request: Request, done: Completion | None, why: dict[str, str]) -> Tokens:
    case, template = request.case, request.template_tokens
    sent = len(request.prompt_token_ids)
    content = sent - template
    counted = done.prompt_tokens if done else None
    budget = case.params.get("budget")
    if not isinstance(budget, int):
        budget = None
        why["tokens.budget"] = _NO_BUDGET
    control = request.control_tokens
    inflation: float | None = None
    if case.arm not in {"stress", "isocontent"}:
        why["tokens.inflation"] = f"the {case.arm} arm is not parallel to the twin's content"
    elif control is None or control <= template:
        why["tokens.inflation"] = _NO_TWIN if control is None else "the benign twin is empty"
    else:
        inflation = content / (control - template)
    if control is None:
        why["tokens.control"] = _NO_TWIN
    if done is None:
        why["tokens.output"] = FAILED
    texts = [each.content for each in case.messages] or [case.text]
    text_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if not content:
        why["tokens.bytes_per_token"] = "the user message is empty"
    return Tokens(
        prompt=None if "tokens.prompt" in why else sent if counted is None else counted,
        budget=budget,
        template=None if "tokens.template" in why else template,
        output=output_tokens(done, why),
        control=control,
        inflation=inflation,
        bytes_per_token=text_bytes / content if content else None,
        retok_drift=request.retok_drift,
    )


def _load(load: Load | None, why: dict[str, str]) -> Load | None:
    if load is None:
        why["load"] = _PLAIN_LOAD
        return None
    why |= {
        f"load.{name}": why_not for name, why_not in _NO_LOAD.items() if not getattr(load, name)
    }
    return load


def _kv(finding: ProbeFinding | None, done: Completion | None, why: dict[str, str]) -> Kv:
    seen = (finding.fields if finding else None) or {}
    kv = Kv(
        cached_tokens=done.cached_tokens if done else None,
        preemptions=done.preemptions if done else None,
        usage_at_start=_number(seen.get("usage_at_start")),
        usage_peak=_number(seen.get("usage_peak")),
        waiting_peak=_whole(seen.get("waiting_peak")),
        recomputed_tokens=_whole(seen.get("recomputed_tokens")),
    )
    reasons = {f"kv.{name}": reason for name, reason in finding.why_null.items()} if finding else {}
    for name in kv.__struct_fields__:
        if getattr(kv, name) is None:
            counted = name in {"cached_tokens", "preemptions"}
            fallback = (UNTOLD if done else FAILED) if counted else NOT_PROBED
            why.setdefault(f"kv.{name}", reasons.get(f"kv.{name}", fallback))
    return kv


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) else None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _sections(attempt: Attempt, why: dict[str, str]) -> dict[str, dict[str, object] | None]:
    """What the probes found, by section."""
    named = dict.fromkeys((*_USUAL, *attempt.absent, *attempt.findings))
    return {name: _section(name, attempt, why) for name in named if name != "kv"}


def _section(name: str, attempt: Attempt, why: dict[str, str]) -> dict[str, object] | None:
    finding = attempt.findings.get(name)
    if finding is None or finding.fields is None:
        unseen = attempt.absent.get(name, NOT_PROBED)
        why[name] = unseen if finding is None else finding.why_null[""]
        return None
    why.update({f"{name}.{field}": reason for field, reason in finding.why_null.items()})
    return dict(finding.fields)


def _arrays(
    found: Mapping[str, ArraysAt | ProbeError], why: dict[str, str]
) -> dict[str, ArraysAt] | None:
    kept = {}
    for section, at in found.items():
        if isinstance(at, ArraysAt):
            kept[section] = at
        else:
            why[f"arrays.{section}"] = str(at)
    if not kept:
        why["arrays"] = "; ".join(map(str, found.values())) or _NO_ARRAYS
    return kept or None


def _confidence(done: Completion | None, why: dict[str, str]) -> Confidence | None:
    if done is None or not done.logprobs:
        why.setdefault("confidence", UNTOLD if done else FAILED)
        return None
    mean = sum(done.logprobs) / len(done.logprobs)
    if not math.isfinite(mean):
        why["confidence"] = "a log-probability is not finite"
        return None
    return Confidence(mean_logprob=mean, min_logprob=min(done.logprobs))


def _quality(quality: Quality, unjudged: str | None, why: dict[str, str]) -> Quality:
    reason = FAILED if quality.outcome == "error" else unjudged or "the scorer has no such figure"
    for name in ("score", "em", "precision", "recall", "answer"):
        if getattr(quality, name) is None:
            why[f"quality.{name}"] = reason
    return quality


def _output(done: Completion | None, why: dict[str, str]) -> Output:
    if done is None:
        why["output.text"] = why["output.finish_reason"] = FAILED
        return Output(text=None, finish_reason=None)
    if done.finish_reason is None:
        why["output.finish_reason"] = UNTOLD
    return Output(text=done.text, finish_reason=done.finish_reason)
