"""From the drafts of a cell to its cases: exact lengths, spans, hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final

from stressbench.errors import SuiteError
from stressbench.prompts._draft import Cell, Draft, Forge, PromptClass
from stressbench.schema.case import Case, Segment, Span
from stressbench.schema.suite import Arm, Value
from stressbench.tokens.budget import Joined, fit
from stressbench.tokens.tape import Encoded, Filling, Unreachable

WITHOUT_CONTEXT: Final[frozenset[Arm]] = frozenset({"no_context", "oracle_context"})
"""Arms that have no filler, whatever the budget."""


@dataclass(frozen=True)
class _Content:
    """A draft with so much filler: the user message and where its parts lie."""

    joined: Joined
    roles: tuple[str, ...]
    parts: tuple[Encoded, ...]
    close_chars: int
    filling: Filling | None
    cuts: tuple[int, ...]

    @property
    def content_tokens(self) -> int:
        """Tokens of the user message."""
        return len(self.joined.ids)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """Where the parts with a role lie, in characters."""
        ends = list(accumulate([len(part.text) for part in self.parts], initial=0))
        segments: list[Segment] = []
        for index in self._marked:
            text = self.parts[index].text
            # The space that joins a piece to the text before it is not part of it.
            lead = self.close_chars if self.roles[index] == "question" else 0
            lead += len(text[lead:]) - len(text[lead:].lstrip())
            segments.append(
                Segment(role=self.roles[index], start=ends[index] + lead, end=ends[index + 1])
            )
        return tuple(segments)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The same in tokens of the content, where seams were safe."""
        starts = self.joined.starts
        if starts is None:
            return ()
        return tuple(
            Span(role=self.roles[index], start=starts[index], end=starts[index + 1])
            for index in self._marked
            if self.roles[index] != "question"
        )

    @cached_property
    def _marked(self) -> list[int]:
        return [index for index, role in enumerate(self.roles) if role]


def assemble_cell(plugin: PromptClass, cell: Cell) -> tuple[Case, ...]:
    """The cases of one cell, in the order of ``cell.arms``.

    The stress arm has the budget's length. ``isocontent`` has the same filler sentences
    around its pieces and whatever length that gives; ``isotoken`` is filled to exactly
    the stress arm's length. Raises ``SuiteError`` where a length cannot be had.
    """
    drafts = plugin.drafts(cell)
    bench = _Bench(drafts, cell)
    return tuple(
        _case(plugin, cell, arm, drafts[arm], bench.content(arm))
        for arm in cell.arms
        if cell.first or arm not in WITHOUT_CONTEXT
    )


def smallest_budget(plugin: PromptClass, cell: Cell) -> int:
    """The least prompt length from which on all filled arms of a cell can have every length."""
    drafts = plugin.drafts(cell)
    return cell.room.template_tokens + max(
        _smallest(drafts[arm], cell) for arm in ("stress", "isotoken") if arm in cell.arms
    )


def _smallest(draft: Draft, cell: Cell) -> int:
    fixed = build(draft, 0, cell=cell).content_tokens
    return fixed + (cell.room.tape(draft.filler).smallest if draft.filler else 0)


class _Bench:
    """The arms of one cell, each made once."""

    def __init__(self, drafts: Mapping[Arm, Draft], cell: Cell) -> None:
        self._drafts = drafts
        self._cell = cell
        self._room = cell.room
        self._made: dict[Arm, _Content] = {}

    def content(self, arm: Arm) -> _Content:
        """The finished content of an arm."""
        made = self._made.get(arm)
        if made is None:
            made = self._made[arm] = self._make(arm)
        return made

    def _make(self, arm: Arm) -> _Content:
        draft, budget = self._drafts[arm], self._cell.budget
        if draft.context_tokens is not None:
            tail = self._room.piece(draft.close + draft.question)
            return self._fit(draft, draft.context_tokens + len(tail.ids))
        if arm == "stress" and budget is not None:
            return self._fit(draft, budget - self._room.template_tokens)
        if arm == "isocontent":
            stress = self.content("stress")
            if stress.filling is not None:
                return render(draft, stress.filling, stress.cuts, cell=self._cell)
        if arm == "isotoken":
            return self._fit(draft, self.content("stress").content_tokens)
        return build(draft, 0, cell=self._cell)

    def _fit(self, draft: Draft, tokens: int) -> _Content:
        try:
            return fit(
                lambda filler, attempt: build(draft, filler, cell=self._cell, attempt=attempt),
                tokens=tokens,
            )
        except Unreachable as error:
            smallest = error.smallest
            raise SuiteError(
                f"item {self._cell.item} cannot be made {tokens + self._room.template_tokens} "
                f"tokens long with tokenizer {self._room.tokenizer.name}",
                where=f"prompts.{self._cell.spec.name}",
                hint="its phrases cannot be joined to exact lengths"
                if smallest is None
                else f"the smallest possible is {smallest + self._room.template_tokens}",
            ) from None


