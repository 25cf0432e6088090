"""Data sets of one's own: a class that a suite uses several times is shown by its labels."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
import records as make

from stressbench.cli.watch.live import LiveView
from stressbench.compare.comparison import Options, compare
from stressbench.report import as_json
from stressbench.report.markdown import run as markdown
from stressbench.report.model.page.gather import page
from stressbench.report.model.run import reduce_run
from stressbench.report.model.view import RunReport
from stressbench.report.terminal.analysis.comparison import render
from stressbench.report.terminal.layout import plain_console, rendered
from stressbench.report.terminal.summary import summary

SETS = {"chat": 9, "faq": 12, "long": 8, "codes": 10}
"""Data sets, with how many requests each has; the first ``SETS[label] // 4`` of each failed."""
NAMES = ["chat (replay)", "codes (replay)", "faq (replay)", "long (replay)"]
SUITE = {"prompts": [{"use": "niah"}, *({"use": "replay", "label": label} for label in SETS)]}


def labelled(label: str, item: int, **fields):
    """A record of a data set, as ``replay`` has it: without budget, depth or twin."""
    record = make.record(item, prompt_class="replay", **fields)
    return msgspec.structs.replace(
        record,
        case_id=f"{label}/{record.arm}/i{item}",
        item_id=f"{label}/i{item}",
        cluster_id=f"{label}/i{item}",
        content_sha256=make.sha(f"{label}/{item}"),
        twin_of=None,
        params={"budget": None, "depth": None},
    )


def own(role: str = "dense"):
    """Records of all data sets on a model: every answer of ``long`` is wrong."""
    for label, n in SETS.items():
        for item in range(n):
            status = "error" if item < n // 4 else "ok"
            yield labelled(label, item, role=role, score=float(label != "long"), status=status)


def written(path: Path, rows) -> Path:
    rows = list(rows)
    roles = list(dict.fromkeys(row.role_name for row in rows))
    return make.write(path / "records.jsonl", rows, run=make.header(roles, suite_spec=SUITE))


@pytest.fixture
def run(tmp_path) -> Path:
    needles = [make.record(item) for item in range(5)]
    return written(tmp_path / "run", [*own(), *needles])


@pytest.fixture
def report(run) -> RunReport:
    return reduce_run(run).report


def test_each_data_set_has_a_row_with_its_own_n_score_and_failures(report):
    rows = {row.entry.name: row for row in report.rows}
    assert list(rows) == ["niah", *NAMES]
    for label, n in SETS.items():
        row = rows[f"{label} (replay)"]
        right = 0 if label == "long" else n - n // 4
        assert (row.n, row.clusters, row.failed) == (n, n, n // 4)
        assert row.score == pytest.approx(right / n)


def test_the_first_table_lists_them_as_the_suite_does(report):
    assert [row.entry.name for row in report.overview][1:] == [f"{n} (replay)" for n in SETS]
    shown = rendered([summary(report)], columns=100)
    _, _, quality = shown.partition("Quality: mean score under stress")
    lines = [line.split() for line in quality.splitlines()[3:9]]
    assert lines[:2] == [["niah", "dense", *lines[0][2:]], ["replay"]]
    assert [line[0] for line in lines[2:]] == list(SETS)
    assert [line[-5] for line in lines[2:5]] == ["9", "12", "8"]


def test_doses_and_their_limit_count_within_a_label(tmp_path):
    rows = [
        msgspec.structs.replace(
            labelled(label, item), params={"budget": budget, "depth": None}, case_id=case_id
        )
        for label in SETS
        for budget in range(100, 1000, 100)
        for item in range(2)
        for case_id in [f"{label}/stress/b{budget}/i{item}"]
    ]
    overview = reduce_run(written(tmp_path, rows)).report.overview
    assert len(overview) == 4 * 9
    assert [row.dose for row in overview[:2]] == ["100 tokens", "200 tokens"]


@pytest.mark.parametrize("part", ["costs", "latency", "degradation", "rows", "overview"])
def test_every_part_of_the_report_has_them(report, part):
    found = dict.fromkeys(each.entry.name for each in getattr(report, part) if each.entry)
    assert sorted(found) == [*NAMES, "niah"]


def test_what_broke_names_the_data_set(report):
    assert [line.where for line in report.headlines if line.role] == ["long (replay) on dense"]


def test_markdown_has_a_line_for_each(report):
    lines = [line.replace("\\", "") for line in markdown.degradation(report.rows)]
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| niah", *(f"| {n}" for n in NAMES)]


def test_a_comparison_has_a_finding_for_each(run, tmp_path):
    found = compare(run, run, Options(degradation=True))
    scopes = [each.scope for each in found.findings if each.metric == "quality.score"]
    assert [each.get("label") for each in scopes] == [None, None, *sorted(SETS)]
    assert {each.get("prompt_class") for each in scopes[2:]} == {"replay"}
    shown = render(found, terminal=False)
    for name in NAMES:
        assert f"dense, {name}" in shown
        assert f"dense, {name}: quality" in shown
    of_json = json.loads(as_json.render(found))["degradation"]
    assert [(each["prompt_class"], each["label"]) for each in next(iter(of_json.values()))] == [
        ("niah", ""),
        *(("replay", label) for label in sorted(SETS)),
    ]


def test_a_class_used_once_keeps_its_name_whatever_its_label(tmp_path):
    rows = [labelled("chat", item) for item in range(6)]
    spec = {"prompts": [{"use": "replay", "label": "chat"}]}
    path = make.write(tmp_path / "records.jsonl", rows, run=make.header(suite_spec=spec))
    assert [row.entry.name for row in reduce_run(path).report.rows] == ["replay"]
    assert "chat" not in render(compare(path, path, Options()), terminal=False)


def test_the_page_compares_models_and_samples_cases_by_label(tmp_path):
    found = page([written(tmp_path, [*own("dense"), *own("sparse")])])
    (versus,) = found.versus
    assert [flip.entry.name for flip in versus.flips] == NAMES
    assert {case.entry.name for case in found.cases} == set(NAMES)


def test_a_long_label_is_broken_and_no_other_column_is(tmp_path):
    label = "conversations_with_customers_in_two_languages_2026"
    rows = [labelled(name, item) for name in (label, "faq") for item in range(3)]
    spec = {"prompts": [{"use": "replay", "label": name} for name in (label, "faq")]}
    path = make.write(tmp_path / "records.jsonl", rows, run=make.header(suite_spec=spec))
    shown = rendered([summary(reduce_run(path).report)], columns=80)
    assert "…" not in shown
    _, _, quality = shown.partition("\nreplay")
    first = [line.split()[0] for line in quality.partition("faq")[0].splitlines()[1:-1]]
    assert "".join(first) == label


def test_the_table_of_a_run_that_goes_on_has_them_too():
    console = plain_console(100)
    live = LiveView(console)
    live.begun(make.header(suite_spec=SUITE), Path(), {})
    live.starting("dense", "reference-dense", 39)
    for record in own():
        live.recorded(record)
    assert [entry.name for entry in live.model.entries] == [f"{label} (replay)" for label in SETS]
    assert [tally.failed for tally in live.model.entries.values()] == [2, 3, 2, 2]
