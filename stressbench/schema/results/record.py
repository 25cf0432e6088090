"""The record of one request: a ``case`` line of ``records.jsonl``.

Every null field of a case line has its reason in ``why_null`` under its dotted path
(``"timing.tpot_ms": "one output token"``). A null section (``attention``) has one reason for
all its fields. Zero always means a measured zero.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import field

from stressbench.schema.axes import role_name
from stressbench.schema.base import Open
from stressbench.schema.case import Pass, Span
from stressbench.schema.message import Message
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
    "thinking_only",
    "empty",
    "format",
    "error",
    "unjudged",
]


class Tokens(Open, frozen=True, kw_only=True):
    """Token counts of a request, by the model's own tokenizer unless stated otherwise."""

    prompt: int | None
    """Prompt tokens: the ids that were sent, or the server's count if it was sent text."""
    budget: int | None
    """Prompt length that the suite asked for, in tokens of its ``budget_tokenizer``."""
    template: int | None
    """Prompt tokens that the chat template adds."""
    output: int | None
    """Generated tokens."""
    control: int | None
    """Prompt tokens of the isocontent twin, template included."""
    inflation: float | None
    """(prompt - template) / (control - template): the cost of the content relative to its benign
    twin under the same tokenizer (the premium of Petrov et al. 2023)."""
    bytes_per_token: float | None
    """UTF-8 bytes of the user message per content token."""
    retok_drift: int | None
    """len(encode(decode(ids))) - len(ids) over the content, in tokens."""


class Timing(Open, frozen=True, kw_only=True):
    """Times of a request. ``*_ns`` count from the run's start on the monotonic clock.

    Names and meanings are vLLM's. ``ttft_ms`` and ``e2el_ms`` count from ``scheduled_ns``.
    """

    scheduled_ns: int
    """When the load plan scheduled the request."""
    sent_ns: int | None
    """When the client sent it."""
    first_token_ns: int | None
    """When its first token arrived."""
    finish_ns: int | None
    """When its last output arrived, or when it failed."""
    ttft_ms: float | None
    """Time to first token, in milliseconds."""
    tpot_ms: float | None
    """Time per output token, in milliseconds: (last output - first output) / (n - k) for n
    output tokens, of which k arrived with the first output."""
    itl_ms: list[float] | None
    """Inter-token latencies in milliseconds: the raw gaps between streamed outputs."""
    e2el_ms: float | None
    """End-to-end latency, in milliseconds."""
    queue_ms: float | None
    """Time from arrival in the engine to first scheduling, by the engine's clock, in
    milliseconds."""


class Load(Open, frozen=True, kw_only=True):
    """The load that a request belonged to; null for a plain closed loop."""

    level: int | None
    """Number of the level in a sweep, from 1; null without a sweep."""
    rate: float | None
    """Configured requests per second; null if the arrival process has no single rate."""
    concurrency: int | None
    """Maximum number of requests in flight; null without a cap."""
    began_ns: int
    """When this load began, in nanoseconds from the run's start. A resumed level begins again."""
    held_ms: float
    """How long the client held the request after its scheduled time because ``concurrency``
    requests were in flight, in milliseconds."""


class Kv(Open, frozen=True, kw_only=True):
    """The KV cache while the request ran. Usage is the fraction of blocks in use, 0 to 1."""

    cached_tokens: int | None
    """Prompt tokens found in the prefix cache."""
    preemptions: int | None
    """How often the scheduler preempted this request."""
    usage_at_start: float | None
    """Usage at the step that admitted the request. If the engine does not report that step,
    usage at the first step after the request was sent."""
    usage_peak: float | None
    """Highest usage while the request was in flight."""
    waiting_peak: int | None
    """Most requests waiting in the scheduler at one time while this one was in flight."""
    recomputed_tokens: int | None = None
    """Tokens of this request recomputed after a preemption."""


class Retry(Open, frozen=True, kw_only=True):
    """An attempt that failed and was repeated: HTTP 429, 503 or a lost connection."""

    t_ns: int
    """When the attempt failed, in nanoseconds from the run's start."""
    reason: str
    waited_ms: float
    """Back-off before the next attempt, in milliseconds."""