def build(draft: Draft, filler_tokens: int, *, cell: Cell, attempt: int = 0) -> _Content:
    """A draft with filler of so many tokens; raises ``Unreachable``."""
    if draft.filler is None or filler_tokens == 0:
        return render(draft, None, (), cell=cell)
    tape = cell.room.tape(draft.filler)
    # Not seeded by depth or arm: the haystack stays, the needle moves through it.
    if draft.haystack is None:
        rng = cell.rng("filler", cell.budget or 0, attempt)
    else:
        rng = cell.shared_rng("filler", draft.haystack, attempt)
    filling = tape.plan(filler_tokens, rng)
    cuts = tape.cuts(filling, [piece.depth for piece in draft.pieces])
    return render(draft, filling, tuple(cuts), cell=cell)


def render(draft: Draft, filling: Filling | None, cuts: tuple[int, ...], *, cell: Cell) -> _Content:
    """A draft around these phrases; ``cuts`` says after how many phrases each piece stands."""
    room = cell.room
    groups: list[list[Encoded]] = [[] for _ in range(len(draft.pieces) + 1)]
    if filling is not None and draft.filler is not None:
        order = sorted(cuts)
        assert list(cuts) == order, "pieces are drafted in the order of their depths"
        groups = room.tape(draft.filler).render(filling, cuts)
    roles: list[str] = []
    parts: list[Encoded] = []
    for index, group in enumerate(groups):
        parts.extend(group)
        roles.extend([""] * len(group))
        if index < len(draft.pieces):
            text = draft.pieces[index].text
            parts.append(draft.encode(room, text) if draft.encode else room.piece(text))
            roles.append(draft.pieces[index].role)
    if draft.scramble is not None:
        units = [(role, part.text) for role, part in zip(roles, parts, strict=True)]
        units = draft.scramble(units, cell.rng("scramble"))
        roles = [role for role, _ in units]
        parts = room.memoized([text for _, text in units])
    if draft.head:
        roles.insert(0, "")
        parts.insert(0, room.first(draft.head))
    tail = draft.close + draft.question
    roles.append("question")
    parts.append(room.piece(tail) if parts else room.first(tail))
    joined = room.join(parts, words=draft.scramble is not None)
    if draft.forge is not None and joined.starts is not None:
        joined = _forged(draft.forge, joined, cell=cell)
        roles = [""] * len(roles)
    return _Content(joined, tuple(roles), tuple(parts), len(draft.close), filling, cuts)


def _forged(forge: Forge, joined: Joined, *, cell: Cell) -> Joined:
    """New ids for the context; head and question keep theirs."""
    assert joined.starts is not None
    start, end = joined.starts[1], joined.starts[-2]
    ids = joined.ids
    forged = [*ids[:start], *forge(ids[start:end], cell.rng("forge")), *ids[end:]]
    return Joined(cell.room.tokenizer.decode(forged), forged, None)


def _case(plugin: PromptClass, cell: Cell, arm: Arm, draft: Draft, content: _Content) -> Case:
    traits, spec = plugin.traits, cell.spec
    depends = arm not in WITHOUT_CONTEXT
    has_twin = "isocontent" in cell.arms and arm in ("stress", "isotoken")
    params: dict[str, Value] = {
        "budget": cell.budget if depends else None,
        "depth": cell.depth if depends else None,
        "content_tokens": content.content_tokens,
        **cell.params.values,
        **draft.params,
    }
    forced = draft.forge is not None or draft.encode is not None
    return Case(
        case_id=_case_id(cell, arm),
        item_id=f"{spec.name}/i{cell.item}",
        cluster_id=f"{spec.name}/i{cell.item}",
        twin_of=_case_id(cell, "isocontent") if has_twin else None,
        prompt_class=spec.use,
        label=spec.name,
        params=params,
        arm=arm,
        seed=cell.seed,
        text=content.joined.text,
        content_ids=tuple(content.joined.ids),
        forced_ids=forced,
        segments=content.segments,
        content_spans=content.spans,
        expected=draft.expected,
        scorer=draft.scorer or traits.scorer,
        scorer_params=draft.scorer_params,
        values=draft.values,
        max_tokens=spec.max_tokens or draft.max_tokens or traits.max_tokens,
        content_sha256=_sha256(content.joined, forced=forced),
    )


def _sha256(joined: Joined, *, forced: bool) -> str:
    digest = hashlib.sha256(joined.text.encode("utf-8", "surrogatepass"))
    if forced:
        digest.update(json.dumps(joined.ids).encode())
    return digest.hexdigest()


def _case_id(cell: Cell, arm: Arm) -> str:
    parts = [cell.spec.name, arm, *cell.swept]
    if arm not in WITHOUT_CONTEXT:
        parts += [] if cell.budget is None else [f"b{cell.budget}"]
        parts += [] if cell.depth is None else [f"d{cell.depth:g}"]
    return "/".join([*parts, f"i{cell.item}"])
