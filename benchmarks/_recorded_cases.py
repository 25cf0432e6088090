"""The answers of a recorded run, each with the case that its suite and seed generate again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stressbench.errors import ResultsError
from stressbench.runner.plan.models import open_models
from stressbench.runner.plan.prepare import open_prompt_formats
from stressbench.runner.plan.requests import Plan, limited
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
    """Yield every successful request of a run whose answer was recorded, with its case.

    A record holds neither the prompt's values nor the scorer's parameters, so the cases are
    generated again. Raises ``ResultsError`` for a record whose case is not the same today.
    """
    run = read_run(path)
    cases = regenerated_cases(run)
    for record in run.records():
        if record.status != "ok" or record.output.text is None:
            continue
        case = cases.get(_planned_id(record))
        if case is None or case.content_sha256 != record.content_sha256:
            raise ResultsError(
                f"the case {record.case_id} is no longer generated as it was recorded",
                where=str(run.path),
                hint=f"check out the revision that recorded it: {run.header.git_revision}",
            )
        yield Answered(record, case)


def regenerated_cases(run: Run) -> dict[str, Case]:
    """Return the cases that the run's suite and seed generate, by id."""
    suite = parse_suite(msgspec.json.encode(run.header.suite_spec), source=str(run.path))
    spec = limited(suite.spec, run.header.limit)
    models = open_models(spec, _say_nothing, weights=False)
    plan = Plan(spec, open_prompt_formats(suite, models))
    return {case.case_id: case for cases in plan.cases for case in cases}


def _planned_id(record: CaseRecord) -> str:
    """The id of the record's case without its level in a load sweep."""
    level = record.params.get("load_level")
    return record.case_id if level is None else record.case_id.replace(f"/{level}/", "/", 1)


def _say_nothing(*_: object) -> None:
    """Nobody watches the models being opened."""
