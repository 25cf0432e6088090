"""A conversation as a chat template lays it out: its own words, and each turn's text.

The template is rendered twice: with the turns, and with a mark in place of each turn's text.
The marks say which parts of the prompt are the template's own words. Only those may contain
special tokens; the text of a turn is plain text, whatever is spelled out in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from stressbench.errors import StressbenchError, SuiteError
from stressbench.schema.message import Message
from stressbench.tokens.template import TemplateSource

_MARK: Final = re.compile("\u2063turn-([0-9]+)\u2063")
_PLAIN_NAMES: Final = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


class TurnPiece(NamedTuple):
    """A part of a laid-out conversation."""

    text: str
    turn: int | None
    """Whose text it is, by place in the conversation; None for words of the template."""


def template_pieces(source: TemplateSource, messages: Sequence[Message]) -> list[TurnPiece]:
    """Lay out ``messages`` by a chat template. Joined, the pieces are the rendered prompt.

    Raises ``SuiteError`` if the template refuses the turns, or leaves out or changes the text
    of one. Cutting blanks and earlier thoughts off is no change: models are trained that way.
    """
    try:
        whole = source.render([_for_template(each) for each in messages])
        marked = source.render(
            [
                _for_template(replace(each, content=f"\u2063turn-{place}\u2063"))
                if each.content
                else _for_template(each)
                for place, each in enumerate(messages)
            ]
        )
    except StressbenchError as error:
        raise SuiteError(
            f"the chat template of {source.where} cannot take this conversation: "
            f"{error.message.removeprefix('the chat template fails: ')}",
            hint="leave the row out, or use a model whose chat template takes such turns",
        ) from error
    words = _MARK.split(marked)
    _check_turns(source, messages, words)
    found = list(_aligned(whole, words, messages))
    if "".join(piece.text for piece in found) != whole:
        raise _changed(source, "the conversation")
    for piece in found:
        if piece.turn is not None and not _kept(piece.text, messages[piece.turn].content):
            raise _changed(source, _turn(messages, piece.turn))
    return found


def plain_pieces(messages: Sequence[Message]) -> list[TurnPiece]:
    """Write out ``messages`` for a model without a chat template, each turn under its name.

    The last turn is the answer's, without text.
    """
    pieces: list[TurnPiece] = []
    for place, each in enumerate(messages):
        gap = "\n\n" if place else ""
        pieces.append(TurnPiece(f"{gap}{_PLAIN_NAMES[each.role]}: ", None))
        pieces.append(TurnPiece(each.content, place))
        pieces += [TurnPiece(f"\n{call.name}({call.arguments})", None) for call in each.tool_calls]
    return [*pieces, TurnPiece("\n\nAssistant:", None)]


def _for_template(message: Message) -> dict[str, object]:
    """The turn as templates take it: like the chat API, with arguments as data, not as JSON."""
    turn = message.sent()
    if message.tool_calls:
        turn["tool_calls"] = [
            call.sent(place)
            | {"function": {"name": call.name, "arguments": _plain(call.arguments)}}
            for place, call in enumerate(message.tool_calls)
        ]
    return turn


def _plain(arguments: str) -> object:
    try:
        return msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return arguments


def _check_turns(source: TemplateSource, messages: Sequence[Message], words: Sequence[str]) -> None:
    """Refuse a template that does not hold each turn exactly once, in order."""
    seen = [int(place) for place in words[1::2]]
    wanted = [place for place, each in enumerate(messages) if each.content]
    for place in wanted:
        if seen.count(place) != 1:
            verb = "leaves out" if place not in seen else "repeats"
            raise SuiteError(
                f"the chat template of {source.where} {verb} {_turn(messages, place)}",
                hint="leave the row out, or use a model whose chat template takes such turns",
            )
    if seen != wanted:
        raise _changed(source, "the order of the turns")
    own = "".join(words[::2])
    for place, each in enumerate(messages):
        for call in each.tool_calls:
            if call.name not in own:
                raise SuiteError(
                    f"the chat template of {source.where} leaves out the tool call of "
                    f"{_turn(messages, place)}",
                    hint="use a model whose chat template takes tool calls",
                )


def _aligned(whole: str, words: Sequence[str], messages: Sequence[Message]) -> Iterator[TurnPiece]:
    """Cut the rendered prompt where the marks were."""
    yield TurnPiece(words[0], None)
    at = len(words[0])
    for index in range(1, len(words), 2):
        turn, after = int(words[index]), words[index + 1]
        last = index + 2 == len(words)
        content = messages[turn].content
        for text in (content, content.strip()):
            if whole.startswith(text + after, at):
                break
        else:
            end = len(whole) - len(after) if last else whole.find(after, at)
            text = whole[at : max(end, at)]
        yield TurnPiece(text, turn)
        yield TurnPiece(after, None)
        at += len(text) + len(after)


def _kept(text: str, content: str) -> bool:
    """Whether a template kept the text of a turn, or a part that it cut from its edges."""
    return text in content or text in json.dumps(content, ensure_ascii=False)


def _turn(messages: Sequence[Message], place: int) -> str:
    return f"turn {place + 1} ({messages[place].role})"


def _changed(source: TemplateSource, what: str) -> SuiteError:
    return SuiteError(
        f"the chat template of {source.where} changes {what}",
        hint="leave the row out, or use a model with a plain chat template",
    )
