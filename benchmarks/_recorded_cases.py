"""The answers of a recorded run, each with the case that its suite and seed generate again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stressbench.errors import ResultsError
from stressbench.runner.plan.models import open_models
from stressbench.runner.plan.prepare import open_prompt_formats
from stressbench.runner.plan.requests import LEVEL, Plan, limited
from stressbench.schema.case import Case
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.parse import parse_suite
from stressbench.store import Run, read_run


@dataclass(frozen=True, slots=True)
class Answered:
    """One recorded answer and its case."""

    record: CaseRecord
    case: Case

    @property
    def text(self) -> str:
        """What the model wrote."""
        return self.record.output.text or ""


def recorded_answers(path: Path) -> Iterator[Answered]:
    """Yield every request of a run whose answer can be judged again, with its case.

    Left out are failed requests, answers that were not recorded, and requests caused by an
    earlier answer. A record has neither the prompt's values nor the scorer's parameters, so
    the cases are generated again. Raises ``ResultsError`` if a case is not the same today.
    """
    run = read_run(path)
    cases = regenerated_cases(run)
    for record in run.records():
        if record.status == "ok" and record.output.text is not None and record.wave == 0:
            yield Answered(record, _case_of(record, cases, run))


def regenerated_cases(run: Run) -> dict[str, Case]:
    """Return the cases that the run's suite and seed generate, by id."""
    suite = parse_suite(msgspec.json.encode(run.header.suite_spec), source=str(run.path))
    spec = limited(suite.spec, run.header.limit)
    models = open_models(spec, _silent, weights=False)
    plan = Plan(spec, open_prompt_formats(suite, models))
    return {case.case_id: case for cases in plan.cases for case in cases}


def _case_of(record: CaseRecord, cases: Mapping[str, Case], run: Run) -> Case:
    """The case of a record, whose text a lever may have changed."""
    level = record.params.get(LEVEL)
    planned = record.case_id if level is None else record.case_id.replace(f"/{level}/", "/", 1)
    case = cases.get(planned)
    same_text = case is not None and (record.lever or case.content_sha256 == record.content_sha256)
    if case is None or not same_text or list(case.expected) != record.quality.expected:
        raise ResultsError(
            f"the case {record.case_id} is no longer generated as it was recorded",
            where=str(run.path),
            hint=f"check out the revision that recorded it: {run.header.git_revision}",
        )
    return case


def _silent(*_: object) -> None:
    """Report no progress: the tokenizers are small."""
