"""The plan: which requests each role of a suite is sent, and in which order. Pure and lazy."""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec.structs import replace

from stressbench.prompts.base import count, load
from stressbench.prompts.build.assemble import assemble_condition
from stressbench.prompts.build.conditions import Condition, conditions_of
from stressbench.prompts.build.layout import of_message, of_turns
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.blocks import ItemBlock
from stressbench.runner.plan.probes import telemetry_items
from stressbench.runner.plan.spans import content_ids, spans
from stressbench.schema.axes import split_role
from stressbench.schema.case import Case, Pass, PlannedCase, Request
from stressbench.schema.key_values import text_of
from stressbench.schema.message import characters
from stressbench.schema.suite.load import CLOSED_CONCURRENCY, Cache, LoadLevel, LoadSpec, levels
from stressbench.schema.suite.suite import SuiteSpec

_KEPT_CASES: Final = 2048
_KEPT_TOKENS: Final = 1_500_000
"""Content tokens. Both limits leave room for the cases that checking a suite builds and for those
that a prediction of the KV cache needs. 500 cases with 1.5 million tokens take 21 MB."""
_CHARS_PER_TOKEN: Final = 4
LEVEL: Final = "load_level"
"""The parameter that holds a case's level in a load sweep."""

Key: TypeAlias = tuple[str, str, Pass, int]
"""Identifies a request within a run: role with variant, case id, pass, repeat."""


def key_of(request: Request) -> Key:
    """The key of a request."""
    return (request.role_name, request.case.case_id, request.pass_, request.repeat)


def limited(suite: SuiteSpec, limit: int | None) -> SuiteSpec:
    """The suite with at most ``limit`` base items per prompt entry.

    It leaves out whole items, so twins and pairs stay complete.
    """
    if limit is None:
        return suite
    return replace(suite, prompts=[replace(p, items=min(p.items, limit)) for p in suite.prompts])


def planned(
    suite: SuiteSpec, passes: Sequence[Pass] = ("quality",), block: ItemBlock | None = None
) -> int:
    """How many requests each role of a suite, or of one block, is sent. No prompt is built."""
    cases = count if block is None else block.cases
    return sum(
        _repeats(suite, pass_)
        * len(levels_of(suite, pass_))
        * sum(cases(prompt, _first_items(suite, pass_)) for prompt in suite.prompts)
        for pass_ in passes
    )


def planned_cases(suite: SuiteSpec, prompt_format: PromptFormat) -> Iterator[PlannedCase]:
    """Every case that one model is sent, with nothing but its keys. No prompt is built."""
    swept = [level for level in levels_of(suite, "quality") if level.factor is not None]
    names = [{LEVEL: level.name} for level in swept] or [{}]
    for spec in suite.prompts:
        traits = load(spec.use).traits
        for condition in conditions_of(spec, traits, seed=suite.seed, prompt_format=prompt_format):
            item = f"{spec.name}/i{condition.item}"
            for arm, name in itertools.product(condition.sent_arms, names):
                keys = {"prompt_class": spec.use, "label": spec.name, "arm": arm}
                yield PlannedCase(_keys(condition) | keys | name, item)


def _keys(condition: Condition) -> dict[str, str]:
    sizes = {"budget": condition.budget, "depth": condition.depth}
    return {name: text_of(value) for name, value in {**condition.params.values, **sizes}.items()}


def levels_of(suite: SuiteSpec, pass_: Pass) -> tuple[LoadLevel, ...]:
    """The loads that a pass goes through.

    The telemetry pass has one: probes see the same under every load. It is a closed loop,
    because nothing in this pass is timed.
    """
    found, seats = levels(suite.load), suite.load.seats
    if pass_ == "quality":
        return found
    if suite.load.arrival != "closed":
        seats = min(seats, CLOSED_CONCURRENCY)
    return (LoadLevel(found[0].number, LoadSpec(concurrency=seats)),)


class Cases:
    """Every case of a suite, built to the budget tokenizer; one tuple per condition.

    Checking a suite, predicting its KV cache and sending its requests all need the first cases.
    Those are built once and kept, up to a limit. All others are built again each time they are
    needed, so memory does not grow with the suite.
    """

    def __init__(self, suite: SuiteSpec, prompt_format: PromptFormat) -> None:
        self._suite = suite
        self._format = prompt_format
        self._kept: dict[tuple[int, int], tuple[Case, ...]] = {}
        """By prompt entry, and the condition's place in it."""
        self._cases = 0
        self._tokens = 0

    def __iter__(self) -> Iterator[tuple[Case, ...]]:
        """Yield all cases, one prompt entry after another."""
        return self.of_items(None)

    def of_items(
        self, first: int | None, block: ItemBlock | None = None
    ) -> Iterator[tuple[Case, ...]]:
        """Yield the cases of the ``first`` items of each entry, or of those in a block.

        Without ``first`` all items count.
        """
        for entry in range(len(self._suite.prompts)):
            yield from self.of(entry, first, block)

    def of(
        self, entry: int, first: int | None = None, block: ItemBlock | None = None
    ) -> Iterator[tuple[Case, ...]]:
        """Yield the cases of one prompt entry, of its ``first`` items, or of those in a block."""
        prompt, seed = self._suite.prompts[entry], self._suite.seed
        plugin = load(prompt.use)
        conditions = conditions_of(
            prompt, plugin.traits, seed=seed, prompt_format=self._format, first=first
        )
        for place, condition in enumerate(conditions):
            if block is not None and condition.item_id not in block.items:
                continue
            cases = self._kept.get((entry, place))
            if cases is None:
                cases = assemble_condition(plugin, condition)
                self._keep((entry, place), cases)
            yield cases

    def _keep(self, key: tuple[int, int], cases: tuple[Case, ...]) -> None:
        number, tokens = len(cases), sum(map(_tokens, cases))
        if self._cases + number <= _KEPT_CASES and self._tokens + tokens <= _KEPT_TOKENS:
            self._kept[key] = cases
            self._cases += number
            self._tokens += tokens


