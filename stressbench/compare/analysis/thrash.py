"""Routing instability: whether routing or answers flip although nothing relevant has changed.

Compared are the same requests under several variants of the engine (one request at a time or
many, prefix caching on or off, the same set-up twice) or in several runs, and prompts of one run
with a common prefix. The routing of a token in a causal model without dropped tokens does not
depend on later tokens, nor on other requests in the batch. So differences are numerical, and the
flips of an A/A pair are the floor that any other effect must exceed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final, cast

import numpy as np

from stressbench import store
from stressbench.compare.analysis.overlap import Choices, OverlapSums, common_prefix, median
from stressbench.errors import CompareError
from stressbench.schema.analysis.thrash import Between, Overlap, Thrash
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import ModelRun
from stressbench.schema.suite.roles import check_role
from stressbench.store.arrays import ADDRESS, ArrayReader

_RIGHT: Final = 0.5
"""An answer with at least this score is right."""
_BOTH: Final = 2
_SUFFIX_SHARE: Final = 0.5
"""Two prompts have a common prefix if it is at least this share of the shorter one."""
_NO_PROBE: Final = "the run has no routing telemetry"
_NO_CHOICES: Final = "no choices were kept: give the routing probe `keep_ids: true`"
_NO_PAIR: Final = "nothing to compare: one run, one engine variant, no prompts with a common prefix"


_FIELDS: Final = (
    *ADDRESS,
    *("cluster_id", "prompt_sha256", "status", "quality.score", "output.text", "why_null"),
    "routing",
)


@dataclass(slots=True)
class _RunRole:
    """One role of one run: the answers under load, and the routing of the telemetry pass."""

    name: str
    run: store.Run
    arrays: ArrayReader
    model_role: str
    model: ModelRun
    answers: dict[str, CaseRecord] = field(default_factory=dict)
    """The first record of each case, failed ones included: of the quality pass, or of another pass
    if the case is not in that one."""
    routed: dict[str, CaseRecord] = field(default_factory=dict)
    why_not_routed: str = _NO_PROBE

    @property
    def set_up(self) -> tuple[object, ...]:
        """The facts that must be equal for two sides to be an A/A pair."""
        header = self.run.header
        load = header.suite_spec.get("load")
        return self.model.sha256, self.model.engine_args, load, header.machine.packages

    def take(self, row: CaseRecord) -> None:
        if row.repeat != 0:
            return
        if row.pass_ == "quality" or row.case_id not in self.answers:
            self.answers[row.case_id] = row
        if row.sections["routing"] is not None:
            self.routed[row.case_id] = row
        elif row.pass_ == "telemetry":
            self.why_not_routed = row.why_null.get("routing", _NO_PROBE)

    def choices(self, row: CaseRecord) -> Choices | None:
        """The expert choices of a request from the run's arrays; None if they were not kept."""
        arrays = self.arrays.read(row, "routing")
        if "ids" not in arrays:
            return None
        return Choices(
            prompt_ids=arrays["prompt_ids"].astype(np.int32),
            positions=arrays["positions"].astype(np.int32),
            ids=arrays["ids"].astype(np.int16),
            margins=arrays["margins"].astype(np.float32),
            experts=_experts(row),
        )


def _experts(row: CaseRecord) -> int:
    """The number of experts per layer, from the routing section."""
    routing = row.sections["routing"] or {}
    return int(cast("int", routing["experts"]))


def thrash(paths: Sequence[Path]) -> Thrash:
    """Compare all requests that can be paired, in one run or in several of the same suite.

    Raises ``ResultsError`` for files that cannot be read and for lost arrays, ``CompareError`` if
    there is nothing to pair.
    """
    sides = [side for path in paths for side in _sides(path, several=len(paths) > 1)]
    overlaps = [*_against_the_first(sides), *_suffixes(sides)]
    if not overlaps:
        raise CompareError(
            _NO_PAIR,
            where=", ".join(map(str, paths)),
            hint="name two runs of a suite, or list several variants under `engine:` in the suite",
        )
    return Thrash(overlaps=overlaps, why_null=dict(_reasons(sides, overlaps)))


def _sides(path: Path, *, several: bool) -> Iterator[_RunRole]:
    run = store.read_run(path)
    arrays = ArrayReader(run.directory)
    sides = {
        role: _RunRole(
            name=f"{run.header.run_id} {role}" if several else role,
            run=run,
            arrays=arrays,
            model_role=role.partition("@")[0],
            model=model,
        )
        for role, model in run.header.models.items()
    }
    for row in store.records(run.path, _FIELDS):
        check_role(row.role_name, sides, run.path)
        sides[row.role_name].take(row)
    yield from sides.values()


