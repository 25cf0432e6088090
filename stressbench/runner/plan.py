"""The plan: which requests one model of a suite is sent, in which order. Pure and lazy."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from stressbench.errors import SuiteError
from stressbench.prompts.base import count, expand
from stressbench.schema.case import Case, Pass, Request, Span
from stressbench.schema.suite import SuiteSpec
from stressbench.tokens.budget import Room

Key: TypeAlias = tuple[str, str, Pass, int]
"""What identifies a request within a run: role, case id, pass, repeat."""


def key_of(request: Request) -> Key:
    """The key of a request."""
    return (request.role, request.case.case_id, request.pass_, request.repeat)


def limited(suite: SuiteSpec, limit: int | None) -> SuiteSpec:
    """The suite with at most ``limit`` base items per prompt entry.

    Whole items are left out, never parts of one: twins and pairs stay complete.
    """
    if limit is None:
        return suite
    return replace(suite, prompts=[replace(p, items=min(p.items, limit)) for p in suite.prompts])


def planned(suite: SuiteSpec, passes: Sequence[Pass] = ("quality",)) -> int:
    """How many requests one role of the suite gets in ``passes``, without building any."""
    sent = sum(_repeats(suite, pass_) for pass_ in passes)
    return sent * sum(count(prompt) for prompt in suite.prompts)


def plan(
    suite: SuiteSpec, role: str, rooms: Mapping[str, Room], pass_: Pass = "quality"
) -> Iterator[Request]:
    """Yield the requests of ``role`` in a pass, one cell of the sweep after the other.

    ``rooms`` holds the tokenizer and chat template of every role; the texts are built
    to the budget in tokens of ``suite.budget_role`` and are the same for all roles.
    """
    budget_room, room = rooms[suite.budget_role], rooms[role]
    for prompt in suite.prompts:
        for cases in expand(prompt, seed=suite.seed, room=budget_room):
            for request in _requests(suite, role, cases, budget_room, room):
                yield from _sent(suite, replace(request, pass_=pass_))


def _repeats(suite: SuiteSpec, pass_: Pass) -> int:
    """What probes see does not change by repeating, so the telemetry pass runs once."""
    return suite.repeats if pass_ == "quality" else 1


def _sent(suite: SuiteSpec, request: Request) -> Iterator[Request]:
    for repeat in range(_repeats(suite, request.pass_)):
        # A salt of its own for each request: no request finds another's prefix in
        # the cache unless the suite asks for it, and the tokens are unchanged.
        case_id = request.case.case_id
        salt = f"{suite.name}/{suite.seed}/{case_id}/{request.pass_}/{repeat}"
        yield replace(request, repeat=repeat, cache_salt=salt)


def _requests(
    suite: SuiteSpec, role: str, cases: Sequence[Case], budget_room: Room, room: Room
) -> Iterator[Request]:
    same = room.tokenizer.sha256 == budget_room.tokenizer.sha256
    encoded = {case.case_id: _content_ids(case, room, same=same) for case in cases}
    for case in cases:
        ids = encoded[case.case_id]
        twin = encoded.get(case.twin_of) if case.twin_of else ids
        prompt_ids = (*room.template.prefix_ids, *ids, *room.template.suffix_ids)
        yield Request(
            role=role,
            case=case,
            prompt_token_ids=prompt_ids,
            prompt_sha256=ids_sha256(prompt_ids),
            spans=_spans(case, ids, room, same=same),
            template_tokens=room.template_tokens,
            control_tokens=len(twin) + room.template_tokens if twin is not None else None,
            retok_drift=len(room.tokenizer.encode(room.tokenizer.decode(ids))) - len(ids),
            cache_salt="",
            seed=suite.seed,
        )


def ids_sha256(ids: Sequence[int]) -> str:
    """SHA-256 of token ids as little-endian unsigned 32-bit integers."""
    return hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()


def _content_ids(case: Case, room: Room, *, same: bool) -> Sequence[int]:
    if same:
        return case.content_ids
    if case.forced_ids:
        raise SuiteError(
            f"{case.prompt_class!r} is made of token ids of one tokenizer, and this suite's"
            f" models have several",
            hint="run it in a suite whose models share a tokenizer",
        )
    return room.tokenizer.encode(case.text)


def _spans(case: Case, ids: Sequence[int], room: Room, *, same: bool) -> tuple[Span, ...]:
    """Token spans of the segments in the final prompt: known by construction, or looked up."""
    offset = len(room.template.prefix_ids)
    spans = case.content_spans if same and case.content_spans else _looked_up(case, ids, room)
    return tuple(
        Span(role=span.role, start=span.start + offset, end=span.end + offset) for span in spans
    )


def _looked_up(case: Case, ids: Sequence[int], room: Room) -> Iterator[Span]:
    for segment in case.segments:
        start = _tokens_before(case.text, segment.start, ids, room)
        end = _tokens_before(case.text, segment.end, ids, room)
        # A token that crosses the end belongs to the segment too.
        crossing = len(room.tokenizer.encode(case.text[: segment.end])) > end
        yield Span(role=segment.role, start=start, end=end + crossing)


def _tokens_before(text: str, position: int, ids: Sequence[int], room: Room) -> int:
    """How many of ``ids`` lie wholly before ``position``.

    The encoding of the text up to there agrees with ``ids`` up to the last token that
    does not depend on what follows.
    """
    head = room.tokenizer.encode(text[:position])
    pairs = zip(head, ids, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(head), len(ids)))
