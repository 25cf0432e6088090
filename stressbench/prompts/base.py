"""Prompt classes: what a class declares, and how its outlines become exact cases.

A class says what each prompt contains (one ``PromptOutline`` for each arm). What all classes
need is done here, once: sweeps, seeds, stratified depths, exact lengths, spans, hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final, cast

import msgspec

from stressbench import catalog
from stressbench.errors import SuiteError, UsageError
from stressbench.prompts.build.assemble import Extent, assemble_condition, extent
from stressbench.prompts.build.conditions import (
    WITHOUT_CONTEXT,
    Condition,
    conditions_of,
    points_of,
)
from stressbench.prompts.build.layout import of_turns
from stressbench.prompts.build.outline import Passage, PromptOutline, Truth
from stressbench.prompts.build.params import Param, ParamValues
from stressbench.prompts.build.prompt_class import PromptClass
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.prompts.build.traits import Traits
from stressbench.schema.case import Case
from stressbench.schema.suite.suite import Arm, PromptSpec

__all__ = [
    "Condition",
    "Description",
    "Param",
    "ParamValues",
    "Passage",
    "PromptClass",
    "PromptOutline",
    "Traits",
    "Truth",
    "check",
    "count",
    "describe",
    "expand",
    "known_scorer",
    "truths",
]

_BUILT_ITEMS: Final = 4
_PROBED_ITEMS: Final = 64
_BUDGET_SLACK: Final = 1.25
"""Items differ by a few tokens: all are measured only if a budget is this near the smallest."""


def expand(
    spec: PromptSpec, *, seed: int, prompt_format: PromptFormat, first: int | None = None
) -> Iterator[tuple[Case, ...]]:
    """Yield every case of one suite entry: a tuple of arms for each condition.

    A condition is one item at one point of the parameter sweep, one budget and one depth.
    Arms without context depend on neither budget nor depth and come with the item's first
    condition. The order, and every byte, depend on ``spec`` and ``seed`` alone. ``first``
    limits the items to the first ones; an item does not depend on the number of items.
    """
    plugin = _load(spec)
    for condition in conditions_of(
        spec, plugin.traits, seed=seed, prompt_format=prompt_format, first=first
    ):
        yield assemble_condition(plugin, condition)


def count(spec: PromptSpec, first: int | None = None) -> int:
    """Count the cases that ``expand`` yields, without building them."""
    traits = _load(spec).traits
    arms = spec.arms or traits.arms
    once = len(WITHOUT_CONTEXT.intersection(arms))
    depths = len(spec.depths) if traits.deep and spec.depths else 1
    grid = max(1, len(spec.budgets)) * depths
    items = spec.items if first is None else min(first, spec.items)
    return items * len(points_of(spec, traits)) * ((len(arms) - once) * grid + once)


def check(
    spec: PromptSpec,
    *,
    prompt_format: PromptFormat,
    max_model_len: int | None,
    seed: int = 0,
    cases: Iterable[tuple[Case, ...]] | None = None,
) -> None:
    """Raise ``SuiteError`` for prompts that cannot be generated or do not fit the model.

    For an unknown parameter the message names the nearest known one, and for a budget that is
    too small the smallest possible. Checking costs a few outlines, however many the items.
    A caller that keeps the cases of ``expand`` passes them as ``cases``.
    """
    plugin = _load(spec)
    traits = plugin.traits
    where = f"prompts.{spec.name}"
    _check_shape(spec, traits, where)
    points = points_of(spec, traits)
    if not spec.budgets:
        if traits.needs_budget:
            raise SuiteError(
                "this class needs budgets, and none are given",
                where=f"{where}.budgets",
                hint="add for example `budgets: [512]`",
            )
        if cases is None:
            cases = expand(spec, seed=seed, prompt_format=prompt_format)
        longest = _longest(spec, traits, cases, prompt_format)
        _check_window(spec, *longest, max_model_len)
        return
    budget = min(spec.budgets)
    found = _extent(spec, prompt_format, seed=seed, items=min(spec.items, _PROBED_ITEMS))
    if budget < found.smallest * _BUDGET_SLACK and spec.items * len(points) > _PROBED_ITEMS:
        found = _extent(spec, prompt_format, seed=seed, items=spec.items)
    if budget < found.smallest:
        raise SuiteError(
            f"a budget of {budget} tokens is too small; the smallest possible is {found.smallest}",
            where=f"{where}.budgets",
        )
    _check_window(spec, max(spec.budgets) + found.overhang, found.answer, max_model_len)


def truths(spec: PromptSpec, *, seed: int, prompt_format: PromptFormat) -> Iterator[Truth]:
    """Yield what the answers of an entry are compared with, without building the prompts.

    Covers every item if the class reads its prompts from a file, and the first items if not.
    """
    plugin = _load(spec)
    items = spec.items if plugin.traits.needs else min(spec.items, _PROBED_ITEMS)
    some = msgspec.structs.replace(spec, items=items, budgets=[], depths=[])
    for condition in conditions_of(some, plugin.traits, seed=seed, prompt_format=prompt_format):
        for arm, outline in plugin.outlines(condition).items():
            if arm in condition.arms:
                yield Truth(
                    scorer=outline.scorer or plugin.traits.scorer,
                    expected=outline.expected,
                    params=outline.scorer_params,
                    origin=outline.origin,
                    messages=outline.messages,
                    notes=outline.notes,
                )


def known_scorer(name: str, where: str) -> str:
    """Return ``name`` if a scorer has it. Raises ``SuiteError`` at ``where`` if none has."""
    try:
        catalog.check("scorers", name)
    except UsageError as error:
        raise SuiteError(error.message, where=where, hint=error.hint) from error
    return name


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What ``stressbench list prompts`` and the documentation show about a class."""

    name: str
    summary: str
    doc: str
    params: tuple[Param, ...]
    arms: tuple[Arm, ...]
    scorer: str
    sized: bool
    deep: bool
    max_tokens: int
    example: str
    expected: tuple[str, ...]


