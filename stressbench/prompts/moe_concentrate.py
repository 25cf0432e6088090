"""Words that were found to load few experts: search first, then attack with held-out proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from stressbench.errors import SuiteError
from stressbench.prompts._outline import controls
from stressbench.prompts.base import Cell, Draft, Param, Traits
from stressbench.prompts.haystacks import lexicon
from stressbench.prompts.moe_repeat import Repetition, canary
from stressbench.schema.suite import Arm


def _candidates() -> tuple[str, ...]:
    things = [word for setting in lexicon.SETTINGS for word in setting.thing]
    words = [*lexicon.WORDS["adjective"], *things]
    return tuple(dict.fromkeys(word for word in words if word.isalpha()))


CANDIDATES: Final = _candidates()


class MoeConcentrate:
    """Router-adversarial words by black-box search on a routing log.

    Without ``log`` this is the search: every item repeats another candidate word, and the
    run's records tell how unbalanced each made the experts. With ``log`` (the
    ``records.jsonl`` of such a run) it is the attack: the strongest words are mixed into
    every prompt. Whether the effect holds is judged on other items than the search saw,
    against prose of the same length (``isotoken``) and a single frequent word
    (``moe_repeat``).
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isotoken", "no_context", "oracle_context"),
        params=(
            Param(name="log", default="", doc="records.jsonl of a search run."),
            Param(
                name="words",
                default=4,
                least=1,
                most=64,
                doc="How many of the strongest words to mix (with a log).",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def drafts(self, cell: Cell) -> Mapping[Arm, Draft]:
        """The canary among the words, in prose, no text, the canary alone."""
        plain = canary(cell)
        log = cell.params.text("log")
        if log:
            words = tuple(strongest(log, where=cell.spec.name)[: cell.params.count("words")])
        else:
            words = (CANDIDATES[cell.pick("candidate", len(CANDIDATES))],)
        stress = replace(plain, filler=Repetition(words), params={"searched": " ".join(words)})
        return {**controls(plain), "stress": stress, "isotoken": plain}


class _Routed(msgspec.Struct):
    prompt_class: str
    arm: str
    params: dict[str, object]
    routing: dict[str, object] | None = None


class _Kind(msgspec.Struct):
    type: str


@cache
def strongest(log: str, *, where: str) -> Sequence[str]:
    """Words of a search run by the load imbalance that they caused, worst first."""
    found: dict[str, list[float]] = {}
    place = f"prompts.{where}.params.log"
    kind, routed = msgspec.json.Decoder(_Kind), msgspec.json.Decoder(_Routed)
    try:
        with Path(log).expanduser().open("rb") as lines:
            for line in lines:
                if kind.decode(line).type != "case":
                    continue
                record = routed.decode(line)
                word = record.params.get("searched")
                load = (record.routing or {}).get("imbalance_mean")
                if record.arm == "stress" and isinstance(word, str) and isinstance(load, float):
                    found.setdefault(word, []).append(load)
    except (OSError, msgspec.DecodeError) as error:
        raise SuiteError(f"not a run's records: {error}", where=place) from error
    if not found:
        raise SuiteError(
            "the log holds no routing telemetry of this class",
            where=place,
            hint="run moe_concentrate without `log` on a sparse model with the routing probe first",
        )
    return sorted(found, key=lambda word: (-max(found[word]), word))


PLUGIN = MoeConcentrate()
