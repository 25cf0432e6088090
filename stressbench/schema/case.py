"""The case: one prompt with its ground truth, before any model is involved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from stressbench.schema.axes import role_name
from stressbench.schema.base import Strict
from stressbench.schema.message import Message
from stressbench.schema.suite.suite import Arm, Scalar, Value

Pass: TypeAlias = Literal["quality", "telemetry", "warmup", "cooldown"]
"""Latency and quality come from the ``quality`` pass. Probes that change what they measure run
in the ``telemetry`` pass. Requests of ``warmup`` and ``cooldown`` only create load and are in no
figure."""

AROUND: Final[frozenset[Pass]] = frozenset({"warmup", "cooldown"})
"""Passes that are in no figure."""


class PlannedCase(NamedTuple):
    """What is known of a case before it is built: the values of its keys, and its item."""

    keys: Mapping[str, str]
    """``prompt_class``, ``label``, ``arm``, ``budget``, ``depth`` and every parameter, as text."""
    item: str
    """The ``cluster_id`` that its record will have."""


class Segment(Strict, frozen=True, kw_only=True):
    """A part of a case's ``text`` in characters, half open: ``text[start:end]``.

    ``part`` is its kind: ``needle``, ``question``, ``filler``, ``blob``, ``rival``, ...
    """

    part: str = msgspec.field(name="role")
    start: int
    end: int


class Span(Strict, frozen=True, kw_only=True):
    """A part of the final prompt in token indices, half open."""

    part: str = msgspec.field(name="role")
    start: int
    end: int


class Case(Strict, frozen=True, kw_only=True):
    """One prompt, its truth, and its place in the experiment.

    ``text`` is the user message without the chat template. ``content_ids`` are its token ids
    under the budget tokenizer, template excluded. A model with that tokenizer is sent exactly
    these ids; another model is sent its own encoding of ``text``. If ``forced_ids`` is true, the
    ids *are* the case (non-canonical segmentation, shuffled ids, glitch tokens). ``text`` then
    only shows them, and a model with another tokenizer cannot run the case.
    """

    case_id: str
    """``<label>/<arm>/b<budget>/d<depth>/i<item>``: the same in every run of a suite and seed."""
    item_id: str
    """``<label>/i<item>``: the base item, whatever its length, depth or arm."""
    cluster_id: str
    """The unit of independence for statistics: all cases made from one base item."""
    twin_of: str | None
    """``case_id`` of the isocontent twin; None for a case that is its own reference."""
    prompt_class: str
    label: str
    params: dict[str, Value]
    """``budget`` in tokens, ``depth`` from 0 to 1 (null if the class has none), and the parameters
    of the class."""
    arm: Arm
    seed: int
    text: str
    messages: tuple[Message, ...] = ()
    """All turns of a conversation, of which ``text`` is the last user message. Empty for a single
    user message."""
    content_ids: tuple[int, ...]
    forced_ids: bool = False
    segments: tuple[Segment, ...]
    content_spans: tuple[Span, ...] = ()
    """Token spans within ``content_ids`` known by construction; the runner derives the others."""
    expected: tuple[str, ...]
    scorer: str
    scorer_params: dict[str, Scalar | list[str]] = {}
    values: tuple[str, ...] = ()
    """Wrong values in the prompt; an answer with one has the outcome ``detached_reference``."""
    max_tokens: int
    ignore_eos: bool = False
    """Generate up to ``max_tokens``; the answer is judged up to the model's own end token."""
    content_sha256: str

    @property
    def item(self) -> int:
        """Number of the base item within its entry, from 0."""
        return int(self.item_id.rpartition("/i")[2])


class Request(Strict, frozen=True, kw_only=True):
    """A case prepared for one model: exactly the token ids that are sent."""

    role: str
    variant: str | None = None
    case: Case
    prompt_token_ids: tuple[int, ...]
    prompt_sha256: str
    spans: tuple[Span, ...]
    template_tokens: int
    control_tokens: int | None
    """Prompt tokens of the isocontent twin under the same tokenizer, template included; None
    without a twin."""
    retok_drift: int | None
    """``len(encode(decode(ids))) - len(ids)`` over the content, in tokens."""
    cache_salt: str
    repeat: int = 0
    block: int | None = None
    """The block of an interleaved run; None in any other run."""
    pass_: Pass = "quality"
    seed: int = 0

    @property
    def role_name(self) -> str:
        """Role and variant in one word."""
        return role_name(self.role, self.variant)