def describe(name: str) -> Description:
    """Describe a class with its parameters and a small example, made with the byte tokenizer."""
    from stressbench.tokens.byte_tokenizer import ByteTokenizer
    from stressbench.tokens.template import ChatTemplate

    plugin = load(name)
    traits = plugin.traits
    prompt_format = PromptFormat(ByteTokenizer(), ChatTemplate((), ()))
    spec = PromptSpec(use=name, items=1, arms=["stress"], params=dict(traits.tiny))
    if traits.needs_budget:
        smallest = _extent(spec, prompt_format, seed=0, items=1).smallest
        spec = msgspec.structs.replace(spec, budgets=[smallest + 160])
    case = None if traits.needs else next(expand(spec, seed=0, prompt_format=prompt_format))[0]
    doc = (plugin.__doc__ or "").strip()
    return Description(
        name=name,
        summary=catalog.summary("prompts", name),
        doc=doc,
        params=traits.params,
        arms=traits.arms,
        scorer=traits.scorer,
        sized=traits.sized,
        deep=traits.deep,
        max_tokens=traits.max_tokens,
        example=case.text if case else "",
        expected=case.expected if case else (),
    )


def load(name: str) -> PromptClass:
    """Load the prompt class of this name. Raises ``UsageError`` naming the nearest one."""
    return cast("PromptClass", catalog.load("prompts", name))


def _load(spec: PromptSpec) -> PromptClass:
    try:
        return load(spec.use)
    except UsageError as error:
        raise SuiteError(
            error.message, where=f"prompts.{spec.name}.use", hint=error.hint
        ) from error


def _check_shape(spec: PromptSpec, traits: Traits, where: str) -> None:
    known = [param.name for param in traits.params]
    for name in spec.params:
        if name not in known:
            raise SuiteError(
                f"unknown parameter {name!r}{catalog.nearest(name, known)}",
                where=f"{where}.params",
                hint=f"its parameters are: {', '.join(known) or 'none'}",
            )
    if spec.budgets and not traits.sized:
        raise SuiteError(
            "this class accepts no budgets: its parameters set the size", where=f"{where}.budgets"
        )
    if spec.depths and not traits.deep:
        raise SuiteError("this class accepts no depths", where=f"{where}.depths")
    for arm in spec.arms:
        if arm not in traits.arms:
            raise SuiteError(
                f"this class has no arm {arm!r}{catalog.nearest(arm, traits.arms)}",
                where=f"{where}.arms",
                hint=f"its arms are: {', '.join(traits.arms)}",
            )
    for field, values in (("budgets", spec.budgets), ("depths", spec.depths), ("arms", spec.arms)):
        if len(set(values)) != len(values):
            raise SuiteError("a value is listed twice", where=f"{where}.{field}")


def _check_window(
    spec: PromptSpec, prompt_tokens: int, answer_tokens: int, max_model_len: int | None
) -> None:
    if max_model_len is not None and prompt_tokens + answer_tokens > max_model_len:
        raise SuiteError(
            f"{prompt_tokens} prompt tokens and {answer_tokens} for the answer do not fit "
            f"into a window of {max_model_len}",
            where=f"prompts.{spec.name}.budgets" if spec.budgets else f"prompts.{spec.name}",
            hint=f"at most {max(max_model_len - answer_tokens, 0)} prompt tokens are possible; "
            "or raise engine.max_model_len",
        )


def _extent(spec: PromptSpec, prompt_format: PromptFormat, *, seed: int, items: int) -> Extent:
    plugin = _load(spec)
    # Depths and budgets only move passages and change the filler; the fixed text stays the same.
    some = msgspec.structs.replace(spec, items=items, budgets=[], depths=[])
    extents = [
        extent(plugin, condition)
        for condition in conditions_of(some, plugin.traits, seed=seed, prompt_format=prompt_format)
    ]
    return Extent(
        smallest=max(one.smallest for one in extents),
        overhang=max(one.overhang for one in extents),
        answer=max(one.answer for one in extents),
    )


def _prompt_tokens(case: Case, prompt_format: PromptFormat) -> int:
    if case.messages:
        with suppress(SuiteError):  # ``truths`` finds it too, and names the row
            return len(of_turns(case.messages, prompt_format).ids)
    return len(case.content_ids) + prompt_format.template_tokens


def _longest(
    spec: PromptSpec,
    traits: Traits,
    cases: Iterable[tuple[Case, ...]],
    prompt_format: PromptFormat,
) -> tuple[int, int]:
    """Return the prompt and answer tokens of the longest of the first items."""
    depths = len(spec.depths) if traits.deep and spec.depths else 1
    number = min(spec.items, _BUILT_ITEMS) * len(points_of(spec, traits)) * depths
    sizes = [
        (_prompt_tokens(case, prompt_format), case.max_tokens)
        for arms in islice(cases, number)
        for case in arms
    ]
    return max(sizes, key=sum)
