"""A prompt in outline: what a class wants in it, before it has an exact length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stressbench.prompts.build.encoded import Encoded, PieceEncoder
from stressbench.prompts.build.filler import FillerSource
from stressbench.prompts.build.params import PlainValue
from stressbench.schema.message import Message
from stressbench.schema.suite.suite import Scalar

ForcedEncoding: TypeAlias = Callable[[PieceEncoder, str], Encoded]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Fixed text in the context: begins with a space and a letter, or ends with a line break."""

    part: str
    """What it is to the question: ``needle``, ``rival``, ``blob``; empty for none of these."""
    text: str
    depth: float = 0.0
    """Share of the filler before it; passages of the same depth keep their order."""


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Puts the finished context into random order."""

    unit: Literal["words", "sentences", "ids"]
    """What changes places."""
    window: int
    """Units are shuffled within windows of this many; 0: over the whole context."""
    mark: str
    """A word of the needle: the unit with this word stays marked as the needle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOutline:
    """One prompt in outline: head, context (passages in filler), close, question.

    Filler extends the context until the prompt has the length that is asked for.
    """

    head: str = ""
    passages: tuple[Passage, ...] = ()
    filler: FillerSource | None = None
    close: str = ""
    """Ends the context, before the question."""
    question: str
    """The user message; of a conversation, the last one."""
    messages: tuple[Message, ...] = ()
    """All turns of a conversation, the question among them; empty for a single user message."""
    expected: tuple[str, ...]
    values: tuple[str, ...] = ()
    """Values in the prompt that look like the expected one and are wrong."""
    shuffle: Shuffle | None = None
    encode: ForcedEncoding | None = None
    """Chooses the token ids of the passages; for filler, use a ``ForcedSource``."""
    context_tokens: int | None = None
    """Exact length of head, filler and passages together, instead of the whole prompt's."""
    haystack: str | None = None
    """Items with the same name get the same haystack; without one, each item has its own."""
    max_tokens: int | None = None
    params: dict[str, PlainValue] = field(default_factory=dict)
    """Facts about this prompt that are recorded together with its parameters."""
    scorer: str | None = None
    scorer_params: dict[str, Scalar | list[str]] = field(default_factory=dict)
    origin: str = ""
    """Where the references were read, for messages: ``row 3 of 'traffic.jsonl'``."""
    notes: tuple[str, ...] = ()
    """What a person should know about the source of the prompt; each is said once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the answer to one prompt is compared with, and by which scorer."""

    scorer: str
    expected: tuple[str, ...]
    params: Mapping[str, Scalar | list[str]]
    origin: str
    """Where it was read, for messages; empty if the class made it up."""
    messages: tuple[Message, ...] = ()
    """The turns of a conversation, which a chat template has to take."""
    notes: tuple[str, ...] = ()
