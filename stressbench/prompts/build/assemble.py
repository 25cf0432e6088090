"""Makes the cases of one condition from its outlines: exact lengths, spans, hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from stressbench.errors import SuiteError
from stressbench.prompts.build.conditions import WITHOUT_CONTEXT, Condition
from stressbench.prompts.build.encoded import Encoded
from stressbench.prompts.build.filler import FillPlan, Unreachable
from stressbench.prompts.build.outline import PromptOutline
from stressbench.prompts.build.prompt_class import PromptClass
from stressbench.prompts.build.prompt_format import Joined, fit
from stressbench.prompts.build.shuffle import Mark, shuffled, shuffled_ids
from stressbench.schema.case import Case, Segment, Span
from stressbench.schema.message import messages_json
from stressbench.schema.suite.suite import Arm, Value

_TEXT: Final = attrgetter("text")
_FILLED: Final[tuple[Arm, ...]] = ("stress", "isotoken")


@dataclass(frozen=True)
class _Content:
    """A user message at its final length, and where its marked pieces are."""

    joined: Joined
    pieces: Sequence[Encoded]
    marks: Sequence[Mark]
    """In ascending order; none if the token ids were shuffled: their text is for display only."""
    close_chars: int
    plan: FillPlan | None
    cuts: tuple[int, ...]

    @property
    def content_tokens(self) -> int:
        """Number of tokens of the user message."""
        return len(self.joined.ids)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Where the marked pieces are, in characters."""
        segments: list[Segment] = []
        start, done = 0, 0
        for index, part in self.marks:
            start += sum(map(len, map(_TEXT, self.pieces[done:index])))
            done = index
            text = self.pieces[index].text
            # The space that joins a piece to the text before it is not part of the segment.
            lead = self.close_chars if part == "question" else 0
            lead += len(text[lead:]) - len(text[lead:].lstrip())
            segments.append(Segment(part=part, start=start + lead, end=start + len(text)))
        return tuple(segments)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The same in tokens of the content; none if a seam was not safe."""
        starts = self.joined.starts
        if starts is None:
            return ()
        return tuple(
            Span(part=part, start=starts[index], end=starts[index + 1])
            for index, part in self.marks
            if part != "question"
        )


def assemble_condition(plugin: PromptClass, condition: Condition) -> tuple[Case, ...]:
    """Make the cases of one condition, in the order of ``condition.arms``.

    The stress arm has the budget's length. ``isocontent`` has the same filler sentences
    around its passages, and the length that results; ``isotoken`` is filled to exactly the
    stress arm's length. Raises ``SuiteError`` if a length is not possible.
    """
    outlines = plugin.outlines(condition)
    contents = _ArmContents(outlines, condition)
    return tuple(
        _case(plugin, condition, arm, outlines[arm], contents.content(arm))
        for arm in condition.sent_arms
    )


@dataclass(frozen=True, slots=True)
class Extent:
    """How much room a condition needs, measured on its outlines without filler."""

    smallest: int
    """Smallest prompt length from which on every length is possible in all filled arms."""
    overhang: int
    """Tokens by which the isocontent twin may exceed the budget."""
    answer: int
    """Output limit, in tokens."""


def extent(plugin: PromptClass, condition: Condition) -> Extent:
    """Measure how small the condition's budget may be, and how much room its longest arm takes."""
    outlines = plugin.outlines(condition)
    fixed = {
        arm: build(outline, 0, condition=condition).content_tokens
        for arm, outline in outlines.items()
    }
    filled = [(arm, outlines[arm].filler) for arm in _FILLED if arm in outlines]
    smallest = max(
        fixed[arm] + (condition.prompt_format.filler(filler).smallest if filler else 0)
        for arm, filler in filled
    )
    traits = plugin.traits
    return Extent(
        smallest=smallest + condition.prompt_format.template_tokens,
        overhang=max(0, fixed.get("isocontent", 0) - fixed["stress"]),
        answer=condition.spec.max_tokens
        or max(outline.max_tokens or traits.max_tokens for outline in outlines.values()),
    )


class _ArmContents:
    """The contents of a condition's arms, each made once."""

    def __init__(self, outlines: Mapping[Arm, PromptOutline], condition: Condition) -> None:
        self._outlines = outlines
        self._condition = condition
        self._format = condition.prompt_format
        self._made: dict[Arm, _Content] = {}

    def content(self, arm: Arm) -> _Content:
        """Return the finished content of an arm."""
        made = self._made.get(arm)
        if made is None:
            made = self._made[arm] = self._make(arm)
        return made

    def _make(self, arm: Arm) -> _Content:
        outline, budget = self._outlines[arm], self._condition.budget
        if outline.context_tokens is not None:
            tail = self._format.piece(outline.close + outline.question)
            return self._fit(outline, outline.context_tokens + len(tail.ids))
        if arm == "stress" and budget is not None:
            return self._fit(outline, budget - self._format.template_tokens)
        if arm == "isocontent":
            stress = self.content("stress")
            if stress.plan is not None:
                return render(outline, stress.plan, stress.cuts, condition=self._condition)
        if arm == "isotoken":
            return self._fit(outline, self.content("stress").content_tokens)
        return build(outline, 0, condition=self._condition)

    def _fit(self, outline: PromptOutline, tokens: int) -> _Content:
        try:
            return fit(
                lambda filler, attempt: build(
                    outline, filler, condition=self._condition, attempt=attempt
                ),
                tokens=tokens,
            )
        except Unreachable as error:
            smallest = error.smallest
            raise SuiteError(
                f"item {self._condition.item} cannot be made "
                f"{tokens + self._format.template_tokens} tokens long "
                f"with tokenizer {self._format.tokenizer.name}",
                where=f"prompts.{self._condition.spec.name}",
                hint="with this tokenizer its phrases do not add up to exact lengths"
                if smallest is None
                else f"the smallest possible is {smallest + self._format.template_tokens}",
            ) from None


