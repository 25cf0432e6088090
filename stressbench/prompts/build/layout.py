"""A case as the token ids that one model is sent: template, turns, and where the question is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stressbench.errors import SuiteError
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.message import Message
from stressbench.tokens.template import TemplateSource
from stressbench.tokens.turns import TurnPiece, plain_pieces, template_pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The token ids of a prompt; the user message is ``ids[start:end]``."""

    ids: tuple[int, ...]
    start: int
    end: int
    template_tokens: int
    """Tokens that are not the text of a turn."""
    retok_drift: int
    """``len(encode(decode(ids))) - len(ids)`` over the text of the turns."""


def of_message(ids: Sequence[int], prompt_format: PromptFormat) -> Layout:
    """Lay out a single user message, given as token ids."""
    template = prompt_format.template
    start = len(template.prefix_ids)
    return Layout(
        ids=(*template.prefix_ids, *ids, *template.suffix_ids),
        start=start,
        end=start + len(ids),
        template_tokens=prompt_format.template_tokens,
        retok_drift=_drift(ids, prompt_format),
    )


def of_turns(messages: Sequence[Message], prompt_format: PromptFormat) -> Layout:
    """Lay out a conversation. Raises ``SuiteError`` if the chat template cannot take it."""
    pieces = pieces_of(messages, prompt_format)
    asked = max(place for place, each in enumerate(messages) if each.role == "user")
    source = prompt_format.template.source
    if source is None:
        return _written_out(pieces, asked, prompt_format)
    _check_special(messages, source, prompt_format)
    ids: list[int] = []
    start = end = template_tokens = drift = 0
    for text, turn in pieces:
        found = source.encode(text) if turn is None else prompt_format.tokenizer.encode(text)
        if turn is None:
            template_tokens += len(found)
        else:
            drift += _drift(found, prompt_format)
        if turn == asked:
            start, end = len(ids), len(ids) + len(found)
        ids += found
    return Layout(
        ids=tuple(ids), start=start, end=end, template_tokens=template_tokens, retok_drift=drift
    )


def pieces_of(messages: Sequence[Message], prompt_format: PromptFormat) -> list[TurnPiece]:
    """The text of a conversation as a model gets it, in pieces."""
    source = prompt_format.template.source
    return plain_pieces(messages) if source is None else template_pieces(source, messages)


def _written_out(pieces: Sequence[TurnPiece], asked: int, prompt_format: PromptFormat) -> Layout:
    """A model without a chat template continues a text, so the text is encoded as a whole."""
    encode, template = prompt_format.tokenizer.encode, prompt_format.template
    ids = encode("".join(piece.text for piece in pieces))
    place = next(index for index, piece in enumerate(pieces) if piece.turn == asked)
    before = "".join(piece.text for piece in pieces[:place])
    first = _common(encode(before), ids)
    last = max(first, _common(encode(before + pieces[place].text), ids))
    turns = sum(len(encode(piece.text)) for piece in pieces if piece.turn is not None)
    start = len(template.prefix_ids)
    return Layout(
        ids=(*template.prefix_ids, *ids, *template.suffix_ids),
        start=start + first,
        end=start + last,
        template_tokens=prompt_format.template_tokens + max(len(ids) - turns, 0),
        retok_drift=_drift(ids, prompt_format),
    )


def _check_special(
    messages: Sequence[Message], source: TemplateSource, prompt_format: PromptFormat
) -> None:
    """Refuse special tokens where a template writes data of a turn among its own words."""
    for place, each in enumerate(messages):
        data = [each.name, each.tool_call_id]
        data += [text for call in each.tool_calls for text in (call.name, call.arguments)]
        for text in filter(None, data):
            if source.encode(text) != prompt_format.tokenizer.encode(text):
                raise SuiteError(
                    f"a name or tool call of turn {place + 1} spells a special token of "
                    f"{prompt_format.tokenizer.name}",
                    hint="leave the row out",
                )


def _drift(ids: Sequence[int], prompt_format: PromptFormat) -> int:
    tokenizer = prompt_format.tokenizer
    return len(tokenizer.encode(tokenizer.decode(ids))) - len(ids)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many first ids are the same."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