class Confidence(Open, frozen=True, kw_only=True):
    """Log-probabilities of the sampled output tokens, in nats."""

    mean_logprob: float | None
    """Mean over the output tokens."""
    min_logprob: float | None
    """The least certain output token."""


class Quality(Open, frozen=True, kw_only=True):
    """How good the answer is. Every score is in 0 to 1; a failed request scores 0.

    An answer that its scorer could not judge has the outcome ``unjudged`` and no score. It is
    left out of mean scores and counted separately.
    """

    scorer: str
    """Name of the scorer."""
    score: float | None
    """The scorer's main figure."""
    em: float | None
    """1 if the answer is the truth and nothing else, else 0."""
    precision: float | None
    """Share of the answer that is true."""
    recall: float | None
    """Share of the truth that the answer contains."""
    outcome: Outcome
    """What kind of answer it is."""
    expected: list[str]
    """Accepted answers."""
    answer: str | None
    """The answer as the scorer understood it."""


class Output(Open, frozen=True, kw_only=True):
    """What the model generated."""

    text: str | None
    finish_reason: str | None


class Prompt(Open, frozen=True, kw_only=True):
    """What the model was asked: the user message, and the token spans of its parts."""

    text: str | None
    spans: list[Span]
    messages: list[Message] | None = []
    """All turns of a conversation, of which ``text`` is the last user message. Empty for a single
    user message."""


class CaseRecord(Open, frozen=True, kw_only=True, tag="case"):
    """One request of a run."""

    run_id: str
    case_id: str
    """``<label>/<arm>/b<budget>/d<depth>/i<item>``: the same in every run of a suite and seed."""
    item_id: str
    """``<label>/i<item>``: the base item."""
    cluster_id: str
    """The unit of independence for statistics: all cases made from one base item."""
    twin_of: str | None
    """``case_id`` of the isocontent twin; null for a case that is its own reference."""
    prompt_class: str
    params: dict[str, Value]
    """``budget`` in tokens, ``depth`` from 0 to 1, and the parameters of the prompt class."""
    role: str
    """The model that was asked: a key under the suite's ``models``."""
    variant: str | None = None
    """Name of the engine variant that served it; null if the suite has one set-up."""
    lever: str | None = None
    """Name of the lever applied to the prompt or the sampling; null for the bare request."""
    replica: str | None = None
    """Which engine of the model answered; null if there is only one."""
    model: str
    """The model's name or path."""
    arm: Arm
    repeat: int
    """Number of the repeat, from 0."""
    block: int | None = None
    """Number of the block of an interleaved run, from 0; null in any other run."""
    pass_: Pass = field(name="pass")
    wave: int = 0
    """0 for planned requests; a request caused by an earlier answer is in a later wave."""
    parent: str | None = None
    """``case_id`` of the request that caused this one; null in wave 0."""
    split: str | None = None
    """Which split of the items the case is in, if thresholds were tuned on one; else null."""
    seed: int
    """Seed from which the case was generated."""
    content_sha256: str
    """SHA-256 of the user message; the two requests of a pair must agree in it."""
    prompt_sha256: str
    """SHA-256 of the token ids that were sent."""
    tokens: Tokens
    timing: Timing
    load: Load | None = None
    kv: Kv | None
    arrays: dict[str, ArraysAt] | None = None
    """Place of each section's arrays in ``arrays.bin``."""
    confidence: Confidence | None
    quality: Quality
    output: Output
    prompt: Prompt
    retries: list[Retry] | None = []
    """Failed attempts before the recorded one. Latencies include them."""
    status: Status
    error: str | None
    """Why the request failed; null if ``status`` is ``ok``."""
    why_null: dict[str, str]
    """Reason of each null field, by its dotted path."""
    sections: dict[str, dict[str, Value] | None] = {}
    """Findings of probes by section (``attention``, ``routing``, ...); null if a probe found
    nothing. On the line, each section is a field next to the fields above."""

    @property
    def label(self) -> str:
        """Label of the suite entry that the case is from: the first part of its id."""
        return self.case_id.partition("/")[0]

    @property
    def role_name(self) -> str:
        """Role and variant in one word: ``dense`` or ``dense@fp8``."""
        return role_name(self.role, self.variant)
