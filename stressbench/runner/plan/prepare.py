"""Preparing a run: models, tokenizers, and checks of everything that can be wrong beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, cast

from stressbench import catalog
from stressbench.engines.base import Engine, EngineTraits
from stressbench.errors import DataError, StressbenchError, SuiteError, UsageError
from stressbench.models.cache import Progress
from stressbench.prompts.base import Truth, check, truths
from stressbench.prompts.build.layout import of_turns
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.capacity import check_capacity
from stressbench.runner.plan.models import RunModel, at_dtype, open_models
from stressbench.runner.plan.probes import check_probes, passes, probe_type
from stressbench.runner.plan.requests import Plan, limited
from stressbench.runner.send.arrivals import check_trace
from stressbench.schema.case import Pass
from stressbench.schema.results.run import GatePlan
from stressbench.schema.suite.parse import Suite
from stressbench.schema.suite.suite import PromptSpec, SuiteSpec
from stressbench.scorers.base import check as check_truth
from stressbench.scorers.base import section_of
from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.template import ChatTemplate

_KEPT_REFERENCES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A suite that is ready to run."""

    source: Suite
    suite: SuiteSpec
    """``source.spec`` with ``limit`` applied."""
    limit: int | None
    engine: str
    traits: EngineTraits
    passes: tuple[Pass, ...]
    models: dict[str, RunModel]
    plan: Plan
    """Its requests."""
    gates: Sequence[GatePlan] = ()
    """What its gates can decide; the run's header keeps it."""
    notes: Sequence[str] = ()
    """What a person should know about the data that its prompts are read from."""


def prepare(
    suite: Suite, *, engine: str, limit: int | None, progress: Progress, weights: bool = True
) -> Prepared:
    """Find every model of ``suite``, and build the reference pair if it is missing.

    Without ``weights``, and for an engine that loads none, tokenizers are enough. Raises
    ``SuiteError`` for a prompt that cannot be generated or does not fit, and for arguments
    that the engine cannot work with. Raises ``SetupError`` for a model that is not available.
    """
    check_names(suite)
    plugin = cast("type[Engine]", catalog.load("engines", engine))
    spec = limited(suite.spec, limit)
    _check_arguments(suite, spec, plugin)
    opened = open_models(spec, progress, weights=weights and plugin.traits.weights)
    if plugin.traits.weights:
        opened = {
            role: replace(m, engine=at_dtype(m.engine, m.dtype)) for role, m in opened.items()
        }
        check_capacity(suite, opened.values())
    plan = Plan(spec, open_prompt_formats(suite, opened))
    notes = check_prompts(suite, plan, opened)
    return Prepared(
        source=suite,
        suite=spec,
        limit=limit,
        engine=engine,
        traits=plugin.traits,
        passes=passes(spec, workers=plugin.traits.workers),
        models=opened,
        plan=plan,
        notes=notes,
    )


def _check_arguments(suite: Suite, spec: SuiteSpec, plugin: type[Engine]) -> None:
    """Refuse arguments that the engine does not know, naming their place in the suite."""
    for role in spec.roles.values():
        try:
            plugin.check(role.engine.args, role.model.args)
        except SuiteError as error:
            path = (error.where or "engine.args").split(".")
            raise SuiteError(error.message, where=suite.where(*path), hint=error.hint) from error


