"""Words that load few experts: found by a search, then used on facts the search did not use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Final, TypeAlias

from stressbench import store
from stressbench.errors import ResultsError, SuiteError
from stressbench.prompts.base import Condition, Param, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES
from stressbench.prompts.material.haystacks import lexicon
from stressbench.prompts.material.wording import controls
from stressbench.prompts.routing.moe_repeat import Repetition, canary
from stressbench.schema.suite.suite import Arm

WordSet: TypeAlias = tuple[str, ...]

_PARENTS: Final = 4
"""Number of best sets that a further round of the search varies."""


def _candidates() -> WordSet:
    things = [word for setting in lexicon.SETTINGS for word in setting.thing]
    words = [*lexicon.WORDS["adjective"], *things]
    return tuple(dict.fromkeys(word for word in words if word.isalpha()))


CANDIDATES: Final = _candidates()


class MoeConcentrate:
    """Words that unbalance the experts, found by a black-box search in rounds.

    Without ``log`` a run is the first round of the search: each item repeats another
    candidate word, and the records show how unevenly it loaded the experts. With ``log`` (the
    run of a round) and ``search: true`` it is a further round: each item changes one of the
    best sets by one word. With ``log`` alone it is the attack: every prompt repeats the best
    set. Attacks ask for other facts than searches do, so the effect is reported on prompts on
    which nothing was selected; otherwise the best of many noisy figures would look better than
    it is. Controls: as many words drawn at random (``isocontent``), whose tokens may be more or
    fewer; prose of the same length (``isotoken``); a single frequent word (``moe_repeat``).
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "isotoken", "no_context", "oracle_context"),
        params=(
            Param(
                name="log",
                default="",
                doc="The run of a search round: its directory or its records.jsonl.",
            ),
            Param(
                name="search",
                default=False,
                doc="Whether this is another round of the search, from the best sets of the log.",
            ),
            Param(
                name="words",
                default=4,
                least=1,
                most=64,
                doc="Largest number of words in a set (search: true).",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the canary among the words, among random words, in prose, and alone."""
        log, search = condition.params.text("log"), condition.params.flag("search")
        plain = canary(condition, CITIES[1::2] if log and not search else CITIES[::2])
        if not log:
            words: WordSet = (CANDIDATES[condition.pick("candidate", len(CANDIDATES))],)
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


def _among(plain: PromptOutline, words: WordSet) -> PromptOutline:
    return replace(plain, filler=Repetition(words), params={"searched": " ".join(words)})


def _varied(condition: Condition, ranked: Sequence[WordSet]) -> WordSet:
    """Take one of the best sets and add a word of another good set, or replace one by it."""
    rng = condition.rng("search")
    parent = ranked[condition.item % min(_PARENTS, len(ranked))]
    good = [word for words in ranked[: 4 * _PARENTS] for word in words if word not in parent]
    word = rng.choice(good or CANDIDATES)
    if len(parent) < condition.params.count("words"):
        return (*parent, word)
    place = rng.randrange(len(parent))
    return (*parent[:place], word, *parent[place + 1 :])


@cache
def strongest(log: str, *, where: str) -> Sequence[WordSet]:
    """Return the word sets of a search run, those with the highest mean load imbalance first.

    ``log`` is a run directory or its ``records.jsonl``. Raises ``SuiteError``.
    """
    found: dict[WordSet, list[float]] = {}
    field = f"prompts.{where}.params.log"
    try:
        for case in store.records(Path(log).expanduser(), ("arm", "params", "routing")):
            words = case.params.get("searched")
            load = (case.sections["routing"] or {}).get("imbalance_mean")
            if case.arm == "stress" and isinstance(words, str) and isinstance(load, int | float):
                found.setdefault(tuple(words.split(" ")), []).append(load)
    except ResultsError as error:
        raise SuiteError(
            f"{error.where}: {error.message}",
            where=field,
            hint="name the run directory of a search, or its records.jsonl",
        ) from error
    if not found:
        raise SuiteError(
            f"{log!r} holds no routing telemetry of this class",
            where=field,
            hint="first run moe_concentrate without `log`, on a sparse model, with the routing "
            "probe",
        )
    return sorted(found, key=lambda words: (-fmean(found[words]), words))


PLUGIN = MoeConcentrate()