def _against_the_first(sides: Sequence[_RunRole]) -> Iterator[Overlap]:
    """Each side against the first side of the same model, request by request."""
    first: dict[str, _RunRole] = {}
    for side in sides:
        base = first.setdefault(side.model_role, side)
        if base is not side and (base.answers.keys() & side.answers.keys()):
            between: Between = "set-ups" if base.run is side.run else "runs"
            yield _compared(base, side, between)


def _compared(base: _RunRole, cand: _RunRole, between: Between) -> Overlap:
    tally, answers = OverlapSums(), _Answers()
    for one, other in _same(base.answers, cand.answers):
        answers.add(one, other)
    for one, other in _same(base.routed, cand.routed):
        left, right = base.choices(one), cand.choices(other)
        if left is not None and right is not None:
            same = one.output.text is not None and one.output.text == other.output.text
            before = _END if same else len(left.prompt_ids)
            tally.add(one.cluster_id, left, right, before)
    return _overlap(
        between, (base.name, cand.name), tally, answers, alike=base.set_up == cand.set_up
    )


_END: Final = 1 << 30


def _same(
    base: Mapping[str, CaseRecord], cand: Mapping[str, CaseRecord]
) -> Iterator[tuple[CaseRecord, CaseRecord]]:
    """The requests of both sides with identical prompt tokens."""
    for case_id in sorted(base.keys() & cand.keys()):
        if base[case_id].prompt_sha256 == cand[case_id].prompt_sha256:
            yield base[case_id], cand[case_id]


def _suffixes(sides: Sequence[_RunRole]) -> Iterator[Overlap]:
    """Prompts of one side with a common prefix: neighbours in the order of their tokens."""
    for side in sides:
        found = [(row, side.choices(row)) for row in side.routed.values()]
        kept = [(row, choices) for row, choices in found if choices is not None]
        kept.sort(key=lambda each: each[1].prompt_ids.tolist())
        tally, text = OverlapSums(), 0
        for (_, one), (_, other) in pairwise(kept):
            prefix = common_prefix(one.prompt_ids, other.prompt_ids)
            shorter = min(len(one.prompt_ids), len(other.prompt_ids))
            if prefix < _SUFFIX_SHARE * shorter:
                text += 1  # a new text begins; all pairs about one text are one item
            elif prefix < max(len(one.prompt_ids), len(other.prompt_ids)):
                tally.add(f"text {text}", one, other, prefix)
        if tally.rows:
            yield _overlap("suffixes", (side.name, side.name), tally, _Answers(), alike=None)


@dataclass(slots=True)
class _Answers:
    """Counts of pairs of answers to the same question."""

    n: int = 0
    failed: int = 0
    changed: int = 0
    hidden: int = 0
    """Pairs whose texts are not in the files (``record_prompts: false``)."""
    lost: int = 0
    gained: int = 0

    def add(self, base: CaseRecord, cand: CaseRecord) -> None:
        self.n += 1
        answered = (base.status == "ok") + (cand.status == "ok")
        self.failed += answered != _BOTH
        if answered == _BOTH and None in {base.output.text, cand.output.text}:
            self.hidden += 1
        else:
            self.changed += answered == 1 or base.output.text != cand.output.text
        scores = base.quality.score, cand.quality.score
        if scores[0] is None or scores[1] is None:
            return
        right, still = scores[0] >= _RIGHT, scores[1] >= _RIGHT
        self.lost += right and not still
        self.gained += still and not right


def _overlap(
    between: Between,
    names: tuple[str, str],
    tally: OverlapSums,
    answers: _Answers,
    *,
    alike: bool | None,
) -> Overlap:
    some = tally.rows > 0
    items_flipped = tally.items_flipped() if some else (None, None)
    return Overlap(
        between=between,
        base=names[0],
        cand=names[1],
        same_set_up=alike,
        n=max(answers.n, len(tally.items)),
        items=len(set(tally.items)),
        rows=tally.rows,
        overlap=tally.kept / tally.rows if some else None,
        overlap_by_chance=tally.chance if some else None,
        flipped=float(tally.by_item().mean()) if some else None,
        flipped_ci=tally.interval() if some else None,
        items_flipped=items_flipped[0],
        items_flipped_ci=items_flipped[1],
        tokens_flipped=tally.tokens_flipped / tally.tokens if some else None,
        margin_flipped=median(tally.margins_flipped),
        margin=median(tally.margins),
        flipped_by_layer=(tally.by_layer / np.maximum(tally.rows_by_layer, 1)).tolist(),
        answers=answers.n,
        answers_changed=None if answers.hidden else answers.changed,
        failed=answers.failed,
        lost=answers.lost,
        gained=answers.gained,
    )


def _reasons(sides: Sequence[_RunRole], overlaps: Sequence[Overlap]) -> Iterator[tuple[str, str]]:
    """Why some sides have no routing to compare, by their names."""
    compared = {name for each in overlaps if each.rows for name in (each.base, each.cand)}
    for side in sides:
        if side.name not in compared:
            yield side.name, _NO_CHOICES if side.routed else side.why_not_routed
