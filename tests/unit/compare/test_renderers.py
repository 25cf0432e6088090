"""The four formats: complete, well-formed, and deaf to what result files try to say."""

import json
import re
from xml.etree import ElementTree as ET

import msgspec
import pytest
import records
from typer.testing import CliRunner

from stressbench.cli.app import app
from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.sides import parse_by
from stressbench.errors import StressbenchError
from stressbench.report import junit as comparison_junit
from stressbench.report.as_json import render as as_json
from stressbench.report.markdown import comparison as comparison_markdown
from stressbench.report.terminal.analysis import comparison as comparison_table
from stressbench.schema.analysis.comparison import Comparison, Knee, Knees

HOSTILE = "x\x1b[2J|<script>alert(1)</script>`[red]**@someone**\u202e\x00]]>&\n# h"


def comparison(tmp_path, prompt_class="niah", **options):
    sides = []
    for name, wrong in (("base", 3), ("cand", 24)):
        rows = [
            records.record(i, prompt_class=prompt_class, score=float(i >= wrong)) for i in range(60)
        ]
        rows += [records.record(i, prompt_class="other") for i in range(60)]
        sides.append(records.write(tmp_path / name / "records.jsonl", rows))
    gates = ("quality.score drop < 5pt per prompt_class", "ttft.p95 rise < 40%")
    return comparing.compare(*sides, Options(gates=gates, gates_from="here", **options))


def test_json_round_trips_through_its_published_type(tmp_path):
    found = comparison(tmp_path, degradation=True)
    text = as_json(found)
    assert msgspec.json.decode(text, type=Comparison) == found
    gate = json.loads(text)["gates"][0]
    contract = {"gate", "scope", "n", "base", "cand", "delta", "ci", "p", "margin", "mde"}
    assert contract | {"verdict", "why"} <= set(gate)
    assert gate["verdict"] == "regression"


def test_junit_has_a_case_a_gate_and_never_paints_doubt_green(tmp_path):
    root = ET.fromstring(comparison_junit.render(comparison(tmp_path)))
    suite = root.find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "2", "0")
    assert suite.find("testcase/failure").get("type") == "regression"
    none = ("quality.score drop < 1pt where prompt_class=other",)
    path = tmp_path / "base" / "records.jsonl"
    doubt = comparing.compare(path, path, Options(gates=none, gates_from="here"))
    suite = ET.fromstring(comparison_junit.render(doubt)).find("testsuite")
    assert (suite.get("errors"), suite.get("skipped")) == ("1", "0")


def test_markdown_tables_are_whole(tmp_path):
    text = comparison_markdown.render(comparison(tmp_path, degradation=True))
    tables = re.findall(r"(?:^\|.*\|$\n)+", text, re.MULTILINE)
    assert len(tables) == 4  # gates, the changed cases of a class and of all, findings
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1
    assert "### Degradation" in text


@pytest.mark.parametrize("explain", [False, True])
def test_the_table_says_verdict_numbers_and_reasons(tmp_path, explain):
    text = comparison_table.render(comparison(tmp_path), explain=explain, terminal=False)
    assert "REGRESSION" in text
    assert "-35.0 pt" in text
    assert ("because worse beyond chance" in " ".join(text.split())) is explain


def lost_with_preemption(tmp_path):
    """Twelve of fifteen newly preempted cases lost their answer, and one of the others."""
    kv = records.record().kv
    sides = []
    for name, lost in (("base", ()), ("cand", (*range(12), 40))):
        rows = [
            msgspec.structs.replace(
                records.record(i, score=float(i not in lost)),
                kv=msgspec.structs.replace(kv, preemptions=int(bool(lost) and i < 15)),
            )
            for i in range(60)
        ]
        sides.append(records.write(tmp_path / name / "records.jsonl", rows))
    options = Options(gates=("quality.score drop < 5pt",), gates_from="here")
    return comparing.compare(*sides, options)


def test_every_format_names_the_changed_cases_and_how_to_see_them(tmp_path):
    found = lost_with_preemption(tmp_path)
    table = comparison_table.render(found, terminal=False)
    markdown = comparison_markdown.render(found)
    (case,) = ET.fromstring(comparison_junit.render(found)).iter("failure")
    assert "dense: 13 of 60 cases worse (quality.score drop < 5pt)" in table
    shown = f"stressbench show {tmp_path / 'cand'} {found.changes[0].cases[0].case_id} --role dense"
    assert len(found.changes[0].cases) == 5
    for text in (table, case.text):
        assert shown in text
        for each in found.changes[0].cases:
            assert re.search(rf"{re.escape(each.case_id)}\W+1 -> 0\W+correct -> invented", text)
    for each in found.changes[0].cases:
        assert f"<code>{each.case_id}</code> | 1 -&gt; 0 | correct -&gt; invented |" in markdown


def test_what_moved_with_lost_answers_is_told_as_an_association(tmp_path):
    found = lost_with_preemption(tmp_path)
    table = comparison_table.render(found, terminal=False)
    assert re.search(r"dense +newly preempted +12 of 15 +1 of 45 +\+77.8 pt", table)
    assert "| dense | newly preempted | 12 of 15 | 1 of 45 |" in comparison_markdown.render(found)
    told = " ".join(comparison_table.render(found, explain=True, terminal=False).split())
    assert "newly preempted: 12 of 15 cases lost their answer, against 1 of the 45 others" in told
    assert "Beyond chance, but no proof of a cause" in told
    assert "not compared, because no case has a value on both sides: needle lift fell" in told


