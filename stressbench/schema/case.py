"""The case: one prompt with its ground truth, before any model is involved."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from stressbench.schema.axes import role_name
from stressbench.schema.base import Strict
from stressbench.schema.suite.suite import Arm, Scalar, Value

Pass: TypeAlias = Literal["quality", "telemetry", "warmup", "cooldown"]
"""Probes that change what they measure see the requests in a pass of their own: speed and
quality are taken from the ``quality`` pass, which runs without them. Requests of ``warmup``
and ``cooldown`` stand in no figure: they are there for the load that they make."""

AROUND: Final[frozenset[Pass]] = frozenset({"warmup", "cooldown"})
"""Passes that no figure counts."""


class Segment(Strict, frozen=True, kw_only=True):
    """A stretch of a case's ``text``, in characters, half open: ``text[start:end]``.

    ``part`` says what it is: ``needle``, ``question``, ``filler``, ``blob``, ``rival``...
    """

    part: str = msgspec.field(name="role")
    start: int
    end: int


class Span(Strict, frozen=True, kw_only=True):
    """Where a segment lies in the final prompt: token indices, half open."""

    part: str = msgspec.field(name="role")
    start: int
    end: int


class Case(Strict, frozen=True, kw_only=True):
    """One prompt, its truth, and where it stands in the experiment.

    ``text`` is the user message without chat template. ``content_ids`` are its token
    ids under the budget tokenizer (template excluded); a model with that tokenizer is
    sent exactly those, another model is sent its own encoding of ``text``. Where
    ``forced_ids`` is true the ids *are* the case (non-canonical segmentation, shuffled
    ids, glitch tokens): ``text`` is then for the eye only, and a model with another
    tokenizer cannot run it.
    """

    case_id: str
    """``<label>/<arm>/b<budget>/d<depth>/i<item>``, stable across runs of a suite and seed."""
    item_id: str
    """``<label>/i<item>``: the base item, whatever its length, depth or arm."""
    cluster_id: str
    """The unit of independence for statistics: all cases made from one base item."""
    twin_of: str | None
    """``case_id`` of the isocontent twin; None for a case that is its own reference."""
    prompt_class: str
    label: str
    params: dict[str, Value]
    """``budget`` and ``depth`` (null where the class has none) and the class's own."""
    arm: Arm
    seed: int
    text: str
    content_ids: tuple[int, ...]
    forced_ids: bool = False
    segments: tuple[Segment, ...]
    content_spans: tuple[Span, ...] = ()
    """Token spans within ``content_ids`` that are known by construction; others are derived."""
    expected: tuple[str, ...]
    scorer: str
    scorer_params: dict[str, Scalar | list[str]] = {}
    values: tuple[str, ...] = ()
    """Other values that stand in the prompt: answering one is ``detached_reference``."""
    max_tokens: int
    ignore_eos: bool = False
    """The answer goes on up to the limit; what counts ends where the model wanted to end."""
    content_sha256: str

    @property
    def item(self) -> int:
        """Number of the base item within its entry, from 0."""
        return int(self.item_id.rpartition("/i")[2])


class Request(Strict, frozen=True, kw_only=True):
    """A case made ready for one model: exactly the token ids that are sent."""

    role: str
    variant: str | None = None
    case: Case
    prompt_token_ids: tuple[int, ...]
    prompt_sha256: str
    spans: tuple[Span, ...]
    template_tokens: int
    control_tokens: int | None
    """Prompt tokens of the isocontent twin under the same tokenizer, template included."""
    retok_drift: int | None
    """``len(encode(decode(ids))) - len(ids)`` over the content."""
    cache_salt: str
    repeat: int = 0
    pass_: Pass = "quality"
    seed: int = 0

    @property
    def role_name(self) -> str:
        """Role and variant in one word."""
        return role_name(self.role, self.variant)
