"""Answers that no scorer could judge: missing in every mean, counted in every table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from stressbench.schema.results.record import CaseRecord
from stressbench.scorers.numeric import Numeric
from stressbench.store import read_run
from tests import records
from tests.conftest import Cli

ITEMS = 12


def unjudged(record: CaseRecord) -> CaseRecord:
    quality = replace(
        record.quality, score=None, em=None, precision=None, recall=None, outcome="unjudged"
    )
    why = dict.fromkeys(("quality.score", "quality.em"), "the odd scorer failed with ValueError: x")
    return replace(record, quality=quality, why_null=why)


def written(path: Path, lost: frozenset[int]) -> Path:
    """Half of the answers right, half wrong; those of ``lost`` items not judged."""
    some = [
        records.record(item, score=float(item % 2), arm=arm)
        for item in range(ITEMS)
        for arm in ("stress", "isocontent")
    ]
    kept = [unjudged(r) if int(r.item_id.rpartition("i")[2]) in lost else r for r in some]
    return records.write(path / "records.jsonl", kept).parent


LOST = {"none": frozenset(), "some": frozenset({1, 3, 5}), "all": frozenset(range(ITEMS))}


@pytest.mark.parametrize("lost", LOST)
def test_every_command_reads_them(cli: Cli, tmp_path: Path, lost: str) -> None:
    run, other = written(tmp_path / "a", LOST[lost]), written(tmp_path / "b", frozenset())
    commands = [
        ("report", run),
        ("report", run, "--html", tmp_path / "page.html"),
        ("report", run, "--markdown", tmp_path / "page.md"),
        ("compare", run, other),
        ("compare", other, run, "--degradation", "--format", "markdown"),
        ("history", tmp_path),
        ("thrash", run, other),
        ("predict", run),
        ("show", run, records.record(1).case_id),
    ]
    nothing = {4} if lost == "all" else set()  # a gate needs a value on both sides
    for command in commands:
        left = cli(*command)
        assert left.code in {0, 1, 5} | nothing, (command, left.err)
        assert "Traceback" not in left.err
        assert "internal error" not in left.err


def test_the_mean_is_over_those_that_were_judged(cli: Cli, tmp_path: Path) -> None:
    run = written(tmp_path / "a", LOST["some"])
    left = cli("report", run)
    assert "6 answers could not be judged" in left.out
    row = next(line for line in left.out.splitlines() if " dense " in line and "33 %" in line)
    assert " 12 " in row
    shown = cli("show", run, records.record(1).case_id)
    assert "not judged: the odd scorer failed with ValueError: x" in shown.out


def test_a_comparison_states_how_many_it_is_over(cli: Cli, tmp_path: Path) -> None:
    run, other = written(tmp_path / "a", LOST["some"]), written(tmp_path / "b", frozenset())
    left = cli("compare", other, run, "--format", "json")
    found = json.loads(left.out)["findings"]
    whole = {f["metric"]: f for f in found if not f["scope"].get("prompt_class")}
    assert whole["quality.score"]["n"] == ITEMS - 3
    assert whole["outcome.unjudged"]["n"] == ITEMS


SUITE = """\
schema: 1
name: odd
models:
  dense: {model: reference-dense}
load: {concurrency: 4}
prompts:
  - {use: replay, items: 3, params: {path: traffic.jsonl, scorer: numeric}}
  - {use: short_qa, items: 4}
"""


def test_a_run_goes_on_where_one_reference_cannot_be_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a scorer of a third party, which need not check references, or whose check missed one."""
    monkeypatch.setattr(Numeric, "check", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    rows = ({"prompt": f"How many? {n}", "answer": n} for n in ("12", "about twelve", "3"))
    (tmp_path / "traffic.jsonl").write_text(
        "".join(f"{json.dumps(row)}\n" for row in rows), "utf-8"
    )
    (tmp_path / "odd.yaml").write_text(SUITE, "utf-8")
    left = cli("run", "odd.yaml", "--engine", "simulated", "--out", "out", "--no-progress")
    assert left.code == 0, left.err
    (directory,) = (tmp_path / "out").iterdir()
    run = read_run(directory)
    assert run.end is not None
    assert run.end.status == "complete"
    found = {record.case_id: record for record in run.records()}
    assert len(found) == run.end.planned == 7
    (lost,) = [each for each in found.values() if each.quality.score is None]
    assert (lost.status, lost.quality.expected) == ("ok", ["about twelve"])
    assert "the numeric scorer failed with ValueError" in lost.why_null["quality.score"]
