"""Everything that is settled before a run: models, tokenizers, and whether it can work at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import cast

import msgspec

from stressbench import catalog
from stressbench.engines.base import Engine, EngineTraits
from stressbench.errors import StressbenchError, SuiteError, UsageError
from stressbench.models.cache import Progress
from stressbench.models.resolve import ModelShape, resolve, resolve_tokenizer
from stressbench.prompts.base import check, expand, truths
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.capacity import check_capacity
from stressbench.runner.plan.requests import limited
from stressbench.runner.probing import check_probes, passes, probe_type
from stressbench.runner.send.arrivals import check_trace
from stressbench.schema.case import Pass
from stressbench.schema.suite import gate
from stressbench.schema.suite.parse import Suite
from stressbench.schema.suite.suite import EngineSpec, ModelSpec, PromptSpec, SuiteSpec
from stressbench.scorers.base import check as check_truth
from stressbench.scorers.base import section_of
from stressbench.tokens.huggingface import HuggingFaceTokenizer
from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.template import ChatTemplate, load_template


@dataclass(frozen=True, slots=True, kw_only=True)
class RunModel:
    """One model of a run, found and opened."""

    role: str
    spec: ModelSpec
    engine: EngineSpec
    variant: str | None
    """Name of the set-up of the engine, where the suite has several."""
    name: str
    path: Path | None
    """None where only the tokenizer was asked for."""
    tokenizer_path: Path
    revision: str | None
    sha256: str | None
    shape: ModelShape
    prompt_format: PromptFormat
    dtype: str | None = None
    """What the model is served in where nobody says; None leaves that to the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A suite that can run."""

    source: Suite
    suite: SuiteSpec
    """``source.spec`` with ``limit`` applied."""
    limit: int | None
    engine: str
    traits: EngineTraits
    passes: tuple[Pass, ...]
    models: dict[str, RunModel]
    prompt_formats: dict[str, PromptFormat]
    """Tokenizer and template by role, and of the budget tokenizer by its name."""


def prepare(
    suite: Suite, *, engine: str, limit: int | None, progress: Progress, weights: bool = True
) -> Prepared:
    """Find every model of ``suite``, building the reference pair where it is missing.

    Without ``weights``, and for an engine that loads none, tokenizers are enough. Raises
    ``SuiteError`` for a prompt that cannot be generated or does not fit and for arguments
    that the engine cannot work with, ``SetupError`` for a model that cannot be had.
    """
    check_names(suite)
    plugin = cast("type[Engine]", catalog.load("engines", engine))
    spec = limited(suite.spec, limit)
    for role in spec.roles.values():
        plugin.check(role.engine.args, role.model.args)
    opened = open_models(spec, progress, weights=weights and plugin.traits.weights)
    if plugin.traits.weights:
        opened = {
            role: replace(m, engine=at_dtype(m.engine, m.dtype)) for role, m in opened.items()
        }
        check_capacity(suite, opened.values())
    prompt_formats = open_rooms(suite, opened)
    check_prompts(suite, spec, opened, prompt_formats)
    return Prepared(
        source=suite,
        suite=spec,
        limit=limit,
        engine=engine,
        traits=plugin.traits,
        passes=passes(spec, workers=plugin.traits.workers),
        models=opened,
        prompt_formats=prompt_formats,
    )


def open_models(spec: SuiteSpec, progress: Progress, *, weights: bool) -> dict[str, RunModel]:
    """Every role of a suite with its model, found and opened once for all set-ups."""
    opened = {
        role: open_model(role, model, progress, weights=weights)
        for role, model in spec.models.items()
    }
    return {
        name: replace(opened[role.model_role], role=name, engine=role.engine, variant=role.variant)
        for name, role in spec.roles.items()
    }


def at_dtype(engine: EngineSpec, dtype: str | None) -> EngineSpec:
    """``engine`` with a model's own ``dtype`` where the suite leaves it to the engine.

    ``engine.args`` and a model's ``args`` may name another: the engine merges them in later.
    """
    if engine.dtype != "auto" or dtype is None:
        return engine
    return msgspec.structs.replace(engine, dtype=dtype)


def open_rooms(suite: Suite, models: Mapping[str, RunModel]) -> dict[str, PromptFormat]:
    """The room of every role, and of the budget tokenizer where that is not a role.

    Such a tokenizer has no chat template: budgets then count the content alone.
    Raises ``SuiteError`` where ``budget_tokenizer`` is neither.
    """
    prompt_formats = {role: model.prompt_format for role, model in models.items()}
    prompt_formats |= {
        each.model_role: prompt_formats[role] for role, each in suite.spec.roles.items()
    }
    name = suite.spec.budget_role
    if name not in prompt_formats:
        try:
            prompt_formats[name] = PromptFormat(open_tokenizer(name), ChatTemplate())
        except StressbenchError as error:
            raise SuiteError(
                f"{name!r} is neither a role of this suite"
                f"{catalog.nearest(name, suite.spec.models)}"
                f" nor a tokenizer: {error.message}",
                where=suite.where("budget_tokenizer"),
                hint=f"the roles of this suite are: {', '.join(suite.spec.models)}; {error.hint}",
            ) from error
    return prompt_formats


def check_prompts(
    suite: Suite,
    spec: SuiteSpec,
    models: Mapping[str, RunModel],
    prompt_formats: Mapping[str, PromptFormat],
) -> None:
    """Refuse prompts that cannot be generated, or are too long for one of the models.

    Where the budgets count another tokenizer's tokens, a prompt's length under a
    model's own is known when it is sent; one that is too long is recorded as rejected.
    """
    windows = [each.engine.max_model_len for each in models.values()]
    windows += [each.shape.window_tokens for each in models.values()]
    window = min((tokens for tokens in windows if tokens is not None), default=None)
    if spec.budget_role not in spec.models:
        window = None
    prompt_format = prompt_formats[spec.budget_role]
    for index, prompt in enumerate(spec.prompts):
        try:
            check(prompt, prompt_format=prompt_format, max_model_len=window, seed=spec.seed)
            _check_truths(prompt, spec, prompt_format)
        except SuiteError as error:
            _, _, field = (error.where or "").removeprefix("prompts.").partition(f"{prompt.name}.")
            path = field.split(".") if field else []
            raise SuiteError(
                error.message, where=suite.where("prompts", index, *path), hint=error.hint
            ) from error
    if spec.load.arrival == "trace":
        _check_times(suite, spec, prompt_format)


def _check_truths(prompt: PromptSpec, spec: SuiteSpec, prompt_format: PromptFormat) -> None:
    """Refuse references that a scorer cannot read, and a scorer's section that a probe fills."""
    probed = {probe_type(probe).section: probe.use for probe in spec.probe_specs}
    for truth in truths(prompt, seed=spec.seed, prompt_format=prompt_format):
        try:
            check_truth(truth.scorer, truth.expected, truth.params)
            _check_scorers_section(truth.scorer, probed)
        except SuiteError as error:
            origin = f"{truth.origin}: " if truth.origin else ""
            field = "params.scorer" if "scorer" in prompt.params else "use"
            raise SuiteError(
                f"{origin}{error.message}", where=f"prompts.{prompt.name}.{field}", hint=error.hint
            ) from error