def open_prompt_formats(suite: Suite, models: Mapping[str, RunModel]) -> dict[str, PromptFormat]:
    """The prompt format of every role, and of the budget tokenizer if that is not a role.

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


def check_prompts(suite: Suite, plan: Plan, models: Mapping[str, RunModel]) -> tuple[str, ...]:
    """Refuse prompts that cannot be generated, or are too long for one of the models.

    Returns what a person should know about the data that prompts are read from.

    If the budgets count tokens of another tokenizer, a prompt's length under a model's own is
    known only when it is sent. A prompt that is too long is then recorded as ``rejected``.
    """
    spec, prompt_format = plan.suite, plan.budget_format
    windows = [each.engine.max_model_len for each in models.values()]
    windows += [each.shape.window_tokens for each in models.values()]
    window = min((tokens for tokens in windows if tokens is not None), default=None)
    if spec.budget_role not in spec.models:
        window = None
    formats = [prompt_format, *(each.prompt_format for each in models.values())]
    notes: dict[str, None] = {}
    for index, prompt in enumerate(spec.prompts):
        try:
            check(
                prompt,
                prompt_format=prompt_format,
                max_model_len=window,
                seed=spec.seed,
                cases=plan.cases.of(index),
            )
            notes |= _check_truths(prompt, spec, formats)
        except DataError as error:
            named = f"the suite names the file in {suite.where('prompts', index)}"
            hint = f"{error.hint} ({named})" if error.hint else named
            raise DataError(error.message, where=error.where, hint=hint) from error
        except SuiteError as error:
            _, _, field = (error.where or "").removeprefix("prompts.").partition(f"{prompt.name}.")
            path = field.split(".") if field else []
            raise SuiteError(
                error.message, where=suite.where("prompts", index, *path), hint=error.hint
            ) from error
    if spec.load.arrival == "trace":
        _check_times(suite, plan)
    return tuple(notes)


def _check_truths(
    prompt: PromptSpec, spec: SuiteSpec, formats: Sequence[PromptFormat]
) -> dict[str, None]:
    """Refuse references that a scorer cannot read, and a scorer whose section a probe fills.

    Also refuses a conversation that one of ``formats``, the first of which is the budget's,
    cannot take. Returns the notes about the data.
    """
    probed = {probe_type(probe).section: probe.use for probe in spec.probe_specs}
    notes: dict[str, None] = {}
    checked: set[tuple[str, tuple[str, ...], str]] = set()
    for truth in truths(prompt, seed=spec.seed, prompt_format=formats[0]):
        notes |= dict.fromkeys(truth.notes)
        if truth.messages:
            notes |= _check_turns(prompt, truth, formats)
        what = (truth.scorer, tuple(truth.expected), repr(truth.params))
        if what in checked:
            continue
        if len(checked) < _KEPT_REFERENCES:  # questions of a class come again and again
            checked.add(what)
        try:
            check_truth(truth.scorer, truth.expected, truth.params)
            _check_scorers_section(truth.scorer, probed)
        except SuiteError as error:
            origin = f"{truth.origin}: " if truth.origin else ""
            field = "params.scorer" if "scorer" in prompt.params else "use"
            raise SuiteError(
                f"{origin}{error.message}", where=f"prompts.{prompt.name}.{field}", hint=error.hint
            ) from error
    return notes


def _check_turns(
    prompt: PromptSpec, truth: Truth, formats: Sequence[PromptFormat]
) -> dict[str, None]:
    """Refuse a conversation that a chat template cannot take; note where there is no template."""
    notes: dict[str, None] = {}
    for place, prompt_format in enumerate(dict.fromkeys(formats)):
        try:
            of_turns(truth.messages, prompt_format)
        except SuiteError as error:
            raise SuiteError(
                f"{truth.origin}: {error.message}",
                where=f"prompts.{prompt.name}.params.path",
                hint=error.hint,
            ) from error
        if place and prompt_format.template.source is None:
            name = prompt_format.tokenizer.name
            if any(each.tool_calls for each in truth.messages):
                raise SuiteError(
                    f"{truth.origin}: a turn calls a tool, and {name} has no chat template to "
                    "write that",
                    where=f"prompts.{prompt.name}.params.path",
                    hint="use a model whose chat template takes tool calls, or leave the row out",
                )
            notes[
                f"{name} has no chat template, so the turns of a conversation are written out "
                "as text: `User: ...`"
            ] = None
    return notes


def _check_scorers_section(scorer: str, probed: Mapping[str, str]) -> None:
    section = section_of(scorer)
    if section is not None and section in probed:
        raise SuiteError(
            f"the scorer {scorer!r} and the probe {probed[section]!r} both fill the section "
            f"{section!r} of a record",
            hint="remove one of them: only one may fill a section",
        )


def _check_times(suite: Suite, plan: Plan) -> None:
    try:
        check_trace(chain.from_iterable(plan.cases.of(0)))
    except SuiteError as error:
        where = suite.where("prompts", 0, "params", "time_field")
        raise SuiteError(error.message, where=where, hint=error.hint) from error


def check_roles(spec: SuiteSpec, roles: Sequence[str]) -> None:
    """Refuse a ``--role`` that is not a role of the suite. Raises ``UsageError``."""
    known = {*spec.models, *spec.roles}
    for role in roles:
        if role not in known:
            raise UsageError(
                f"the suite has no role {role!r}{catalog.nearest(role, known)}",
                where="--role",
                hint=f"its roles are: {', '.join(sorted(known))}",
            )


def check_names(suite: Suite) -> None:
    """Check what needs no model: names of classes and probes, duplicate entries."""
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
                hint="give one of them another name with `label:`",
            )
        seen.add(prompt.name)


def _known(suite: Suite, kind: catalog.PluginKind, name: str, *path: str | int) -> None:
    try:
        catalog.load(kind, name)
    except UsageError as error:
        raise SuiteError(error.message, where=suite.where(*path), hint=error.hint) from error
