"""From an attempt to a record: nothing is missing without a reason."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.engines.base import Completion
from stressbench.errors import RequestError
from stressbench.probes.base import ProbeFinding
from stressbench.runner.record.assemble import Attempt, assemble
from stressbench.schema.case import Request
from stressbench.schema.results.record import CaseRecord, Quality
from tests.cases import CASE, REQUEST

MS = 1_000_000

DONE = Completion(
    text="1",
    token_ids=(5, 6, 7),
    finish_reason="stop",
    sent_ns=11 * MS,
    token_ns=(30 * MS, 34 * MS, 40 * MS),
    finish_ns=41 * MS,
    queue_ns=2 * MS,
    cached_tokens=0,
    preemptions=0,
    logprobs=(-0.5, -0.25, -0.75),
)
QUALITY = Quality(
    scorer="exact_match",
    score=1.0,
    em=1.0,
    precision=1.0,
    recall=1.0,
    outcome="correct",
    expected=["1"],
    answer="1",
)
KV = ProbeFinding(fields={"usage_at_start": 0.1, "usage_peak": 0.2, "waiting_peak": 3})


def made(
    outcome: Completion | RequestError = DONE,
    *,
    request: Request = REQUEST,
    findings: dict[str, ProbeFinding] | None = None,
) -> CaseRecord:
    attempt = Attempt(
        request=request,
        scheduled_ns=10 * MS,
        outcome=outcome,
        failed_ns=20 * MS if isinstance(outcome, RequestError) else None,
        findings={"kv": KV} if findings is None else findings,
        quality=QUALITY,
    )
    return assemble(attempt, run_id="r", model="m")


def test_latency_counts_from_the_scheduled_time() -> None:
    timing = made().timing
    assert timing.ttft_ms == pytest.approx(20)
    assert timing.e2el_ms == pytest.approx(31)
    assert timing.itl_ms == pytest.approx([4, 6])
    assert timing.tpot_ms == pytest.approx(5)
    assert timing.queue_ms == pytest.approx(2)


def test_inflation_is_content_over_the_twins_content() -> None:
    assert made().tokens.inflation == pytest.approx((64 - 14) / (39 - 14))


def test_confidence_is_over_the_chosen_tokens() -> None:
    confidence = made().confidence
    assert confidence is not None
    assert confidence.mean_logprob == pytest.approx(-0.5)
    assert confidence.min_logprob == -0.75


def test_a_failed_request_has_no_latency_and_says_why() -> None:
    record = made(RequestError("no answer", kind="timeout"))
    assert record.status == "timeout"
    assert record.error == "no answer"
    assert record.timing.ttft_ms is None
    assert record.timing.e2el_ms == pytest.approx(10)
    assert record.output.text is None
    assert record.why_null["timing.ttft_ms"] == "the request failed"
    assert record.why_null["output.text"] == "the request failed"


def test_one_token_has_no_time_per_output_token() -> None:
    record = made(replace_completion(token_ids=(5,), token_ns=(30 * MS,)))
    assert record.timing.tpot_ms is None
    assert record.timing.itl_ms == []
    assert record.why_null["timing.tpot_ms"] == "only one token was generated"


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    gap_ms=st.integers(1, 50),
    told=st.booleans(),
)
def test_time_per_output_token_is_the_pace_however_outputs_were_merged(
    *, sizes: list[int], gap_ms: int, told: bool
) -> None:
    """An engine that makes a token every ``gap_ms``, and sends them in lots of these sizes."""
    made_ns = list(accumulate(size * gap_ms * MS for size in sizes))
    count = sum(sizes)
    record = made(
        replace_completion(
            token_ids=tuple(range(count)) if told else (),
            output_tokens=count,
            token_ns=tuple(made_ns),
            first_tokens=sizes[0] if told else None,
        )
    )
    tpot_ms = record.timing.tpot_ms
    if tpot_ms is None:
        assert len(sizes) == 1 or not told
        assert record.why_null["timing.tpot_ms"]
    elif told:
        assert tpot_ms == pytest.approx(gap_ms)
    else:
        assert tpot_ms > 0
    if len(sizes) == 1:
        assert tpot_ms is None
        assert record.timing.itl_ms == []


def test_no_token_has_no_first_token() -> None:
    record = made(replace_completion(token_ids=(), token_ns=(), logprobs=None))
    assert record.timing.ttft_ms is None
    assert record.timing.e2el_ms == pytest.approx(31)
    assert record.why_null["timing.ttft_ms"] == "no token was generated"


def test_without_a_probe_usage_is_null_and_counters_stay() -> None:
    record = made(findings={})
    assert record.kv is not None
    assert record.kv.usage_peak is None
    assert record.kv.preemptions == 0
    assert record.why_null["kv.usage_peak"] == "the suite has no such probe"


def test_an_unparallel_arm_has_no_inflation() -> None:
    other = replace(REQUEST, case=replace(CASE, arm="isotoken"))
    record = made(request=other)
    assert record.tokens.inflation is None
    assert "isotoken" in record.why_null["tokens.inflation"]


@pytest.mark.parametrize(
    ("twin_of", "arm", "control", "inflation"),
    [
        ("niah/isocontent/b64/i0", "stress", 39, 2.0),
        ("niah/isocontent/b64/i0", "stress", None, None),
        (None, "stress", None, None),
        (None, "isocontent", 64, 1.0),
        (None, "no_context", None, None),
    ],
)
def test_what_has_no_twin_has_no_inflation(
    twin_of: str | None, arm: str, control: int | None, inflation: float | None
) -> None:
    case = replace(CASE, twin_of=twin_of, arm=arm)
    record = made(request=replace(REQUEST, case=case, control_tokens=control))
    assert record.tokens.inflation == inflation
    assert record.tokens.control == control
    for name in ("inflation", "control"):
        path = f"tokens.{name}"
        assert (path in record.why_null) == (getattr(record.tokens, name) is None)
    assert ("twin_of" in record.why_null) == (twin_of is None)


def test_a_class_without_budgets_says_so() -> None:
    other = replace(REQUEST, case=replace(CASE, params={"budget": None, "depth": None}))
    record = made(request=other)
    assert record.tokens.budget is None
    assert "tokens.budget" in record.why_null


def replace_completion(**changes: object) -> Completion:
    import dataclasses

    return dataclasses.replace(DONE, **changes)
