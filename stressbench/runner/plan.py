"""The plan: which requests one model of a suite is sent, in which order. Pure and lazy."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from stressbench.errors import SuiteError
from stressbench.prompts.base import count, expand
from stressbench.schema.case import Case, Request, Span
from stressbench.schema.suite import SuiteSpec
from stressbench.tokens.budget import Room

Key = tuple[str, str, int]
"""What identifies a request within a run: role, case id, repeat."""


def limited(suite: SuiteSpec, limit: int | None) -> SuiteSpec:
    """The suite with at most ``limit`` base items per prompt entry.

    Whole items are left out, never parts of one: twins and pairs stay complete.
    """
    if limit is None:
        return suite
    return replace(suite, prompts=[replace(p, items=min(p.items, limit)) for p in suite.prompts])


def planned(suite: SuiteSpec) -> int:
    """How many requests one role of the suite gets, without building any."""
    return suite.repeats * sum(count(prompt) for prompt in suite.prompts)


def plan(suite: SuiteSpec, role: str, rooms: Mapping[str, Room]) -> Iterator[Request]:
    """Yield the requests of ``role``, one cell of the sweep after the other.

    ``rooms`` holds the tokenizer and chat template of every role; the texts are built
    to the budget in tokens of ``suite.budget_role`` and are the same for all roles.
    """
    budget_room, room = rooms[suite.budget_role], rooms[role]
    for prompt in suite.prompts:
        for cases in expand(prompt, seed=suite.seed, room=budget_room):
            yield from _requests(suite, role, cases, budget_room, room)


def _requests(
    suite: SuiteSpec, role: str, cases: Sequence[Case], budget_room: Room, room: Room
) -> Iterator[Request]:
    same = room.tokenizer.sha256 == budget_room.tokenizer.sha256
    encoded = {case.case_id: _content_ids(case, room, same=same) for case in cases}
    for case in cases:
        ids = encoded[case.case_id]
        twin = encoded.get(case.twin_of) if case.twin_of else ids
        prompt_ids = (*room.template.prefix_ids, *ids, *room.template.suffix_ids)
        request = Request(
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
        for repeat in range(suite.repeats):
            # A salt of its own for each request: no request finds another's prefix in
            # the cache unless the suite asks for it, and the tokens are unchanged.
            salt = f"{suite.name}/{suite.seed}/{case.case_id}/{repeat}"
            yield replace(request, repeat=repeat, cache_salt=salt)


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
