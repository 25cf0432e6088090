"""Reads a conversation as logs and data sets store it: OpenAI messages, ShareGPT, one message.

Every function raises ``SuiteError`` with one sentence about the value; the caller adds the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from stressbench.catalog import nearest
from stressbench.errors import SuiteError
from stressbench.prompts.material.cell import kind_of, text_of
from stressbench.schema.message import Message, Speaker, ToolCall

_SPEAKERS: Final[Mapping[str, Speaker]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "tool_response": "tool",
    "function": "tool",
    "function_response": "tool",
    "observation": "tool",
    "ipython": "tool",
}
"""Names of speakers in chat APIs, in ShareGPT and in training data."""
_TEXT_PARTS: Final = frozenset({"text", "input_text", "output_text"})
_LISTS: Final = ("messages", "conversations", "conversation")
_TEXT_ONLY: Final = "only text can be replayed; leave the row out"


def messages_of(value: object) -> tuple[Message, ...]:
    """Read a prompt: a text, one message, or a list of messages. Empty if there is nothing in it.

    Turns may be spelled ``role`` and ``content`` or ``from`` and ``value``.
    """
    if isinstance(value, Mapping):
        inner = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), None)
        if inner is not None:
            return messages_of(inner)
        return (_turn(value, ""),)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for each in value:
            if not isinstance(each, Mapping):
                raise SuiteError(
                    f"a list of {kind_of(each, many=True)} is no prompt",
                    hint="a prompt is a text, or a list of messages with `role` and `content`",
                )
        return tuple(_turn(each, f"turn {place}: ") for place, each in enumerate(value, 1))
    text = text_of(value)
    return (Message(role="user", content=text),) if text else ()


def asked_of(messages: Sequence[Message]) -> tuple[tuple[Message, ...], str]:
    """Part a conversation from its last answer: the turns to send, and the assistant's answer.

    The answer is empty if the conversation ends with a question, a tool's result or a tool call.
    """
    end = len(messages)
    while end and messages[end - 1].role == "assistant":
        end -= 1
    return tuple(messages[:end]), "\n".join(
        each.content for each in messages[end:] if each.content.strip()
    )


def check_turns(messages: Sequence[Message]) -> None:
    """Refuse a conversation that asks for nothing: without a user turn, or blank throughout."""
    if not any(each.role == "user" for each in messages):
        speakers = ", ".join(dict.fromkeys(each.role for each in messages)) or "none"
        raise SuiteError(
            f"the conversation has no user turn before the answer; its turns are by: {speakers}",
            hint="leave the row out",
        )


def _turn(value: Mapping[object, object], at: str) -> Message:
    speaker = value.get("role", value.get("from"))
    content = value.get("content", value.get("value"))
    if speaker is None or not {"content", "value", "tool_calls", "function_call"} & set(value):
        raise SuiteError(
            f"{at}not a message: it has {', '.join(map(str, value)) or 'no keys'}",
            hint="a message has `role` and `content`, or `from` and `value`",
        )
    role = _speaker(speaker, at)
    if str(speaker).lower() == "function_call":
        return Message(role=role, content="", tool_calls=(_call(_parsed(content), at),))
    return Message(
        role=role,
        content=_content(content, at),
        name=_optional(value, "name", at),
        tool_calls=_calls(value, at),
        tool_call_id=_optional(value, "tool_call_id", at),
    )


def _speaker(value: object, at: str) -> Speaker:
    known = _SPEAKERS.get(value.strip().lower()) if isinstance(value, str) else None
    if known is None:
        said = repr(value) if isinstance(value, str) else kind_of(value)
        raise SuiteError(
            f"{at}unknown role {said}{nearest(str(value), _SPEAKERS)}",
            hint=f"known roles: {', '.join(_SPEAKERS)}",
        )
    return known


def _content(value: object, at: str) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "\n".join(_part(each, at) for each in value)
    try:
        return text_of(value)
    except SuiteError as error:
        raise SuiteError(f"{at}{error.message}", hint=error.hint) from error


def _part(value: object, at: str) -> str:
    if isinstance(value, str):
        return _content(value, at)
    kind = value.get("type") if isinstance(value, Mapping) else None
    text = value.get("text") if isinstance(value, Mapping) else None
    if isinstance(text, str) and (kind in _TEXT_PARTS or kind is None):
        return _content(text, at)
    named = f"a part of type {kind!r}" if isinstance(kind, str) else kind_of(value)
    raise SuiteError(f"{at}the content holds {named}", hint=_TEXT_ONLY)


def _calls(value: Mapping[object, object], at: str) -> tuple[ToolCall, ...]:
    calls = value.get("tool_calls")
    if calls is None and value.get("function_call") is not None:  # the API's older form
        calls = [value["function_call"]]
    if calls is None:
        return ()
    if not isinstance(calls, Sequence) or isinstance(calls, str | bytes):
        raise SuiteError(f"{at}tool_calls is {kind_of(calls)}, and should be a list")
    return tuple(_call(each, at) for each in calls)


def _call(value: object, at: str) -> ToolCall:
    body = value.get("function", value) if isinstance(value, Mapping) else None
    name = body.get("name") if isinstance(body, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(body, Mapping) or not isinstance(name, str):
        raise SuiteError(f"{at}a tool call has no function name", hint="leave the row out")
    arguments, call_id = body.get("arguments", "{}"), value.get("id")
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments).decode()
    return ToolCall(
        name=name, arguments=arguments, call_id=call_id if isinstance(call_id, str) else None
    )


def _parsed(value: object) -> object:
    try:
        return msgspec.json.decode(value) if isinstance(value, str) else value
    except msgspec.DecodeError:
        return None


def _optional(value: Mapping[object, object], key: str, at: str) -> str | None:
    found = value.get(key)
    if found is None or isinstance(found, str):
        return found
    raise SuiteError(f"{at}{key} is {kind_of(found)}, and should be text")
