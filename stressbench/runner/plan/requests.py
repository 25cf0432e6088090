"""The plan: which requests one model of a suite is sent, in which order. Pure and lazy."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec.structs import replace

from stressbench.errors import SuiteError
from stressbench.prompts.base import count, expand
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.probing import telemetry_items
from stressbench.schema.axes import split_role
from stressbench.schema.case import Case, Pass, Request, Segment, Span
from stressbench.schema.suite.load import Cache, Level, levels
from stressbench.schema.suite.suite import SuiteSpec

_SEAM: Final = 3
"""A text has at most so many tokens more or less within another than by itself."""
LEVEL: Final = "load_level"
"""Parameter that holds a case's level of a load sweep."""

Key: TypeAlias = tuple[str, str, Pass, int]
"""What identifies a request within a run: role and variant, case id, pass, repeat."""


def key_of(request: Request) -> Key:
    """The key of a request."""
    return (request.role_name, request.case.case_id, request.pass_, request.repeat)


def limited(suite: SuiteSpec, limit: int | None) -> SuiteSpec:
    """The suite with at most ``limit`` base items per prompt entry.

    Whole items are left out, never parts of one: twins and pairs stay complete.
    """
    if limit is None:
        return suite
    return replace(suite, prompts=[replace(p, items=min(p.items, limit)) for p in suite.prompts])


def planned(suite: SuiteSpec, passes: Sequence[Pass] = ("quality",)) -> int:
    """How many requests one role of the suite gets in ``passes``, without building any."""
    return sum(
        _repeats(suite, pass_)
        * len(levels_of(suite, pass_))
        * sum(count(prompt, _first_items(suite, pass_)) for prompt in suite.prompts)
        for pass_ in passes
    )


def levels_of(suite: SuiteSpec, pass_: Pass) -> tuple[Level, ...]:
    """The loads that a pass runs through; what probes see does not change with the load."""
    found = levels(suite.load)
    return found if pass_ == "quality" else found[:1]


def plan(
    suite: SuiteSpec, role: str, prompt_formats: Mapping[str, PromptFormat], pass_: Pass = "quality"
) -> Iterator[Request]:
    """Yield the requests of ``role`` in a pass, one level of load after the other."""
    for level in levels_of(suite, pass_):
        yield from plan_level(suite, role, prompt_formats, pass_, level)


def plan_level(
    suite: SuiteSpec,
    role: str,
    prompt_formats: Mapping[str, PromptFormat],
    pass_: Pass,
    level: Level,
) -> Iterator[Request]:
    """Yield the requests of ``role`` at one level, one cell of the sweep after the other.

    ``prompt_formats`` holds the tokenizer and chat template of every role; the texts are built
    to the budget in tokens of ``suite.budget_role`` and are the same for all roles and
    levels.
    """
    budget_format, prompt_format = prompt_formats[suite.budget_role], prompt_formats[role]
    first = _first_items(suite, pass_)
    for prompt in suite.prompts:
        for cases in expand(prompt, seed=suite.seed, prompt_format=budget_format, first=first):
            for request in _requests(suite, role, cases, budget_format, prompt_format):
                yield from _sent(suite, _at_level(replace(request, pass_=pass_), level))


def _first_items(suite: SuiteSpec, pass_: Pass) -> int | None:
    """How many items of each entry a pass sends; None for all of them."""
    return telemetry_items(suite) if pass_ == "telemetry" else None


def _repeats(suite: SuiteSpec, pass_: Pass) -> int:
    """What probes see does not change by repeating, so the telemetry pass runs once."""
    return suite.repeats if pass_ == "quality" else 1


def _sent(suite: SuiteSpec, request: Request) -> Iterator[Request]:
    for repeat in range(_repeats(suite, request.pass_)):
        load = suite.load
        cache = load.cache if request.pass_ == "quality" else load.telemetry_cache
        salt = _salt(cache, request, repeat)
        yield replace(
            request, repeat=repeat, cache_salt=f"{suite.name}/{suite.seed}/{request.pass_}/{salt}"
        )


def _salt(cache: Cache, request: Request, repeat: int) -> str:
    """What a request shares with those whose prefixes it may find in the engine's cache.

    The tokens are the same whatever the salt. No two levels of a sweep share one: the
    second would run on what the first has computed.
    """
    case = request.case
    if cache == "cold":
        return f"{case.case_id}/{repeat}"
    if cache == "warm":
        return case.case_id
    level = case.params.get(LEVEL, "")
    return f"{level}/{case.label}/{case.params.get('group', '')}"


def _at_level(request: Request, level: Level) -> Request:
    """The request as a case of this level: levels are swept like budgets and depths."""
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


