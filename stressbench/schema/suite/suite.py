"""The suite: what a person writes in YAML, as types. ``schema/load.py`` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from stressbench.schema.base import Strict
from stressbench.schema.suite.load import LoadSpec

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Count: TypeAlias = Annotated[int, Meta(ge=1)]
Depth: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = object
"""Plain data as YAML and JSON have it; msgspec has no recursive aliases."""

Arm: TypeAlias = Literal["stress", "isocontent", "isotoken", "no_context", "oracle_context"]
"""What a case is for.

``stress``: the condition under test. ``isocontent``: its benign twin, same question
and same fact, in plain form. ``isotoken``: a benign control padded to the stressed
prompt's token count, so that "longer" and "stranger" are never confounded.
``no_context``: the question alone (guessing rate). ``oracle_context``: the fact alone
(ceiling).
"""


class ModelSpec(Strict, frozen=True, kw_only=True):
    """One model under test; the key above it in the suite is its role."""

    model: str
    """A built-in (``reference-dense``), a local directory, or a Hugging Face id."""
    tokenizer: str | None = None
    """Another tokenizer than the model's own: a directory or a Hugging Face id."""
    revision: str | None = None
    args: dict[str, Value] = {}
    """vLLM engine arguments for this model alone; they win over ``engine.args``."""


class EngineSpec(Strict, frozen=True, kw_only=True):
    """How the engine is set up; ``args`` goes to vLLM as it is."""

    max_model_len: Count | None = None
    kv_blocks: Count | None = None
    """Cap of the KV cache in blocks (vLLM: ``num_gpu_blocks_override``); it keeps one of them."""
    kv_tokens: Count | None = None
    """The same cap in tokens, rounded down to blocks; either this or ``kv_blocks``."""
    block_size: Count | None = None
    """Tokens a KV block holds; on the CPU a multiple of 32."""
    dtype: str = "auto"
    """``auto`` takes the model's own on a GPU; on a CPU it is chosen from the CPU's flags."""
    enable_prefix_caching: bool = True
    args: dict[str, Value] = {}

    def blocks(self, block_size: int) -> int | None:
        """The cap in blocks, vLLM's own one included; None where there is none."""
        if self.kv_tokens is not None:
            return self.kv_tokens // block_size + 1
        return self.kv_blocks


class EngineVariant(EngineSpec, frozen=True, kw_only=True):
    """One of several set-ups that every model of a suite is run under."""

    name: Name
    """Roles of the run are called ``ROLE@NAME``."""


@dataclass(frozen=True, slots=True)
class Role:
    """A model under one set-up of the engine: what has an engine of its own in a run."""

    model_role: str
    """Its key under ``models``."""
    model: ModelSpec
    engine: EngineSpec
    variant: str | None
    """None where the suite has a single set-up."""


class PromptSpec(Strict, frozen=True, kw_only=True):
    """One prompt class of a suite and its sweep: items x budgets x depths x arms."""

    use: str
    label: Name | None = None
    """Names this entry in case ids; needed when a class is used twice. Default: ``use``."""
    items: Count = 8
    budgets: list[Count] = []
    """Exact prompt lengths in tokens of ``budget_tokenizer``, chat template included."""
    depths: list[Depth] = []
    """Where the fact stands: 0 is the start of the context, 1 its end."""
    arms: list[Arm] = []
    """Which arms to generate; empty means every arm of the class."""
    max_tokens: Count | None = None
    """Output limit; the class has its own default."""
    ignore_eos: bool = False
    """Always generate up to the limit, so that the load does not depend on what a model says.
    Answers are judged up to where the model wanted to end them."""
    params: dict[str, Value] = {}
    """The class's own parameters: ``stressbench list prompts`` shows them."""

    @property
    def name(self) -> str:
        """The label, or the class's name where there is none."""
        return self.label or self.use


class ProbeSpec(Strict, frozen=True, kw_only=True):
    """One probe of a suite; its name alone stands for one without parameters."""

    use: str
    sample: Count | None = None
    """How many items of each prompt entry the telemetry pass sends for this probe, the first ones.
    None: all of them."""
    params: dict[str, Value] = {}
    """The probe's own parameters: ``stressbench list probes`` shows them."""


class SuiteSpec(Strict, frozen=True, kw_only=True):
    """A suite file."""

    schema: Literal[1]
    name: Name
    description: str = ""
    seed: Annotated[int, Meta(ge=0)] = 0
    models: Annotated[dict[Name, ModelSpec], Meta(min_length=1)]
    engine: EngineSpec | Annotated[list[EngineVariant], Meta(min_length=1)] = EngineSpec()
    """One set-up, or several by name: then each model runs once under each."""
    load: LoadSpec = LoadSpec()
    budget_tokenizer: str | None = None
    """The role whose tokens the budgets count, or any tokenizer; default: the first role."""
    prompts: Annotated[list[PromptSpec], Meta(min_length=1)]
    probes: list[str | ProbeSpec] = field(default_factory=lambda: ["kv"])
    repeats: Count = 1
    """How often each request is sent; repeats give the A/A noise floor."""
    gates: list[str] = []
    record_prompts: bool = True
    """False keeps what was asked and answered out of the result files: texts are null there
    and only hashes, lengths, scores and outcomes remain."""

    @property
    def roles(self) -> dict[str, Role]:
        """What is run, by the name that records bear: ``dense``, or ``dense@fp8``."""
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
        """The role whose tokenizer counts the budgets, or a tokenizer's own name."""
        return self.budget_tokenizer or next(iter(self.models))

    @property
    def probe_specs(self) -> list[ProbeSpec]:
        """The probes, each with its parameters."""
        return [ProbeSpec(use=p) if isinstance(p, str) else p for p in self.probes]
