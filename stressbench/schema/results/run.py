"""The lines about a run as a whole in ``records.jsonl``, and the lines of ``telemetry.jsonl``.

The ``run`` line comes first and never changes. A ``model`` line is written whenever an engine
is ready or has failed, a ``level`` line when a load is over, an ``end`` line when the process
ends. A resumed run has several of each. The last model line of a role and variant counts, and
the run has ended if its last part has.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import field

from stressbench.schema.axes import role_name
from stressbench.schema.base import Open
from stressbench.schema.case import Pass
from stressbench.schema.results.kv import KvSetup
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.suite import Value

RunStatus: TypeAlias = Literal["complete", "inconclusive", "interrupted", "failed"]


class ModelIdentity(Open, frozen=True, kw_only=True):
    """The model behind a role: known before its engine starts, and never changed."""

    role: str = ""
    variant: str | None = None
    """Name of the engine variant; null if the suite has one set-up."""
    model: str
    revision: str | None
    sha256: str | None
    """Hash over the checksums of the weight files; null if stressbench does not hold the weights,
    as with a remote endpoint."""
    architecture: str | None
    tokenizer: str
    tokenizer_sha256: str
    why_null: dict[str, str]


class ModelRun(ModelIdentity, frozen=True, kw_only=True):
    """One model as it was run. Two files are comparable if these fields agree.

    The file keeps the engine's fields in ``model`` lines; version 1 had all of them in the
    first line.
    """

    dtype: str | None
    max_model_len: int | None
    """Longest sequence in tokens, prompt and answer together."""
    kv_blocks: int | None
    """Blocks in the KV cache, including the one that vLLM reserves."""
    block_size: int | None
    """Tokens per KV block."""
    kv: KvSetup | None = None
    """The KV cache and the predicted onset of preemption; null before the engine starts."""
    engine_args: dict[str, Value]
    """Arguments that the engine was started with."""
    environment: dict[str, str] = {}
    """Environment variables that change the engine's speed or results."""


class Machine(Open, frozen=True, kw_only=True):
    """Hardware and software of the machine that ran the engine."""

    device: str
    """``cpu``, ``cuda`` or ``rocm``."""
    device_name: str
    driver: str | None
    cores: int
    memory_bytes: int
    os: str
    python: str
    packages: dict[str, str]
    """Versions of the installed packages that matter, by name."""
    isa: list[str] = []
    """Instruction sets of the CPU that affect results or speed, by Linux's names; empty if
    unknown."""


class Interleaved(Open, frozen=True, kw_only=True):
    """How engines took turns during a run (``run --interleave``)."""

    blocks: int
    """The items were dealt into this many blocks; each engine was sent one block per turn."""
    with_: str | None = field(name="with", default=None)
    """``run_id`` of the run that took turns with this one; its directory lies next to this one's.
    Null if the engines of one run took turns."""


class GatePlan(Open, frozen=True, kw_only=True):
    """What a gate of the suite can decide with the items that were planned."""

    gate: str
    """The gate as it was written."""
    items: int
    """Independent items of each model that it looks at."""
    can_pass: bool
    """Whether it could be green if nothing differed."""
    items_to_pass: int | None
    """The fewest items with which it could be green; null if no number shows its margin."""
    can_fail: bool
    """Whether it could be red if every item were worse."""
    items_to_fail: int
    """The fewest items with which it could be red."""
    scopes: int
    """Scopes of its ``per``; 0 without."""
    scopes_that_cannot_fail: dict[str, int]
    """Scopes with too few items to be red alone, with their items."""
    why: str
    """Why no number of items makes it green; empty if some number does."""


class RunFacts(Open, frozen=True, kw_only=True):
    """Everything that two files must share or differ in on purpose, except the models."""

    schema_version: int
    run_id: str
    started_at: str
    stressbench: str
    git_revision: str | None
    suite: str
    suite_sha256: str
    suite_spec: dict[str, Value]
    seed: int
    limit: int | None
    engine: str
    simulated: bool
    machine: Machine
    interleaved: Interleaved | None = None
    """Null if each engine was sent all its requests in one go."""
    gates: list[GatePlan] = []
    """What the suite's gates can decide; empty without gates, and in older files."""