def _placed(case_id: str, level: Level) -> str:
    """``label/arm/level/rest``; labels and arms have no slash."""
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
    encoded = {case.case_id: _content_ids(case, prompt_format, same=same) for case in cases}
    for case in cases:
        ids = encoded[case.case_id]
        own = ids if case.arm == "isocontent" else None
        twin = encoded.get(case.twin_of) if case.twin_of else own
        prompt_ids = (*prompt_format.template.prefix_ids, *ids, *prompt_format.template.suffix_ids)
        yield Request(
            role=split_role(role)[0],
            variant=split_role(role)[1],
            case=case,
            prompt_token_ids=prompt_ids,
            prompt_sha256=ids_sha256(prompt_ids),
            spans=_spans(case, ids, prompt_format, same=same),
            template_tokens=prompt_format.template_tokens,
            control_tokens=len(twin) + prompt_format.template_tokens if twin is not None else None,
            retok_drift=len(prompt_format.tokenizer.encode(prompt_format.tokenizer.decode(ids)))
            - len(ids),
            cache_salt="",
            seed=suite.seed,
        )


def ids_sha256(ids: Sequence[int]) -> str:
    """SHA-256 of token ids as little-endian unsigned 32-bit integers."""
    return hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()


def _content_ids(case: Case, prompt_format: PromptFormat, *, same: bool) -> Sequence[int]:
    if same:
        return case.content_ids
    if case.forced_ids:
        raise SuiteError(
            f"{case.prompt_class!r} is made of token ids of one tokenizer, and this suite's"
            f" models have several",
            hint="run it in a suite whose models share a tokenizer",
        )
    return prompt_format.tokenizer.encode(case.text)


def _spans(
    case: Case, ids: Sequence[int], prompt_format: PromptFormat, *, same: bool
) -> tuple[Span, ...]:
    """Token spans of the segments in the final prompt: known by construction, or looked up.

    Every segment has one, whatever the tokenizer; those of a prompt that was built with
    this tokenizer are known but for where the question begins within the last piece.
    """
    offset = len(prompt_format.template.prefix_ids)
    segments, known = case.segments, case.content_spans if same else ()
    if known and [span.part for span in known] == [each.part for each in segments[: len(known)]]:
        segments = segments[len(known) :]
    else:
        known = ()
    built = (_without_blanks(span, ids, prompt_format) for span in known)
    spans = (*built, *_looked_up(case, segments, ids, prompt_format))
    return tuple(
        Span(part=span.part, start=span.start + offset, end=span.end + offset) for span in spans
    )


def _without_blanks(span: Span, ids: Sequence[int], prompt_format: PromptFormat) -> Span:
    """The span from its first token that is more than the blank before the segment."""
    start = span.start
    while start < span.end - 1 and prompt_format.tokenizer.decode(ids[start : start + 1]).isspace():
        start += 1
    return Span(part=span.part, start=start, end=span.end)


def _looked_up(
    case: Case, segments: Sequence[Segment], ids: Sequence[int], prompt_format: PromptFormat
) -> Iterator[Span]:
    for segment in segments:
        if segment.end == len(case.text):
            start = len(ids) - _tokens_from(case.text, segment.start, ids, prompt_format)
            yield Span(part=segment.part, start=start, end=len(ids))
            continue
        start = _tokens_before(case.text, segment.start, ids, prompt_format)
        end = _tokens_before(case.text, segment.end, ids, prompt_format)
        # A token that crosses the end belongs to the segment too.
        crossing = len(prompt_format.tokenizer.encode(case.text[: segment.end])) > end
        yield Span(part=segment.part, start=start, end=end + crossing)


def _tokens_from(text: str, position: int, ids: Sequence[int], prompt_format: PromptFormat) -> int:
    """How many of the last ``ids`` hold the text from ``position`` on, the least number.

    Only that text is encoded: how many tokens it takes within the whole is about as many.
    """
    tail = text[position:]
    about = len(prompt_format.tokenizer.encode(tail))
    least = max(about - _SEAM, 0)
    for size in range(least, min(about + _SEAM, len(ids)) + 1):
        if prompt_format.tokenizer.decode(ids[len(ids) - size :]).endswith(tail):
            if size > least or size == 0:
                return size
            break  # fewer may do
    return len(ids) - _tokens_before(text, position, ids, prompt_format)


def _tokens_before(
    text: str, position: int, ids: Sequence[int], prompt_format: PromptFormat
) -> int:
    """How many of ``ids`` lie wholly before ``position``.

    The encoding of the text up to there agrees with ``ids`` up to the last token that
    does not depend on what follows.
    """
    head = prompt_format.tokenizer.encode(text[:position])
    pairs = zip(head, ids, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(head), len(ids)))
