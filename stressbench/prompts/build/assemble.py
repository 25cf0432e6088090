"""From the drafts of a cell to its cases: exact lengths, spans, hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from stressbench.errors import SuiteError
from stressbench.prompts.build.filler import Encoded, Filling, Unreachable
from stressbench.prompts.build.outline import Cell, Draft, PromptClass
from stressbench.prompts.build.prompt_format import Joined, fit
from stressbench.prompts.build.shuffle import Mark, shuffled, shuffled_ids
from stressbench.schema.case import Case, Segment, Span
from stressbench.schema.suite.suite import Arm, Value

_TEXT: Final = attrgetter("text")
_FILLED: Final[tuple[Arm, ...]] = ("stress", "isotoken")
WITHOUT_CONTEXT: Final[frozenset[Arm]] = frozenset({"no_context", "oracle_context"})
"""Arms that have no filler, whatever the budget."""


@dataclass(frozen=True)
class _Content:
    """A draft with so much filler: the user message and where its parts lie."""

    joined: Joined
    parts: Sequence[Encoded]
    marks: Sequence[Mark]
    """In ascending order; none where the text is only there for the eye."""
    close_chars: int
    filling: Filling | None
    cuts: tuple[int, ...]

    @property
    def content_tokens(self) -> int:
        """Tokens of the user message."""
        return len(self.joined.ids)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Where the parts with a role lie, in characters."""
        segments: list[Segment] = []
        start, done = 0, 0
        for index, role in self.marks:
            start += sum(map(len, map(_TEXT, self.parts[done:index])))
            done = index
            text = self.parts[index].text
            # The space that joins a piece to the text before it is not part of it.
            lead = self.close_chars if role == "question" else 0
            lead += len(text[lead:]) - len(text[lead:].lstrip())
            segments.append(Segment(role=role, start=start + lead, end=start + len(text)))
        return tuple(segments)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The same in tokens of the content, where seams were safe."""
        starts = self.joined.starts
        if starts is None:
            return ()
        return tuple(
            Span(role=role, start=starts[index], end=starts[index + 1])
            for index, role in self.marks
            if role != "question"
        )


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


@dataclass(frozen=True, slots=True)
class Extent:
    """What a cell needs, found from its drafts without filler."""

    smallest: int
    """The least prompt length from which on all filled arms can have every length."""
    overhang: int
    """Tokens by which the twin may be longer than the budget."""
    answer: int
    """Output limit, in tokens."""


def extent(plugin: PromptClass, cell: Cell) -> Extent:
    """How small a cell's budget may be, and how much room its longest arm takes."""
    drafts = plugin.drafts(cell)
    fixed = {arm: build(draft, 0, cell=cell).content_tokens for arm, draft in drafts.items()}
    filled = [(arm, drafts[arm].filler) for arm in _FILLED if arm in drafts]
    smallest = max(
        fixed[arm] + (cell.room.tape(filler).smallest if filler else 0) for arm, filler in filled
    )
    traits = plugin.traits
    return Extent(
        smallest=smallest + cell.room.template_tokens,
        overhang=max(0, fixed.get("isocontent", 0) - fixed["stress"]),
        answer=cell.spec.max_tokens
        or max(draft.max_tokens or traits.max_tokens for draft in drafts.values()),
    )


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
    parts: list[Encoded] = []
    marks: list[Mark] = []
    for index, group in enumerate(groups):
        parts.extend(group)
        if index < len(draft.pieces):
            piece = draft.pieces[index]
            if piece.role:
                marks.append((len(parts), piece.role))
            text = piece.text
            parts.append(draft.encode(room, text) if draft.encode else room.piece(text))
    shuffle = draft.shuffle
    if shuffle is not None and shuffle.unit != "ids":
        parts, marks = shuffled(parts, marks, shuffle, cell.rng("shuffle"), room)
    if draft.head:
        parts.insert(0, room.first(draft.head))
        marks = [(index + 1, role) for index, role in marks]
    tail = draft.close + draft.question
    marks.append((len(parts), "question"))
    parts.append(room.piece(tail) if parts else room.first(tail))
    joined = room.join(parts, words=shuffle is not None and shuffle.unit == "words")
    if shuffle is not None and shuffle.unit == "ids":
        edges = len(parts[0].ids), len(parts[-1].ids)
        joined = shuffled_ids(joined, edges, shuffle, cell.rng("shuffle"), room)
        marks = []
    return _Content(joined, parts, marks, len(draft.close), filling, cuts)


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
    forced = draft.encode is not None or (draft.shuffle is not None and draft.shuffle.unit == "ids")
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
        ignore_eos=spec.ignore_eos,
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
