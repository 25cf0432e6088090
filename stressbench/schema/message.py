"""One turn of a conversation, as chat templates and chat APIs take it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from stressbench.schema.base import Open

Speaker: TypeAlias = Literal["system", "user", "assistant", "tool"]
"""Who speaks a turn; ``role`` in chat APIs."""


class ToolCall(Open, frozen=True, kw_only=True):
    """A call of a function that the assistant asked for."""

    name: str
    arguments: str
    """JSON, as chat APIs send it."""
    call_id: str | None = None

    def sent(self, place: int) -> dict[str, object]:
        """The call as a chat API takes it, which needs an id; ``place`` makes one."""
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.call_id or f"call_{place}", "type": "function", "function": function}


class Message(Open, frozen=True, kw_only=True, omit_defaults=True):
    """One turn: who speaks, and the text."""

    role: Speaker
    content: str
    name: str | None = None
    """Of a person who takes part, or of the tool that answers."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """Which call a tool answers."""

    def sent(self) -> dict[str, object]:
        """The turn as a chat API takes it."""
        turn: dict[str, object] = {"role": self.role, "content": self.content}
        if self.name is not None:
            turn["name"] = self.name
        if self.tool_calls:
            turn["tool_calls"] = [call.sent(place) for place, call in enumerate(self.tool_calls)]
        if self.tool_call_id is not None:
            turn["tool_call_id"] = self.tool_call_id
        return turn


def last_user(messages: Iterable[Message]) -> str:
    """The last user message; empty if there is none."""
    return next((each.content for each in reversed([*messages]) if each.role == "user"), "")


def characters(messages: Iterable[Message]) -> int:
    """The length of all turns, in characters."""
    return sum(len(each.content) for each in messages)


def messages_json(messages: Iterable[Message]) -> bytes:
    """The turns as JSON, the same bytes for the same turns."""
    return msgspec.json.encode([each.sent() for each in messages])
