"""The labelled answers of tests/data/answers, their two halves, and how they are judged."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from stressbench import catalog
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.schema.suite.suite import Scalar
from stressbench.scorers.base import judge

FOLDER: Final = Path(__file__).parents[2] / "tests" / "data" / "answers"

Label: TypeAlias = Literal["right", "partly", "wrong"]
Half: TypeAlias = Literal["tune", "test"]
OUTCOMES: Final = (
    "correct",
    "partial",
    "abstained",
    "invented",
    "detached_reference",
    "repetition",
    "truncated",
    "empty",
    "format",
    "thinking_only",
)


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer, and what a person who knows the reference says of it."""

    id: str
    kind: str
    """The question or fault that the answer is an example of; a part after ``/`` is an arm."""
    language: str
    """ISO 639-1."""
    script: str
    """ISO 15924."""
    scorer: str
    params: dict[str, Scalar | list[str]] = {}
    expected: list[str]
    values: list[str] = []
    """Values of the prompt, right and wrong."""
    answer: str
    finish_reason: str | None = None
    label: Label
    outcome: str
    source: Literal["written", "recorded"]
    run: str | None = None
    """The run that a recorded answer is from."""

    @property
    def half(self) -> Half:
        """Computed, so that no row can be moved after its score is known. See ``half``."""
        return half(self.kind, f"{self.language} {self.expected}")


def half(kind: str, prompt: str) -> Half:
    """Which half the answers of one kind to one prompt belong to.

    A quarter of the kinds is in the test half as a whole, so that it has kinds which the tune
    half lacks. Of the other kinds, a third of the prompts is: answers to one prompt stay together,
    because a near miss resembles the right answer. Both are drawn by SHA-256.
    """
    family = kind.partition("/")[0]
    whole = _number(family) % 4 == 0
    return "test" if whole or _number(f"{family} {prompt}") % 3 == 0 else "tune"


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def load(folder: Path = FOLDER) -> list[Answer]:
    """Read every answer. Raises ``ValueError`` naming the file and line of an invalid row."""
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            try:
                rows.append(msgspec.json.decode(line, type=Answer))
            except msgspec.MsgspecError as error:
                raise ValueError(f"{path.name}:{number}: {error}") from error
    return rows


def split_by_scorer(rows: list[Answer]) -> tuple[list[Answer], list[str]]:
    """Return the rows whose scorer exists, and the scorers that do not."""
    known = set(catalog.names("scorers"))
    missing = sorted({row.scorer for row in rows} - known)
    return [row for row in rows if row.scorer in known], missing


def judged(row: Answer) -> tuple[Quality, str | None]:
    """Judge an answer as a run does: its quality, or why there is none."""
    return judge(row.answer, case_of(row), finish_reason=row.finish_reason)


def case_of(row: Answer) -> Case:
    """The case that the answer belongs to, with no prompt text."""
    return Case(
        case_id=row.id,
        item_id=row.id,
        cluster_id=row.id,
        twin_of=None,
        prompt_class="replay",
        label=row.kind,
        params={},
        arm="stress",
        seed=0,
        text="",
        content_ids=(),
        segments=(),
        expected=tuple(row.expected),
        scorer=row.scorer,
        scorer_params=row.params,
        values=tuple(row.values),
        max_tokens=256,
        content_sha256="",
    )


def said(score: float | None) -> Label | None:
    """The label that a score stands for: right is 1, wrong is 0; None for an unjudged answer."""
    if score is None:
        return None
    return "right" if score >= 1.0 else "partly" if score > 0.0 else "wrong"
