"""Your own traffic: prompts sampled from a log or a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

from stressbench.errors import SuiteError
from stressbench.prompts.base import Condition, Param, PromptOutline, Traits, known_scorer
from stressbench.prompts.material.cell import columns_of
from stressbench.prompts.material.logged import LogColumns, LoggedPrompt, LogReader
from stressbench.schema.message import Message, last_user
from stressbench.schema.suite.suite import Arm
from stressbench.seeds import derive_rng

_LENGTHS: Final = 32
"""Number of strata; a stratum holds the lengths, in characters, between two powers of two."""


class Replay:
    """Prompts of your own, from JSONL, CSV, Parquet, a text file or a data set.

    Draws a seeded sample, stratified by length (powers of two, in characters) in proportion
    to the traffic, in one pass that holds only the sample in memory (Vitter 1985, algorithm R,
    in each stratum). A prompt is a text, a list of chat messages (OpenAI or ShareGPT), or
    several columns put into a text by ``prompt``. Chat messages are sent as turns with their
    roles, through the model's chat template or the server's. If a conversation ends with the
    assistant's turn, that turn is not sent; it is the reference if the row has no other. If
    there are reference answers, the chosen scorer judges; if not, only the form of the answer
    is judged (``well_formed``).
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
                name="prompt",
                default="",
                doc="The user message, with columns in braces, instead of `field`: "
                '`"{context}\\n\\n{input}"`; `{{` is a brace.',
            ),
            Param(
                name="system",
                default="",
                doc="A system turn to put first, with columns in braces as in `prompt`.",
            ),
            Param(
                name="answer_field",
                default="answer",
                doc="Column or key of the reference answer or answers; the default may be "
                "missing, and an empty name reads none.",
            ),
            Param(
                name="options_field",
                default="",
                doc="Column or key of a list of options; the scorer gets it as `options`.",
            ),
            Param(
                name="time_field",
                default="timestamp",
                doc="Column or key of the arrival time in seconds; the default may be missing.",
            ),
            Param(
                name="delimiter",
                default="",
                doc="Character between the cells of a CSV file, if not a comma; or `tab`.",
            ),
            Param(
                name="scorer",
                default="exact_match",
                doc="The scorer for answers that have a reference.",
            ),
            Param(
                name="scorer_params",
                default="",
                mapping=True,
                doc="Parameters of the scorer, as a mapping: `{tolerance: 0.01}`.",
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
        sample = _sample(
            params.text("path"),
            _columns(condition),
            items=condition.spec.items,
            seed=condition.suite_seed,
            where=where,
            state=_state(params.text("path")),
        )
        if condition.item >= len(sample.prompts):
            raise SuiteError(
                f"items is {condition.spec.items}, but there are only "
                f"{len(sample.prompts)} prompts",
                where=where,
                hint=f"items: {len(sample.prompts)}",
            )
        return {"stress": _outline(condition, sample.prompts[condition.item], sample.notes)}


def _columns(condition: Condition) -> LogColumns:
    params, spec = condition.params, condition.spec
    if params.text("prompt") and "field" in spec.params:
        raise SuiteError(
            "`field` and `prompt` both say where the prompt is",
            where=f"prompts.{spec.name}.params.prompt",
            hint="leave `field` out, and name its column in braces in `prompt`",
        )
    for name in ("prompt", "system"):
        try:
            columns_of(params.text(name))
        except SuiteError as error:
            where = f"prompts.{spec.name}.params.{name}"
            raise SuiteError(error.message, where=where, hint=error.hint) from error
    return LogColumns(
        field=params.text("field"),
        answer=params.text("answer_field"),
        time=params.text("time_field"),
        options=params.text("options_field"),
        prompt=params.text("prompt"),
        system=params.text("system"),
        required=tuple(spec.params),
        delimiter=params.text("delimiter"),
    )


def _outline(condition: Condition, prompt: LoggedPrompt, notes: tuple[str, ...]) -> PromptOutline:
    params, spec = condition.params, condition.spec
    scorer = known_scorer(params.text("scorer"), f"prompts.{spec.name}.params.scorer")
    judged = bool(prompt.answers)
    scorer_params = params.mapping("scorer_params")
    if prompt.options:
        scorer_params["options"] = list(prompt.options)
    single = len(prompt.messages) == 1 and prompt.messages[0] == Message(
        role="user", content=prompt.messages[0].content
    )
    return PromptOutline(
        question=last_user(prompt.messages),
        messages=() if single else prompt.messages,
        expected=prompt.answers,
        scorer=scorer if judged else None,
        scorer_params=scorer_params if judged else {},
        params={} if prompt.time_s is None else {"timestamp_s": prompt.time_s},
        origin=f"row {prompt.row + 1} of {params.text('path')!r}",
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    prompts: tuple[LoggedPrompt, ...]
    """In the order of the traffic."""
    notes: tuple[str, ...]


_State: TypeAlias = tuple[int, int] | None


def _state(path: str) -> _State:
    """When a file was last written, and its size; None for what is no file."""
    try:
        found = Path(path).expanduser().stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


@dataclass(slots=True)
class _Stratum:
    seen: int = 0
    kept: list[LoggedPrompt] = field(default_factory=list)


@lru_cache(maxsize=8)
def _sample(
    path: str, columns: LogColumns, *, items: int, seed: int, where: str, state: _State
) -> _Sample:
    """Sample at most ``items`` prompts. ``state`` makes a changed file be read again."""
    del state
    rng = derive_rng(seed, "replay", path)
    strata = [_Stratum() for _ in range(_LENGTHS)]
    reader = LogReader(path, columns, where=where)
    for prompt in reader.prompts():
        stratum = strata[min(prompt.characters.bit_length(), _LENGTHS - 1)]
        stratum.seen += 1
        if len(stratum.kept) < items:
            stratum.kept.append(prompt)
        else:
            place = rng.randrange(stratum.seen)
            if place < items:
                stratum.kept[place] = prompt
    reader.check()
    chosen: list[LoggedPrompt] = []
    for stratum, share in zip(strata, _shares([s.seen for s in strata], items), strict=True):
        chosen += rng.sample(stratum.kept, min(share, len(stratum.kept)))
    if all(prompt.time_s is not None for prompt in chosen):  # a log may be out of order
        chosen.sort(key=lambda prompt: (prompt.time_s or 0.0, prompt.row))
    else:
        chosen.sort(key=lambda prompt: prompt.row)
    return _Sample(tuple(chosen), reader.notes())


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


PLUGIN = Replay()