def _tokens(case: Case) -> int:
    """About what a case takes in memory, in tokens of all its turns."""
    return len(case.content_ids) + characters(case.messages) // _CHARS_PER_TOKEN


class Plan:
    """Every request of a suite, by role, pass and level.

    ``prompt_formats`` has the tokenizer and chat template of every role, and those of the
    budget tokenizer. Prompts are built to the budget in tokens of ``suite.budget_role``: all
    roles and levels get the same texts.
    """

    def __init__(self, suite: SuiteSpec, prompt_formats: Mapping[str, PromptFormat]) -> None:
        self.suite = suite
        self.budget_format = prompt_formats[suite.budget_role]
        self.cases = Cases(suite, self.budget_format)
        self._formats = prompt_formats

    def of(self, role: str, pass_: Pass = "quality") -> Iterator[Request]:
        """Yield the requests of ``role`` in a pass, one level of load after another."""
        for level in levels_of(self.suite, pass_):
            yield from self.level(role, pass_, level)

    def level(
        self, role: str, pass_: Pass, level: LoadLevel, block: ItemBlock | None = None
    ) -> Iterator[Request]:
        """Yield the requests of ``role`` at one level, or of one block of them.

        Each repeat goes through all conditions before the next one begins, so that the repeats
        of a case are spread over the run, as the machine's drift is.
        """
        formats = self.budget_format, self._formats[role]
        number = None if block is None else block.number
        for repeat in range(_repeats(self.suite, pass_)):
            for cases in self.cases.of_items(_first_items(self.suite, pass_), block):
                for request in _requests(self.suite, role, cases, *formats):
                    asked = replace(request, pass_=pass_, repeat=repeat, block=number)
                    yield _salted(self.suite, _at_level(asked, level))


def _first_items(suite: SuiteSpec, pass_: Pass) -> int | None:
    """How many items of each entry a pass sends; None for all of them."""
    return telemetry_items(suite) if pass_ == "telemetry" else None


def _repeats(suite: SuiteSpec, pass_: Pass) -> int:
    """Probes see the same in every repeat, so the telemetry pass sends each request once."""
    return suite.repeats if pass_ == "quality" else 1


def _salted(suite: SuiteSpec, request: Request) -> Request:
    load = suite.load
    cache = load.cache if request.pass_ == "quality" else load.telemetry_cache
    salt = _salt(cache, request)
    return replace(request, cache_salt=f"{suite.name}/{suite.seed}/{request.pass_}/{salt}")


def _salt(cache: Cache, request: Request) -> str:
    """A value that is equal for requests which may reuse each other's cached prefixes.

    The salt does not change the tokens. No two levels of a sweep share one, because the
    second level would reuse what the first has computed.
    """
    case = request.case
    if cache == "cold":
        return f"{case.case_id}/{request.repeat}"
    if cache == "warm":
        return case.case_id
    level = case.params.get(LEVEL, "")
    return f"{level}/{case.label}/{case.params.get('group', '')}"


def _at_level(request: Request, level: LoadLevel) -> Request:
    """The request as a case of this level; levels are swept like budgets and depths."""
    if level.factor is None:
        return request
    case = request.case
    placed = replace(
        case,
        case_id=_placed(case.case_id, level),
        twin_of=_placed(case.twin_of, level) if case.twin_of else None,
        params={**case.params, LEVEL: level.name},
    )
    return replace(request, case=placed)


def _placed(case_id: str, level: LoadLevel) -> str:
    """The case id as ``label/arm/level/rest``; labels and arms have no slash."""
    label, arm, rest = case_id.split("/", 2)
    return f"{label}/{arm}/{level.name}/{rest}"


def _requests(
    suite: SuiteSpec,
    role: str,
    cases: Sequence[Case],
    budget_format: PromptFormat,
    prompt_format: PromptFormat,
) -> Iterator[Request]:
    same = prompt_format.tokenizer.sha256 == budget_format.tokenizer.sha256
    encoded = {case.case_id: content_ids(case, prompt_format, same=same) for case in cases}
    for case in cases:
        ids = encoded[case.case_id]
        own = ids if case.arm == "isocontent" else None
        twin = encoded.get(case.twin_of) if case.twin_of else own
        laid = (
            of_turns(case.messages, prompt_format)
            if case.messages
            else of_message(ids, prompt_format)
        )
        yield Request(
            role=split_role(role)[0],
            variant=split_role(role)[1],
            case=case,
            prompt_token_ids=laid.ids,
            prompt_sha256=ids_sha256(laid.ids),
            spans=spans(case, laid, prompt_format, same=same),
            template_tokens=laid.template_tokens,
            control_tokens=len(twin) + prompt_format.template_tokens if twin is not None else None,
            retok_drift=laid.retok_drift,
            cache_salt="",
            seed=suite.seed,
        )


def ids_sha256(ids: Sequence[int]) -> str:
    """SHA-256 of token ids as little-endian unsigned 32-bit integers."""
    return hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()
