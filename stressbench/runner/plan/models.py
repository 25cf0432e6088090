"""The models of a run: found, with their tokenizers and chat templates opened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from stressbench.models.cache import Progress
from stressbench.models.resolve import ModelShape, resolve, resolve_tokenizer
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.suite.suite import EngineSpec, ModelSpec, SuiteSpec
from stressbench.tokens.huggingface import HuggingFaceTokenizer
from stressbench.tokens.template import load_template


@dataclass(frozen=True, slots=True, kw_only=True)
class RunModel:
    """One model of a run, found and opened."""

    role: str
    spec: ModelSpec
    engine: EngineSpec
    variant: str | None
    """Name of the engine variant, if the suite has several."""
    name: str
    path: Path | None
    """None if only the tokenizer was asked for."""
    tokenizer_path: Path
    revision: str | None
    sha256: str | None
    shape: ModelShape
    prompt_format: PromptFormat
    dtype: str | None = None
    """The dtype to serve the model in by default; None leaves that to the engine."""


def open_models(spec: SuiteSpec, progress: Progress, *, weights: bool) -> dict[str, RunModel]:
    """Every role of a suite with its model, which is opened once for all its engine variants."""
    opened = {
        role: open_model(role, model, progress, weights=weights)
        for role, model in spec.models.items()
    }
    return {
        name: replace(opened[role.model_role], role=name, engine=role.engine, variant=role.variant)
        for name, role in spec.roles.items()
    }


def at_dtype(engine: EngineSpec, dtype: str | None) -> EngineSpec:
    """``engine`` with a model's own ``dtype``, if the suite leaves the dtype to the engine.

    ``engine.args`` and a model's ``args`` may name another; the engine merges them in later.
    """
    if engine.dtype != "auto" or dtype is None:
        return engine
    return msgspec.structs.replace(engine, dtype=dtype)


def open_model(role: str, spec: ModelSpec, progress: Progress, *, weights: bool) -> RunModel:
    """Find one model and open its tokenizer and template; with ``weights``, its folder too."""
    if weights:
        local = resolve(spec, progress)
        path, tokenizer_path, shape = local.path, local.tokenizer_path, local.shape
        dtype = local.dtype
        revision, sha256 = local.revision, local.sha256
    else:
        small = resolve_tokenizer(spec, progress)
        path, tokenizer_path, shape, dtype = None, small.path, small.shape, small.dtype
        revision, sha256 = spec.revision, None
    name = spec.tokenizer or spec.model
    tokenizer = HuggingFaceTokenizer(tokenizer_path / "tokenizer.json", name=name)
    return RunModel(
        role=role,
        spec=spec,
        engine=EngineSpec(),
        variant=None,
        name=spec.model,
        path=path,
        tokenizer_path=tokenizer_path,
        revision=revision,
        sha256=sha256,
        shape=shape,
        prompt_format=PromptFormat(tokenizer, load_template(tokenizer_path, tokenizer)),
        dtype=dtype,
    )
