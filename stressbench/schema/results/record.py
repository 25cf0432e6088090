"""What is written of each request: the ``case`` lines of ``records.jsonl``.

A field of a case line that is null has its reason in ``why_null`` under its dotted
path (``"timing.tpot_ms": "one output token"``). A null section (``attention``) has
one reason for all its fields. Zero always means that zero was measured.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import field

from stressbench.schema.axes import role_name
from stressbench.schema.base import Open
from stressbench.schema.case import Pass, Span
from stressbench.schema.results.arrays import ArraysAt
from stressbench.schema.suite.suite import Arm, Value

Status: TypeAlias = Literal["ok", "error", "timeout", "rejected"]
Outcome: TypeAlias = Literal[
    "correct",
    "partial",
    "detached_reference",
    "invented",
    "abstained",
    "repetition",
    "truncated",
    "empty",
    "format",
    "error",
    "unjudged",
]


class Tokens(Open, frozen=True, kw_only=True):
    """Token counts of a request.

    ``inflation`` = (prompt - template) / (control - template): what the same content
    costs against its benign twin under the same tokenizer (Petrov et al. 2023, premium).
    ``retok_drift`` = len(encode(decode(ids))) - len(ids) over the content.
    """

    prompt: int | None
    """As sent in ids, or as a server that was sent text counted them."""
    budget: int | None
    template: int | None
    output: int | None
    control: int | None
    inflation: float | None
    bytes_per_token: float | None
    """UTF-8 bytes of the user message per content token."""
    retok_drift: int | None


class Timing(Open, frozen=True, kw_only=True):
    """When things happened; ``*_ns`` count from the run's start on the monotonic clock.

    Names and meanings are vLLM's. ``ttft_ms`` and ``e2el_ms`` count from
    ``scheduled_ns``; ``itl_ms`` are the raw gaps between streamed outputs;
    ``tpot_ms`` = (last output - first output) / (n - k) for n output tokens, of which k came
    with the first output; ``queue_ms`` is the engine's own time from arrival to first scheduling.
    """

    scheduled_ns: int
    sent_ns: int | None
    first_token_ns: int | None
    finish_ns: int | None
    ttft_ms: float | None
    tpot_ms: float | None
    itl_ms: list[float] | None
    e2el_ms: float | None
    queue_ms: float | None


class Load(Open, frozen=True, kw_only=True):
    """The load that a request was part of; null for a plain closed loop."""

    level: int | None
    """Place in a sweep, from 1."""
    rate: float | None
    """Requests a second that were asked for, where that is one number."""
    concurrency: int | None
    """Most requests in flight at once."""
    began_ns: int
    """When this load began; another one where the level was resumed."""
    held_ms: float
    """How long it was due and could not be sent, because so many were in flight."""


class Kv(Open, frozen=True, kw_only=True):
    """The KV cache as this request met it; usage is the fraction of blocks in use, 0 to 1."""

    cached_tokens: int | None
    preemptions: int | None
    usage_at_start: float | None
    """At the step that admitted it; where the engine does not tell which one that was, at the
    first step after it was sent."""
    usage_peak: float | None
    waiting_peak: int | None
    """Most requests seen waiting in the scheduler while this one was in flight."""
    recomputed_tokens: int | None = None
    """Its tokens that were computed once more, because a preemption had thrown them away."""


class Retry(Open, frozen=True, kw_only=True):
    """An attempt that came to nothing and was made again: 429, 503 or a lost connection."""

    t_ns: int
    """When it failed, from the run's start."""
    reason: str
    waited_ms: float
    """Back-off before the next attempt."""


class Confidence(Open, frozen=True, kw_only=True):
    """Log-probabilities (nats) of the tokens that the model chose."""

    mean_logprob: float | None
    min_logprob: float | None


class Quality(Open, frozen=True, kw_only=True):
    """The answer against the truth; every score is in 0 to 1, a failed request scores 0.

    An answer that its scorer could not judge has the outcome ``unjudged`` and no score: it
    is in no mean of scores, and counted.
    """

    scorer: str
    score: float | None
    em: float | None
    precision: float | None
    recall: float | None
    outcome: Outcome
    expected: list[str]
    answer: str | None


class Output(Open, frozen=True, kw_only=True):
    """What the model said."""

    text: str | None
    finish_reason: str | None


class Prompt(Open, frozen=True, kw_only=True):
    """What the model was asked: the user message and where its parts lie (token indices)."""

    text: str | None
    spans: list[Span]


class CaseRecord(Open, frozen=True, kw_only=True, tag="case"):
    """One request of a run."""

    run_id: str
    case_id: str
    item_id: str
    cluster_id: str
    twin_of: str | None
    prompt_class: str
    params: dict[str, Value]
    role: str
    """Who was asked: a key under the suite's ``models``."""
    variant: str | None = None
    """How it was served: the name of a set-up of the engine; null where the suite has one."""
    lever: str | None = None
    """What was done to the prompt or the sampling; null for the bare request."""
    replica: str | None = None
    """Which of several engines of one model answered; null where there is one."""
    model: str
    arm: Arm
    repeat: int
    pass_: Pass = field(name="pass")
    wave: int = 0
    """Requests that answers of earlier ones led to come in later waves."""
    parent: str | None = None
    """``case_id`` of the request that led to this one; null in wave 0."""
    split: str | None = None
    """Part of the items that thresholds were tuned on, where there are parts."""
    seed: int
    content_sha256: str
    prompt_sha256: str
    tokens: Tokens
    timing: Timing
    load: Load | None = None
    kv: Kv | None
    arrays: dict[str, ArraysAt] | None = None
    """Where the arrays of its sections lie in ``arrays.bin``, by section."""
    confidence: Confidence | None
    quality: Quality
    output: Output
    prompt: Prompt
    retries: list[Retry] | None = []
    """Attempts before the one that is recorded; latencies count from before the first."""
    status: Status
    error: str | None
    why_null: dict[str, str]
    sections: dict[str, dict[str, Value] | None] = {}
    """What probes found, by the section they name (``attention``, ``routing``, ...); null where
    one found nothing. On the line each section stands beside the fields above."""

    @property
    def role_name(self) -> str:
        """Role and variant in one word: ``dense``, or ``dense@fp8``."""
        return role_name(self.role, self.variant)
