"""Tokens that the model has hardly ever seen in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from stressbench.errors import SuiteError
from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.build.encoded import Encoded
from stressbench.schema.suite.suite import Arm

_ORDINARY: Final = ("apple", "river", "table", "stone", "window", "garden", "bridge", "candle")


class GlitchToken:
    """Repeat one under-trained token, found in the model's own embeddings.

    The list is of the model (Land and Bartolo 2024, Fishing for Magikarp), never fixed:
    give the file that ``stressbench tokens --glitch MODEL --format json`` writes, a
    model's folder, or token ids. The twin copies an ordinary word.
    """

    traits = Traits(
        scorer="decode_match",
        arms=("stress", "isocontent"),
        params=(
            Param(name="file", default="", doc="A glitch list in JSON, or a model's folder."),
            Param(name="ids", default="", doc="Token ids, separated by commas, instead."),
        ),
        max_tokens=16,
        tiny={"ids": "81,90"},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """The odd token to copy, and an ordinary word to copy."""
        listed = _listed(condition)
        token = listed[condition.pick("token", len(listed))]
        plain = _copy(_ORDINARY[condition.pick("word", len(_ORDINARY))])
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


def _copy(word: str) -> PromptOutline:
    return PromptOutline(
        head="Repeat the following string exactly:",
        passages=(Passage(part="needle", text=f" {word}"),),
        close="\n\n",
        question="Answer with the string only.",
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
            raise SuiteError(f"not token ids: {ids!r}", where=f"{where}.ids") from error
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
        raise SuiteError(f"not a list of glitch tokens: {error}", where=where) from error
    if not listed:
        raise SuiteError("the list of glitch tokens is empty", where=where)
    return tuple(found.token_id for found in listed)


PLUGIN = GlitchToken()
