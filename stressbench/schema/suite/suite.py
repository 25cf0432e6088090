"""The types of a suite file. ``schema/suite/parse.py`` reads the YAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from stressbench.schema.base import Strict
from stressbench.schema.suite.load import LoadSpec
from stressbench.schema.suite.slo import Objectives

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Count: TypeAlias = Annotated[int, Meta(ge=1)]
Depth: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = object
"""Plain YAML or JSON data; msgspec has no recursive types."""

Arm: TypeAlias = Literal["stress", "isocontent", "isotoken", "no_context", "oracle_context"]
"""The purpose of a case.

``stress``: the condition under test. ``isocontent``: its benign twin, with the same question
and fact in plain form. ``isotoken``: a benign control padded to the stressed prompt's token
count, which separates the effect of length from that of the content. ``no_context``: the
question alone (guessing rate). ``oracle_context``: the fact alone (ceiling).
"""


class ModelSpec(Strict, frozen=True, kw_only=True):
    """One model under test; its key in the suite is its role."""

    model: str
    """A built-in model (``reference-dense``), a local directory, or a Hugging Face id."""
    tokenizer: str | None = None
    """Directory or Hugging Face id of a tokenizer; default: the model's own."""
    revision: str | None = None
    args: dict[str, Value] = {}
    """vLLM engine arguments for this model only; they override ``engine.args``."""


class EngineSpec(Strict, frozen=True, kw_only=True):
    """The set-up of the engine; ``args`` is passed to vLLM unchanged."""

    max_model_len: Count | None = None
    kv_blocks: Count | None = None
    """Size of the KV cache in blocks (vLLM: ``num_gpu_blocks_override``); vLLM reserves one of
    them."""
    kv_tokens: Count | None = None
    """Size of the KV cache in tokens, rounded down to blocks; instead of ``kv_blocks``."""
    block_size: Count | None = None
    """Tokens per KV block; on the CPU a multiple of 32."""
    dtype: str = "auto"
    """``auto`` uses the model's dtype on a GPU, and chooses by the CPU's flags on a CPU."""
    enable_prefix_caching: bool = True
    args: dict[str, Value] = {}

    def blocks(self, block_size: int) -> int | None:
        """Blocks in the KV cache, vLLM's reserved one included; None if the suite sets no size."""
        if self.kv_tokens is not None:
            return self.kv_tokens // block_size + 1
        return self.kv_blocks


class EngineVariant(EngineSpec, frozen=True, kw_only=True):
    """One of several engine set-ups; the suite runs every model under each of them."""

    name: Name
    """The run's roles are then named ``ROLE@NAME``."""


@dataclass(frozen=True, slots=True)
class Role:
    """A model under one engine set-up. Each role of a run has a separate engine."""

    model_role: str
    """Its key under ``models``."""
    model: ModelSpec
    engine: EngineSpec
    variant: str | None
    """None if the suite has a single set-up."""


class PromptSpec(Strict, frozen=True, kw_only=True):
    """One prompt class of a suite and its sweep: items x budgets x depths x arms."""

    use: str
    label: Name | None = None
    """Name of this entry in case ids; required if a class is used twice. Default: ``use``."""
    items: Count = 8
    budgets: list[Count] = []
    """Exact prompt lengths in tokens of ``budget_tokenizer``, chat template included."""
    depths: list[Depth] = []
    """Position of the fact: 0 is the start of the context, 1 its end."""
    arms: list[Arm] = []
    """Arms to generate; empty means every arm of the class."""
    max_tokens: Count | None = None
    """Output limit in tokens; the default depends on the class."""
    ignore_eos: bool = False
    """Always generate up to the limit, so that the load does not depend on the model's answers.
    An answer is judged up to the model's own end token."""
    params: dict[str, Value] = {}
    """Parameters of the class; ``stressbench list prompts`` shows them."""

    @property
    def name(self) -> str:
        """The label, or the name of the class without one."""
        return self.label or self.use


class ProbeSpec(Strict, frozen=True, kw_only=True):
    """One probe of a suite; one without parameters can be written as its name."""

    use: str
    sample: Count | None = None
    """Number of items of each prompt entry, from the first, that the telemetry pass sends for this
    probe; default: all of them."""
    params: dict[str, Value] = {}
    """Parameters of the probe; ``stressbench list probes`` shows them."""


class SuiteSpec(Strict, frozen=True, kw_only=True):
    """A suite file."""

    schema: Literal[1]
    name: Name
    description: str = ""
    seed: Annotated[int, Meta(ge=0)] = 0
    models: Annotated[dict[Name, ModelSpec], Meta(min_length=1)]
    engine: EngineSpec | Annotated[list[EngineVariant], Meta(min_length=1)] = EngineSpec()
    """One set-up, or several named ones; each model then runs once under each."""
    load: LoadSpec = LoadSpec()
    budget_tokenizer: str | None = None
    """Role or tokenizer in whose tokens the budgets count; default: the first role."""
    prompts: Annotated[list[PromptSpec], Meta(min_length=1)]
    probes: list[str | ProbeSpec] = field(default_factory=lambda: ["kv"])
    repeats: Count = 1
    """How often each request is sent; repeats yield the A/A noise floor."""
    gates: list[str] = []
    slo: Objectives = Objectives()
    """Service-level objectives, such as ``{ttft: 2s, tpot: 200ms}``: a request that meets all of
    them counts for goodput."""
    record_prompts: bool = True
    """If false, the result files contain no text of prompts and answers: only hashes, lengths,
    scores and outcomes."""

    @property
    def roles(self) -> dict[str, Role]:
        """Roles of the run by the name used in records: ``dense`` or ``dense@fp8``."""
        if isinstance(self.engine, EngineSpec):
            return {
                role: Role(role, model, self.engine, None) for role, model in self.models.items()
            }
        return {
            f"{role}@{variant.name}": Role(role, model, variant, variant.name)
            for role, model in self.models.items()
            for variant in self.engine
        }

    @property
    def budget_role(self) -> str:
        """The role, or the tokenizer, in whose tokens the budgets count."""
        return self.budget_tokenizer or next(iter(self.models))

    @property
    def probe_specs(self) -> list[ProbeSpec]:
        """The probes, each with its parameters."""
        return [ProbeSpec(use=p) if isinstance(p, str) else p for p in self.probes]