def _check_scorers_section(scorer: str, probed: Mapping[str, str]) -> None:
    section = section_of(scorer)
    if section is not None and section in probed:
        raise SuiteError(
            f"the scorer {scorer!r} and the probe {probed[section]!r} both fill the section "
            f"{section!r} of a record",
            hint="a section has one author: leave one of them out",
        )


def _check_times(suite: Suite, spec: SuiteSpec, prompt_format: PromptFormat) -> None:
    cells = expand(spec.prompts[0], seed=spec.seed, prompt_format=prompt_format)
    try:
        check_trace(chain.from_iterable(cells))
    except SuiteError as error:
        where = suite.where("prompts", 0, "params", "time_field")
        raise SuiteError(error.message, where=where, hint=error.hint) from error


def check_roles(spec: SuiteSpec, roles: Sequence[str]) -> None:
    """Refuse names of ``--role`` that are no role of a suite. Raises ``UsageError``."""
    known = {*spec.models, *spec.roles}
    for role in roles:
        if role not in known:
            raise UsageError(
                f"the suite has no role {role!r}{catalog.nearest(role, known)}",
                where="--role",
                hint=f"its roles are: {', '.join(sorted(known))}",
            )


def check_names(suite: Suite) -> None:
    """Find what needs no model: unknown classes and probes, entries of one name, wrong gates."""
    spec = suite.spec
    for index, probe in enumerate(spec.probe_specs):
        _known(suite, "probes", probe.use, "probes", index)
    for index, mistake in check_probes(spec):
        where = suite.where("probes", index, *(mistake.where or "").split("."))
        raise SuiteError(mistake.message, where=where, hint=mistake.hint)
    seen: set[str] = set()
    for index, prompt in enumerate(spec.prompts):
        _known(suite, "prompts", prompt.use, "prompts", index, "use")
        if prompt.name in seen:
            raise SuiteError(
                f"two entries are named {prompt.name!r}",
                where=suite.where("prompts", index, "use"),
                hint="give one of them a `label:` of its own",
            )
        seen.add(prompt.name)
    for index, text in enumerate(spec.gates):
        gate.parse(text, where=suite.where("gates", index))


def _known(suite: Suite, kind: catalog.Kind, name: str, *path: str | int) -> None:
    try:
        catalog.load(kind, name)
    except UsageError as error:
        raise SuiteError(error.message, where=suite.where(*path), hint=error.hint) from error


def open_model(role: str, spec: ModelSpec, progress: Progress, *, weights: bool) -> RunModel:
    """Find one model, and open its tokenizer and template; ``weights`` for its folder too."""
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
