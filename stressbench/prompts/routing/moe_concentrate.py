"""Words that were found to load few experts: search first, then attack with held-out proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Final, TypeAlias

import msgspec

from stressbench.errors import SuiteError
from stressbench.prompts.base import Condition, Param, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES
from stressbench.prompts.material.haystacks import lexicon
from stressbench.prompts.material.wording import controls
from stressbench.prompts.routing.moe_repeat import Repetition, canary
from stressbench.schema.suite.suite import Arm

Words: TypeAlias = tuple[str, ...]

_PARENTS: Final = 4
"""Sets that a further round of the search varies."""


def _candidates() -> Words:
    things = [word for setting in lexicon.SETTINGS for word in setting.thing]
    words = [*lexicon.WORDS["adjective"], *things]
    return tuple(dict.fromkeys(word for word in words if word.isalpha()))


CANDIDATES: Final = _candidates()


class MoeConcentrate:
    """Router-adversarial words by black-box search on a routing log.

    Without ``log`` this is the first round of the search: every item repeats another
    candidate word, and the run's records tell how unbalanced each made the experts. With
    ``log`` (the ``records.jsonl`` of a round) and ``search: true`` it is a further round:
    every item varies one of the best sets by a word. With ``log`` alone it is the attack:
    the best set of the log in every prompt. Attacks ask for other facts than searches do,
    so that the effect is reported on prompts that no choice was made on, and the best of
    many noisy figures does not flatter itself. Controls of the same length: as many words
    drawn at random (``isocontent``), prose (``isotoken``), a single frequent word
    (``moe_repeat``).
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "isotoken", "no_context", "oracle_context"),
        params=(
            Param(name="log", default="", doc="records.jsonl of a round of the search."),
            Param(name="search", default=False, doc="Another round, from the log's best sets."),
            Param(
                name="words", default=4, least=1, most=64, doc="Most words of a set (search: true)."
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """The canary among the words, among random ones, in prose; no text, the canary alone."""
        log, search = condition.params.text("log"), condition.params.flag("search")
        plain = canary(condition, CITIES[1::2] if log and not search else CITIES[::2])
        if not log:
            words: Words = (CANDIDATES[condition.pick("candidate", len(CANDIDATES))],)
        else:
            ranked = strongest(log, where=condition.spec.name)
            words = _varied(condition, ranked) if search else ranked[0]
        drawn = tuple(condition.rng("control").sample(CANDIDATES, len(words)))
        return {
            **controls(plain),
            "stress": _among(plain, words),
            "isocontent": _among(plain, drawn),
            "isotoken": plain,
        }


def _among(plain: PromptOutline, words: Words) -> PromptOutline:
    return replace(plain, filler=Repetition(words), params={"searched": " ".join(words)})


def _varied(condition: Condition, ranked: Sequence[Words]) -> Words:
    """One of the best sets with a word of another good one added, or in place of its own."""
    rng = condition.rng("search")
    parent = ranked[condition.item % min(_PARENTS, len(ranked))]
    good = [word for words in ranked[: 4 * _PARENTS] for word in words if word not in parent]
    word = rng.choice(good or CANDIDATES)
    if len(parent) < condition.params.count("words"):
        return (*parent, word)
    place = rng.randrange(len(parent))
    return (*parent[:place], word, *parent[place + 1 :])


class _Routed(msgspec.Struct):
    prompt_class: str
    arm: str
    params: dict[str, object]
    routing: dict[str, object] | None = None


class _Kind(msgspec.Struct):
    type: str


@cache
def strongest(log: str, *, where: str) -> Sequence[Words]:
    """Sets of words of a search run by the mean load imbalance they caused, worst first."""
    found: dict[Words, list[float]] = {}
    place = f"prompts.{where}.params.log"
    kind, routed = msgspec.json.Decoder(_Kind), msgspec.json.Decoder(_Routed)
    try:
        with Path(log).expanduser().open("rb") as lines:
            for raw in lines:
                line = raw.removeprefix(b"\xef\xbb\xbf").strip()
                if not line or not line.endswith(b"}"):  # blank, or cut by a crash
                    continue
                if kind.decode(line).type != "case":
                    continue
                record = routed.decode(line)
                words = record.params.get("searched")
                load = (record.routing or {}).get("imbalance_mean")
                if record.arm == "stress" and isinstance(words, str) and isinstance(load, float):
                    found.setdefault(tuple(words.split(" ")), []).append(load)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"not a run's records: {error}", where=place) from error
    if not found:
        raise SuiteError(
            "the log holds no routing telemetry of this class",
            where=place,
            hint="run moe_concentrate without `log` on a sparse model with the routing probe first",
        )
    return sorted(found, key=lambda words: (-fmean(found[words]), words))


PLUGIN = MoeConcentrate()