def test_long_answers_are_shortened_to_where_they_differ(tmp_path):
    sides = []
    for name, said in (("base", "Mercury"), ("cand", "Earth")):
        rows = [records.record(i, score=float(name == "base")) for i in range(9)]
        rows = [
            msgspec.structs.replace(
                row,
                quality=msgspec.structs.replace(
                    row.quality, answer=f"The planet closest to the sun is {said}"
                ),
            )
            for row in rows
        ]
        sides.append(records.write(tmp_path / name / "records.jsonl", rows))
    found = comparing.compare(*sides, Options(gates_only=True))
    assert '-> "... Earth"' in comparison_table.render(found, terminal=False)
    assert '| "... Mercury" | "... Earth" |' in comparison_markdown.render(found)


def test_every_format_names_the_sides_and_the_knees(tmp_path):
    rows = [
        msgspec.structs.replace(records.record(i), lever=lever)
        for lever in (None, "clean")
        for i in range(40)
    ]
    path = records.write(tmp_path / "records.jsonl", rows)
    options = Options(gates=("quality.score drop < 5pt",), by=parse_by(["lever=none,clean"], None))
    knee = Knee(level=None, load=None, throughput=3.25, levels=["rate-1", "rate-2"])
    at = msgspec.structs.replace(knee, level="rate-2", load=2.0)
    knees = [Knees(scope={"role": "dense", "lever": "none->clean"}, base=knee, cand=at)]
    found = msgspec.structs.replace(comparing.compare(path, None, options), knees=knees)
    table = comparison_table.render(found, terminal=False)
    assert f"base {path} (lever=none)" in table
    assert f"cand {path} (lever=clean)" in table
    told = "dense, none->clean: base is not saturated at rate-2, 3.25 requests/s; cand saturates at"
    assert f"knee {told} rate-2" in table
    markdown = comparison_markdown.render(found)
    assert "(lever=clean\\)" in markdown.replace("\\(", "(")
    assert "saturates at rate-2" in markdown
    properties = ET.fromstring(comparison_junit.render(found)).find("testsuite/properties")
    values = {each.get("name"): each.get("value") for each in properties}
    assert (values["base_side"], values["cand_side"]) == ("lever=none", "lever=clean")
    assert values["knees"].startswith(told)
    decoded = json.loads(as_json(found))
    assert decoded["knees"][0]["cand"]["level"] == "rate-2"
    assert decoded["gates"][0]["scope"] == {
        "role": "dense",
        "lever": "none->clean",
        "arm": "stress",
    }


def test_names_from_files_are_text_and_nothing_else(tmp_path):
    found = comparison(tmp_path, HOSTILE, degradation=True)
    table = comparison_table.render(found, explain=True, terminal=False)
    assert "\x1b" not in table
    assert "\x00" not in table
    assert "\u202e" not in table
    assert "[red]" in table
    markdown = comparison_markdown.render(found)
    outside = "\n".join(line for line in markdown.splitlines() if not line.startswith("    "))
    assert "<script" not in outside
    assert "@someone" not in outside
    assert not re.search(r"^# h", markdown, re.MULTILINE)
    assert not re.search(r"(?<!\\)\*\*@", outside)
    junit = ET.fromstring(comparison_junit.render(found))
    assert any("<script>" in case.get("name") for case in junit.iter("testcase"))
    scopes = [gate["scope"] for gate in json.loads(as_json(found))["gates"]]
    assert HOSTILE in {scope.get("prompt_class") for scope in scopes}


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    comparison(folder, gates_only=True)
    return folder / "base", folder / "cand"


def test_exit_codes_are_the_contract(files):
    base, cand = files
    score = "quality.score drop < 5pt"
    assert invoke("compare", base, cand, "--gates-only", "--gate", score).exit_code == 1
    assert invoke("compare", cand, base, "--gates-only", "--gate", score).exit_code == 0
    narrow = "quality.score drop < 1pt"
    assert invoke("compare", base, base, "--gates-only", "--gate", narrow).exit_code == 5
    assert invoke("compare", base, "--roles", "dense,dense").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["compare", "BASE"], 2),
        (["compare", "BASE", "--roles", "dense"], 2),
        (["compare", "BASE", "BASE", "--gate", "nonsense"], 2),
        (["compare", "BASE", "BASE", "--treat", "nonsense"], 2),
        (["compare", "BASE", "nowhere"], 4),
        (["compare", "BASE", "--roles", "dense,none"], 2),
        (["compare", "BASE", "--by", "pass=quality,telemetry"], 2),
        (["compare", "BASE", "--by", "arms=stress,isotoken"], 2),
        (["compare", "BASE", "--by", "arm=stress,isotoken"], 2),
        (["compare", "BASE", "--by", "lever=none,clean"], 2),
        (["compare", "BASE", "--by", "lever=none", "--by", "lever=none,clean"], 2),
    ],
)
def test_mistakes_are_errors_of_the_tree_with_the_right_code(files, arguments, code):
    result = invoke(*(files[0] if each == "BASE" else each for each in arguments))
    assert isinstance(result.exception, StressbenchError)
    assert result.exception.exit_code == code


@pytest.mark.parametrize("form", ["table", "json", "markdown", "junit"])
def test_output_goes_to_a_file_when_asked(files, tmp_path, form):
    target = tmp_path / "out" / "report"
    result = invoke("compare", *files, "--gates-only", "--format", form, "--output", target)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "quality.score" in target.read_text("utf-8")