class RunHeader(RunFacts, frozen=True, kw_only=True):
    """A run as described by its ``run`` line and ``model`` lines together."""

    models: dict[str, ModelRun]
    """Models by ``role`` or ``role@variant``."""


class RunLine(RunFacts, frozen=True, kw_only=True, tag="run"):
    """First line of ``records.jsonl``; never rewritten."""

    models: list[ModelIdentity] | dict[str, ModelRun]
    """A list since version 2; version 1 had a mapping."""


class WarmUp(Open, frozen=True, kw_only=True):
    """The warm-up of an engine before its first measured request."""

    rounds: int
    """Number of rounds."""
    requests_per_round: int
    elapsed_s: float
    """Duration of the warm-up in seconds."""
    round_s: list[float]
    """Duration of each round in seconds, from its first request to the end of its last."""
    steady: bool
    """True if the last round took at least 80 % of the time of the round before it."""
    error: str | None = None
    """Why the warm-up ended early; null if it did not."""


class ModelLine(Open, frozen=True, kw_only=True, tag="model"):
    """Written when an engine is ready, did not start, or died: its set-up and its machine."""

    run_id: str
    role: str
    variant: str | None
    part: int
    """0 in the process that began the run; each ``--resume`` adds 1."""
    t_ns: int
    """Nanoseconds on the run's clock, which continues across ``--resume``."""
    at: str
    """Date and time in UTC."""
    stressbench: str
    git_revision: str | None
    machine: Machine
    dtype: str | None
    max_model_len: int | None
    kv_blocks: int | None
    block_size: int | None
    kv: KvSetup | None
    engine_args: dict[str, Value]
    environment: dict[str, str]
    warm_up: WarmUp | None = None
    """Null if the run did not start the engine, or if the suite has its own warm-up."""
    error: str | None = None
    """Root cause if the engine did not start or died; else null."""
    why_null: dict[str, str]

    @property
    def role_name(self) -> str:
        """Role and variant in one word."""
        return role_name(self.role, self.variant)


class LevelLine(Open, frozen=True, kw_only=True, tag="level"):
    """Written when a load is over: no later part of the run sends requests of it."""

    run_id: str
    role: str
    variant: str | None
    pass_: Pass = field(name="pass")
    level: str
    """Name of the level as in case ids (``concurrency-4``); empty without a sweep."""
    part: int
    """Part of the run that wrote the line, from 0."""
    t_ns: int
    """Nanoseconds on the run's clock."""
    last: bool
    """True if the level ended its pass: the sweep had settled, or the server was overloaded."""
    hopeless: str | None = None
    """Why the load was stopped before all its requests were sent; null if it was not."""

    @property
    def role_name(self) -> str:
        """Role and variant in one word."""
        return role_name(self.role, self.variant)


class RunEnd(Open, frozen=True, kw_only=True, tag="end"):
    """The last line that a process writes to ``records.jsonl``."""

    run_id: str
    status: RunStatus
    finished_at: str
    elapsed_s: float
    """Seconds on the run's clock: the duration of all parts without the gaps between them."""
    planned: int
    """Number of planned requests."""
    counts: dict[str, int]
    """Requests by ``status``; ``not_sent`` counts those not sent because the load ended early."""
    error: str | None = None
    """Why the run failed or is inconclusive; else null."""
    passed_over: list[str] = []
    """Roles left out on request (``role`` or ``role@variant``); ``--resume`` can run them."""
    lost_arrays: int = 0
    """Requests whose arrays were lost in a crash."""
    part: int = 0
    """Part of the run that wrote the line, from 0."""
    resumed_at_ns: list[int] = []
    """Start of each later part, in nanoseconds on the run's clock."""


Line: TypeAlias = RunLine | ModelLine | LevelLine | CaseRecord | RunEnd


class Reading(Open, frozen=True, kw_only=True):
    """One line of ``telemetry.jsonl``: what a probe measured at one moment."""

    probe: str
    role: str
    variant: str | None = None
    t_ns: int
    """Nanoseconds on the run's clock."""
    values: dict[str, float | int | None]
    """Measured values by name."""

    @property
    def role_name(self) -> str:
        """Role and variant in one word."""
        return role_name(self.role, self.variant)
