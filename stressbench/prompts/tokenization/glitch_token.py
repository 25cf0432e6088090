"""Tokens that the model has rarely or never seen in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from stressbench.errors import SuiteError
from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.build.encoded import Encoded
from stressbench.schema.suite.suite import Arm

_ORDINARY: Final = ("apple", "river", "table", "stone", "window", "garden", "bridge", "candle")


class _Wording(NamedTuple):
    """The text around the token to repeat."""

    before: str
    after: str
    question: str


_WORDINGS: Final = {
    "string": _Wording(
        "Repeat the following string exactly:", "\n\n", "Answer with the string only."
    ),
    "word": _Wording('Say this word: "', '"\n\n', "Answer with the word only."),
}


class GlitchToken:
    """Repeat one under-trained token of the model.

    Such tokens differ from model to model (Land and Bartolo 2024, Fishing for Magikarp), so
    there is no built-in list. Give the list that
    ``stressbench tokens --glitch MODEL --format json`` writes, the folder of a model, or token
    ids. The twin asks for an ordinary word.
    """

    traits = Traits(
        scorer="decode_match",
        arms=("stress", "isocontent"),
        params=(
            Param(
                name="file",
                default="",
                doc="A list of glitch tokens in JSON, or the folder of a model.",
            ),
            Param(name="ids", default="", doc="Instead of a file: token ids, separated by commas."),
            Param(
                name="wording",
                default="string",
                choices=tuple(_WORDINGS),
                doc="How the prompt asks for the token.",
            ),
        ),
        max_tokens=16,
        tiny={"ids": "81,90"},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline copying the glitch token, and copying an ordinary word."""
        listed = _listed(condition)
        token = listed[condition.pick("token", len(listed))]
        word = _ORDINARY[condition.pick("word", len(_ORDINARY))]
        plain = _copy(word, _WORDINGS[condition.params.text("wording")])
        shown = condition.prompt_format.tokenizer.decode([token])
        odd = Passage(part="needle", text=shown)
        return {
            "stress": replace(
                plain,
                passages=(odd,),
                encode=lambda _, text: Encoded(text, (token,), forced=True),
                expected=(shown.strip(),),
                params={"token_id": token},
            ),
            "isocontent": plain,
        }


def _copy(word: str, wording: _Wording) -> PromptOutline:
    return PromptOutline(
        head=wording.before,
        passages=(Passage(part="needle", text=f" {word}"),),
        close=wording.after,
        question=wording.question,
        expected=(word,),
    )


class _ListedToken(msgspec.Struct):
    token_id: int


def _listed(condition: Condition) -> tuple[int, ...]:
    where = f"prompts.{condition.spec.name}.params"
    ids, file = condition.params.text("ids"), condition.params.text("file")
    if ids:
        try:
            return tuple(int(text) for text in ids.split(","))
        except ValueError as error:
            raise SuiteError(
                f"{ids!r} is not a list of token ids",
                where=f"{where}.ids",
                hint="separate whole numbers with commas: ids: '81,90'",
            ) from error
    if not file:
        raise SuiteError(
            "glitch_token needs a list of tokens",
            where=where,
            hint="stressbench tokens --glitch MODEL --format json > glitch.json, "
            "then params: {file: glitch.json}",
        )
    return _read(file, f"{where}.file")


@cache
def _read(file: str, where: str) -> tuple[int, ...]:
    path = Path(file).expanduser()
    if path.is_dir():
        from stressbench.survey.glitch import candidates

        return tuple(found.token_id for found in candidates(path))
    try:
        listed = msgspec.json.decode(path.read_bytes(), type=list[_ListedToken])
    except (OSError, msgspec.DecodeError) as error:
        raise SuiteError(
            f"{file!r} is not a list of glitch tokens: {error}", where=where
        ) from error
    if not listed:
        raise SuiteError(f"the list of glitch tokens in {file!r} is empty", where=where)
    return tuple(found.token_id for found in listed)


PLUGIN = GlitchToken()
