"""A case under the tokenizer of a model: its token ids, and the spans of its segments. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from stressbench.errors import SuiteError
from stressbench.prompts.build.layout import Layout
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.case import Case, Segment, Span

_SEAM: Final = 3
"""Inside a longer text, a text takes at most this many tokens more or fewer than alone."""


def content_ids(case: Case, prompt_format: PromptFormat, *, same: bool) -> Sequence[int]:
    """The token ids of a case's text; ``same`` if it was built with this tokenizer.

    Raises ``SuiteError`` for a case that exists in its own tokenizer only.
    """
    if same:
        return case.content_ids
    if case.forced_ids:
        raise SuiteError(
            f"{case.prompt_class!r} consists of token ids of one tokenizer, and this suite's"
            f" models have several",
            hint="run it in a suite whose models share a tokenizer",
        )
    return prompt_format.tokenizer.encode(case.text)


def spans(case: Case, laid: Layout, prompt_format: PromptFormat, *, same: bool) -> tuple[Span, ...]:
    """Token spans of the segments in the final prompt: known by construction, or looked up.

    Every segment has one under every tokenizer. If the prompt was built with this tokenizer,
    all spans are known except where the question begins inside the last piece.
    """
    offset, ids = laid.start, laid.ids[laid.start : laid.end]
    segments, known = case.segments, case.content_spans if same else ()
    if known and [span.part for span in known] == [each.part for each in segments[: len(known)]]:
        segments = segments[len(known) :]
    else:
        known = ()
    built = (_without_blanks(span, ids, prompt_format) for span in known)
    found = (*built, *_looked_up(case, segments, ids, prompt_format))
    return tuple(
        Span(part=span.part, start=span.start + offset, end=span.end + offset) for span in found
    )


def _without_blanks(span: Span, ids: Sequence[int], prompt_format: PromptFormat) -> Span:
    """The span without leading tokens that are only the blank before the segment."""
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
        # A token that crosses the end also belongs to the segment.
        crossing = len(prompt_format.tokenizer.encode(case.text[: segment.end])) > end
        yield Span(part=segment.part, start=start, end=end + crossing)


def _tokens_from(text: str, position: int, ids: Sequence[int], prompt_format: PromptFormat) -> int:
    """The smallest number of last ``ids`` that hold the text from ``position`` on.

    Encodes only that text: inside the whole prompt it takes about the same number of tokens.
    """
    tail = text[position:]
    about = len(prompt_format.tokenizer.encode(tail))
    least = max(about - _SEAM, 0)
    for size in range(least, min(about + _SEAM, len(ids)) + 1):
        if prompt_format.tokenizer.decode(ids[len(ids) - size :]).endswith(tail):
            if size > least or size == 0:
                return size
            break  # fewer may be enough
    return len(ids) - _tokens_before(text, position, ids, prompt_format)


def _tokens_before(
    text: str, position: int, ids: Sequence[int], prompt_format: PromptFormat
) -> int:
    """How many of ``ids`` end before ``position``.

    The encoding of the text up to there agrees with ``ids`` up to the last token that does
    not depend on what follows.
    """
    head = prompt_format.tokenizer.encode(text[:position])
    pairs = zip(head, ids, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(head), len(ids)))
