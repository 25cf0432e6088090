"""What is written of a run as a whole: the other lines of ``records.jsonl``, and telemetry.

The ``run`` line comes first and is never changed. A ``model`` line is written whenever an
engine is ready, or has failed; a ``level`` line when a load is over; an ``end`` line when
the process ends. A run that was resumed has several of each: of the model lines of one
role and variant the last one counts, and the run has ended where the last part has.
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
    """Which model a role of a run is: known before its engine starts, and never changed."""

    role: str = ""
    variant: str | None = None
    """Name of the set-up of the engine, where the suite has several."""
    model: str
    revision: str | None
    sha256: str | None
    """Of the weights' checksums; null where the engine does not hold the weights."""
    architecture: str | None
    tokenizer: str
    tokenizer_sha256: str
    why_null: dict[str, str]


class ModelRun(ModelIdentity, frozen=True, kw_only=True):
    """One model as it was run: two files are comparable where these agree.

    In a file the engine's part stands in ``model`` lines; version 1 had it all in the
    first line.
    """

    dtype: str | None
    max_model_len: int | None
    kv_blocks: int | None
    block_size: int | None
    kv: KvSetup | None = None
    """The KV cache, and where preemption is predicted to begin; null before the engine starts."""
    engine_args: dict[str, Value]
    environment: dict[str, str] = {}
    """Variables outside the arguments that change the engine's speed or results."""


class Machine(Open, frozen=True, kw_only=True):
    """The hardware and software underneath."""

    device: str
    """``cpu``, ``cuda`` or ``rocm``."""
    device_name: str
    driver: str | None
    cores: int
    memory_bytes: int
    os: str
    python: str
    packages: dict[str, str]
    isa: list[str] = []
    """Instruction sets of the CPU that change a figure, by Linux's names; empty: not known."""


class RunFacts(Open, frozen=True, kw_only=True):
    """All that two files must share or knowingly differ in, the models apart."""

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


class RunHeader(RunFacts, frozen=True, kw_only=True):
    """A run as its ``run`` and ``model`` lines together tell it."""

    models: dict[str, ModelRun]
    """By ``role`` or ``role@variant``."""


class RunLine(RunFacts, frozen=True, kw_only=True, tag="run"):
    """First line of ``records.jsonl``; never rewritten."""

    models: list[ModelIdentity] | dict[str, ModelRun]
    """A list since version 2."""


class WarmUp(Open, frozen=True, kw_only=True):
    """What warming up an engine took before its first request counted."""

    rounds: int
    requests_per_round: int
    elapsed_s: float
    round_s: list[float]
    """Seconds from the first request of each round to the end of its last, in order."""
    steady: bool
    """Whether the last round took at least 80 % of the time of the one before it."""
    error: str | None = None
    """Why the warm-up ended early."""


class ModelLine(Open, frozen=True, kw_only=True, tag="model"):
    """An engine is ready, or did not start, or died: what it is and where it runs."""

    run_id: str
    role: str
    variant: str | None
    part: int
    """0 in the process that began the run, one more in each that went on with it."""
    t_ns: int
    """When, on the run's clock, which goes on across a resumption."""
    at: str
    """When, by the calendar."""
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
    """Null where the run did not start the engine, or the suite warms it up itself."""
    error: str | None = None
    """Root cause, where the engine did not start or died."""
    why_null: dict[str, str]

    @property
    def role_name(self) -> str:
        """Role and variant in one word."""
        return role_name(self.role, self.variant)


class LevelLine(Open, frozen=True, kw_only=True, tag="level"):
    """A load is over: none of its requests is sent any more, in whatever part of the run."""

    run_id: str
    role: str
    variant: str | None
    pass_: Pass = field(name="pass")
    level: str
    """Its name in case ids; empty without a sweep."""
    part: int
    t_ns: int
    last: bool
    """Whether it ended the pass: the sweep had settled, or the load was hopeless."""
    hopeless: str | None = None
    """Why the load was given up before all of its requests were sent."""

    @property
    def role_name(self) -> str:
        """Role and variant in one word."""
        return role_name(self.role, self.variant)


class RunEnd(Open, frozen=True, kw_only=True, tag="end"):
    """Last line of a process that wrote ``records.jsonl``."""

    run_id: str
    status: RunStatus
    finished_at: str
    elapsed_s: float
    """On the run's clock: the time of all parts, without what lay between them."""
    planned: int
    counts: dict[str, int]
    """Requests by ``status``; ``not_sent`` where the load ended before they were due."""
    error: str | None = None
    """Why the run failed, or is inconclusive."""
    passed_over: list[str] = []
    """Roles, or roles and variants, that were asked to be left out; ``--resume`` can run them."""
    lost_arrays: int = 0
    """Requests whose arrays a crash has taken; their records say where those lay."""
    part: int = 0
    resumed_at_ns: list[int] = []
    """Where on the run's clock each later part began."""


Line: TypeAlias = RunLine | ModelLine | LevelLine | CaseRecord | RunEnd


class Reading(Open, frozen=True, kw_only=True):
    """One line of ``telemetry.jsonl``: what a probe saw at one moment."""

    probe: str
    role: str
    variant: str | None = None
    t_ns: int
    values: dict[str, float | int | None]
