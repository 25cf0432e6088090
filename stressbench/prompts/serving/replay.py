"""Your own traffic: prompts sampled from a log or a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from stressbench.errors import SuiteError
from stressbench.prompts.base import Condition, Param, PromptOutline, Traits, known_scorer
from stressbench.prompts.material.rows import DataRow, read_rows
from stressbench.schema.suite.suite import Arm
from stressbench.seeds import derive_rng

_LENGTHS: Final = 32
"""Number of strata; a stratum holds the lengths, in characters, between two powers of two."""


class Replay:
    """Prompts of your own, from JSONL, CSV, Parquet, a text file or a data set.

    Draws a seeded sample, stratified by length (powers of two, in characters) in proportion
    to the traffic, in one pass that holds only the sample in memory (Vitter 1985, algorithm R,
    in each stratum). A prompt is a text, or a list of chat messages, which become one text
    with the earlier turns written out before the last one. If there are reference answers,
    the chosen scorer judges; if not, only the form of the answer is judged (``well_formed``).
    """

    traits = Traits(
        scorer="well_formed",
        needs="path",
        params=(
            Param(name="path", default="", doc="A file, a folder, or a Hugging Face data set id."),
            Param(
                name="field",
                default="prompt",
                doc="Column or key of the prompt: a text, or a list of chat messages.",
            ),
            Param(
                name="answer_field",
                default="answer",
                doc="Column or key of the reference answer or answers; may be missing.",
            ),
            Param(
                name="time_field",
                default="timestamp",
                doc="Column or key of the arrival time in seconds; may be missing.",
            ),
            Param(
                name="scorer",
                default="exact_match",
                doc="The scorer for answers that have a reference.",
            ),
        ),
        max_tokens=128,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the sampled prompt."""
        params = condition.params
        where = f"prompts.{condition.spec.name}.params.path"
        if not params.text("path"):
            raise SuiteError(
                "replay needs a path", where=where, hint="params: {path: traffic.jsonl}"
            )
        sampled = _sample(
            params.text("path"),
            (params.text("field"), params.text("answer_field"), params.text("time_field")),
            items=condition.spec.items,
            seed=condition.suite_seed,
            where=where,
        )
        if condition.item >= len(sampled):
            raise SuiteError(
                f"items is {condition.spec.items}, but there are only {len(sampled)} prompts",
                where=where,
                hint=f"items: {len(sampled)}",
            )
        prompt = sampled[condition.item]
        scorer = known_scorer(params.text("scorer"), f"prompts.{condition.spec.name}.params.scorer")
        judged = bool(prompt.answers)
        return {
            "stress": PromptOutline(
                question=prompt.text,
                expected=prompt.answers,
                scorer=scorer if judged else None,
                params={} if prompt.time_s is None else {"timestamp_s": prompt.time_s},
                origin=f"row {prompt.row + 1} of {params.text('path')!r}",
            )
        }


@dataclass(frozen=True, slots=True)
class _LoggedPrompt:
    row: int
    text: str
    answers: tuple[str, ...]
    time_s: float | None


@dataclass(slots=True)
class _Stratum:
    seen: int = 0
    kept: list[_LoggedPrompt] = field(default_factory=list)


@lru_cache(maxsize=8)
def _sample(
    path: str, fields: tuple[str, str, str], *, items: int, seed: int, where: str
) -> tuple[_LoggedPrompt, ...]:
    """Sample at most ``items`` prompts and return them in the order of the traffic."""
    rng = derive_rng(seed, "replay", path)
    strata = [_Stratum() for _ in range(_LENGTHS)]
    for prompt in _prompts(path, fields, where):
        stratum = strata[min(len(prompt.text).bit_length(), _LENGTHS - 1)]
        stratum.seen += 1
        if len(stratum.kept) < items:
            stratum.kept.append(prompt)
        else:
            place = rng.randrange(stratum.seen)
            if place < items:
                stratum.kept[place] = prompt
    chosen: list[_LoggedPrompt] = []
    for stratum, share in zip(strata, _shares([s.seen for s in strata], items), strict=True):
        chosen += rng.sample(stratum.kept, min(share, len(stratum.kept)))
    if all(prompt.time_s is not None for prompt in chosen):  # a log may be out of order
        return tuple(sorted(chosen, key=lambda prompt: (prompt.time_s or 0.0, prompt.row)))
    return tuple(sorted(chosen, key=lambda prompt: prompt.row))


def _shares(seen: list[int], items: int) -> list[int]:
    """Divide ``items`` in proportion to ``seen`` (largest remainders)."""
    total = sum(seen)
    if total <= items:
        return seen
    exact = [count * items / total for count in seen]
    shares = [int(share) for share in exact]
    rest = sorted(range(len(seen)), key=lambda i: (shares[i] - exact[i], i))
    for index in rest[: items - sum(shares)]:
        shares[index] += 1
    return shares


def _prompts(path: str, fields: tuple[str, str, str], where: str) -> Iterator[_LoggedPrompt]:
    text_field, answer_field, time_field = fields
    for number, row in enumerate(read_rows(path, where=where, text_field=text_field)):
        if text_field not in row:
            raise SuiteError(
                f"row {number + 1} of {path!r} has no {text_field!r}; "
                f"it has {', '.join(map(str, row))}",
                where=where,
                hint="name the column with `field`",
            )
        text = _text(row[text_field])
        if text.strip():
            yield _LoggedPrompt(
                number, text, _answers(row.get(answer_field)), _time(row, time_field)
            )


def _text(value: object) -> str:
    if not isinstance(value, list):
        return "" if value is None else str(value)
    turns = [turn for turn in value if isinstance(turn, dict)]
    if len(turns) == 1:
        return str(turns[0].get("content") or "")
    return "\n\n".join(
        f"{str(turn.get('role') or 'user').capitalize()}: {turn.get('content') or ''}"
        for turn in turns
    )


def _answers(value: object) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _time(row: DataRow, name: str) -> float | None:
    value = row.get(name)
    try:
        return None if value in (None, "") else float(str(value))
    except ValueError:
        return None


PLUGIN = Replay()