def build(
    outline: PromptOutline, filler_tokens: int, *, condition: Condition, attempt: int = 0
) -> _Content:
    """Build an outline's content with ``filler_tokens`` of filler. Raises ``Unreachable``."""
    if outline.filler is None or filler_tokens == 0:
        return render(outline, None, (), condition=condition)
    filler = condition.prompt_format.filler(outline.filler)
    # The seed leaves out depth and arm: the haystack stays the same, the needle moves in it.
    if outline.haystack is None:
        rng = condition.rng("filler", condition.budget or 0, attempt)
    else:
        rng = condition.shared_rng("filler", outline.haystack, attempt)
    plan = filler.plan(filler_tokens, rng)
    cuts = filler.cuts(plan, [passage.depth for passage in outline.passages])
    return render(outline, plan, tuple(cuts), condition=condition)


def render(
    outline: PromptOutline, plan: FillPlan | None, cuts: tuple[int, ...], *, condition: Condition
) -> _Content:
    """Join an outline and the planned filler; ``cuts`` are the phrases before each passage."""
    prompt_format = condition.prompt_format
    groups: list[list[Encoded]] = [[] for _ in range(len(outline.passages) + 1)]
    if plan is not None and outline.filler is not None:
        assert list(cuts) == sorted(cuts), "an outline lists its passages in the order of depth"
        groups = prompt_format.filler(outline.filler).render(plan, cuts)
    pieces: list[Encoded] = []
    marks: list[Mark] = []
    for index, group in enumerate(groups):
        pieces.extend(group)
        if index < len(outline.passages):
            passage = outline.passages[index]
            if passage.part:
                marks.append((len(pieces), passage.part))
            text = passage.text
            pieces.append(
                outline.encode(prompt_format, text) if outline.encode else prompt_format.piece(text)
            )
    shuffle = outline.shuffle
    if shuffle is not None and shuffle.unit != "ids":
        pieces, marks = shuffled(pieces, marks, shuffle, condition.rng("shuffle"), prompt_format)
    if outline.head:
        pieces.insert(0, prompt_format.first(outline.head))
        marks = [(index + 1, part) for index, part in marks]
    tail = outline.close + outline.question
    marks.append((len(pieces), "question"))
    pieces.append(prompt_format.piece(tail) if pieces else prompt_format.first(tail))
    joined = prompt_format.join(pieces, words=shuffle is not None and shuffle.unit == "words")
    if shuffle is not None and shuffle.unit == "ids":
        edges = len(pieces[0].ids), len(pieces[-1].ids)
        joined = shuffled_ids(joined, edges, shuffle, condition.rng("shuffle"), prompt_format)
        marks = []
    return _Content(joined, pieces, marks, len(outline.close), plan, cuts)


def _case(
    plugin: PromptClass, condition: Condition, arm: Arm, outline: PromptOutline, content: _Content
) -> Case:
    traits, spec = plugin.traits, condition.spec
    depends = arm not in WITHOUT_CONTEXT
    has_twin = "isocontent" in condition.arms and arm in ("stress", "isotoken")
    params: dict[str, Value] = {
        "budget": condition.budget if depends else None,
        "depth": condition.depth if depends else None,
        "content_tokens": _content_tokens(outline, content, condition),
        **condition.params.values,
        **outline.params,
    }
    forced = outline.encode is not None or (
        outline.shuffle is not None and outline.shuffle.unit == "ids"
    )
    return Case(
        case_id=_case_id(condition, arm),
        item_id=condition.item_id,
        cluster_id=condition.item_id,
        twin_of=_case_id(condition, "isocontent") if has_twin else None,
        prompt_class=spec.use,
        label=spec.name,
        params=params,
        arm=arm,
        seed=condition.seed,
        text=content.joined.text,
        messages=outline.messages,
        content_ids=tuple(content.joined.ids),
        forced_ids=forced,
        segments=content.segments,
        content_spans=content.spans,
        expected=outline.expected,
        scorer=outline.scorer or traits.scorer,
        scorer_params=outline.scorer_params,
        values=outline.values,
        max_tokens=spec.max_tokens or outline.max_tokens or traits.max_tokens,
        ignore_eos=spec.ignore_eos,
        content_sha256=hashlib.sha256(messages_json(outline.messages)).hexdigest()
        if outline.messages
        else _sha256(content.joined, forced=forced),
    )


def _content_tokens(outline: PromptOutline, content: _Content, condition: Condition) -> int:
    """Tokens of the user message, or of all turns of a conversation."""
    if not outline.messages:
        return content.content_tokens
    encode = condition.prompt_format.tokenizer.encode
    return sum(len(encode(each.content)) for each in outline.messages)


def _sha256(joined: Joined, *, forced: bool) -> str:
    digest = hashlib.sha256(joined.text.encode("utf-8", "surrogatepass"))
    if forced:
        digest.update(json.dumps(joined.ids).encode())
    return digest.hexdigest()


def _case_id(condition: Condition, arm: Arm) -> str:
    parts = [condition.spec.name, arm, *condition.swept]
    if arm not in WITHOUT_CONTEXT:
        parts += [] if condition.budget is None else [f"b{condition.budget}"]
        parts += [] if condition.depth is None else [f"d{condition.depth:g}"]
    return "/".join([*parts, f"i{condition.item}"])
