"""A section of another package: one installed file reaches every place where figures stand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tests" / "data" / "thirdparty_power"
SUITE = """\
schema: 1
name: powered
models: {dense: {model: reference-dense}}
prompts:
  - {use: niah, items: 40, budgets: [200], arms: [stress]}
  - {use: replay, items: 8, params: {path: traffic.jsonl, scorer: first_word}}
probes: [kv, power]
gates: ["power.joules rise < 10%"]
"""


@dataclass(frozen=True)
class Site:
    """A directory that packages are installed in, and a command line that finds them."""

    packages: Path
    work: Path

    def __call__(
        self, *args: str | Path, joules: float = 1.0, installed: bool = True
    ) -> subprocess.CompletedProcess[str]:
        path = [*([str(self.packages)] if installed else []), str(ROOT)]
        found = {"PYTHONPATH": os.pathsep.join(path), "JOULES_PER_TOKEN": str(joules)}
        return subprocess.run(
            [sys.executable, "-m", "stressbench", *map(str, args)],
            env={**os.environ, **found, "NO_COLOR": "1", "COLUMNS": "140"},
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, name: str, joules: float) -> Path:
        args = ("run", "s.yaml", "--engine", "simulated", "--out", name)
        done = self(*args, joules=joules)
        assert done.returncode == 0, done.stderr
        assert "Power" in done.stdout
        (directory,) = (self.work / name).iterdir()
        return directory


@dataclass(frozen=True)
class Powered:
    """Two runs, the second of which took half as much again."""

    site: Site
    base: Path
    cand: Path


@pytest.fixture(scope="module")
def powered(tmp_path_factory: pytest.TempPathFactory) -> Powered:
    work = tmp_path_factory.mktemp("powered")
    site = Site(work / "site", work)
    shutil.copytree(PACKAGE, site.packages)
    (work / "s.yaml").write_text(SUITE)
    rows = [{"prompt": f"Say {100 + i}.", "answer": str(100 + i)} for i in range(8)]
    (work / "traffic.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Powered(site, site.run("base", 1.0), site.run("cand", 1.5))


def cases(run: Path) -> list[dict[str, object]]:
    lines = map(json.loads, (run / "records.jsonl").read_text("utf-8").splitlines())
    return [line for line in lines if line["type"] == "case"]


def output(done: subprocess.CompletedProcess[str], codes: Sequence[int] = (0,)) -> str:
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_it_stands_in_the_record_beside_ours(powered: Powered) -> None:
    found = cases(powered.base)
    assert len(found) == 48
    for case in found:
        tokens = case["tokens"]["prompt"]
        assert tokens <= case["power"]["joules"] <= 1.07 * tokens
        assert case["power"]["watts"] is None
        assert case["why_null"]["power.watts"] == "the meter counts energy alone"
        assert case["arrays"]["power"]["bytes"] > 0
    replayed = [case for case in found if case["prompt_class"] == "replay"]
    for case in replayed:
        assert case["wording"]["words"] == len(case["output"]["text"].split())
        assert case["why_null"]["wording.first"] == "the scorer has no such figure"
    assert not [case for case in found if "wording" in case and case not in replayed]
    scorers = {case["prompt_class"]: case["quality"]["scorer"] for case in found}
    assert scorers["replay"] == "first_word"


def test_show_prints_every_field_of_it(powered: Powered) -> None:
    shown = output(powered.site("show", powered.base, str(cases(powered.base)[0]["case_id"])))
    words = " ".join(shown.split())
    for line in ("steady ", "meter made up", "rails 1, 2", "watts null: the meter counts"):
        assert line in words


@pytest.mark.parametrize("kind", ["probes", "scorers", "metrics"])
def test_lists_name_it(powered: Powered, kind: str) -> None:
    rows = json.loads(output(powered.site("list", kind, "--format", "json")))
    names = {row["name"] for row in rows}
    assert names & {"power", "first_word", "power.joules_per_token"}
    table = output(powered.site("list", kind))
    assert "power" in table or "first_word" in table


def test_a_metric_is_listed_with_its_unit_and_where_it_is_from(powered: Powered) -> None:
    rows = json.loads(output(powered.site("list", "metrics", "--format", "json")))
    (joules,) = [row for row in rows if row["name"] == "power.joules"]
    assert joules == {
        "name": "power.joules",
        "summary": "energy of a request",
        "unit": "J",
        "better": "lower",
        "statistic": "mean",
        "section": "power",
        "family": "power",
    }


def test_the_terminal_report_has_its_means_by_class(powered: Powered) -> None:
    shown = output(powered.site("report", powered.base))
    _, table = shown.split("Power: means under stress\n", 1)
    (head,) = [line for line in table.splitlines()[:5] if line.startswith("class ")]
    assert head.split() == ["class", "model", "J", "J/token", "steady", "n"]
    rows = table.split(head, 1)[1].splitlines()[1:3]
    assert [row.split()[0] for row in rows] == ["niah", "replay"]
    assert rows[0].split()[-1] == "40"


def test_the_page_and_markdown_have_it(powered: Powered) -> None:
    html, markdown = (powered.site.work / name for name in ("r.html", "r.md"))
    args = ("report", powered.base, powered.cand, "--html", html, "--markdown", markdown)
    output(powered.site(*args))
    text = html.read_text("utf-8")
    data = json.loads(text.split('id="data">', 1)[1].split("</script>", 1)[0])
    for run, joules in zip(data["runs"], (1.0, 1.5), strict=True):
        (section,) = [each for each in run["sections"] if each["name"] == "power"]
        assert (section["title"], section["filled"], section["null"]) == ("Power", 48, {})
        numbers = {(one["metric"], one["entry"]["prompt_class"]): one for one in section["numbers"]}
        each = numbers["power.joules_per_token", "niah"]
        assert joules <= each["estimate"]["value"] <= 1.07 * joules
        assert (each["unit"], each["estimate"]["n"]) == ("J/token", 40)
        assert [grid["field"] for grid in section["grids"]] == ["power.by_rail"] * 2
    facts = {fact["name"] for fact in data["cases"][0]["facts"]}
    assert {"power.joules", "power.steady", "power.meter", "power.rails"} <= facts
    assert "Power: means by class" in markdown.read_text("utf-8")


def test_every_comparison_holds_its_headline(powered: Powered) -> None:
    done = powered.site("compare", powered.base, powered.cand, "--format", "json")
    comparison = json.loads(output(done, (1,)))
    assert comparison["verdict"] == "regression"  # the suite's own gate
    whole = [
        each
        for each in comparison["findings"]
        if each["metric"] == "power.joules" and "prompt_class" not in each["scope"]
    ]
    assert [round(each["delta"], 6) for each in whole] == [0.5]
    assert whole[0]["relative"]


@pytest.mark.parametrize(
    ("base", "cand", "code", "verdict"), [(0, 1, 1, "regression"), (1, 0, 0, "pass")]
)
def test_a_gate_judges_it_both_ways(
    powered: Powered, base: int, cand: int, code: int, verdict: str
) -> None:
    runs = (powered.base, powered.cand)
    gate = ("--gate", "power.joules rise < 10%", "--format", "json")
    found = output(powered.site("compare", runs[base], runs[cand], *gate), (code,))
    comparison = json.loads(found)
    assert [each["verdict"] for each in comparison["gates"]] == [verdict]
    assert comparison["verdict"] == verdict


def test_a_field_without_a_metric_is_no_gate(powered: Powered) -> None:
    suite = powered.site.work / "bad.yaml"
    suite.write_text(SUITE.replace("power.joules rise", "power.watts rise"))
    done = powered.site("validate", suite)
    assert done.returncode == 2
    assert "there is no metric named 'power.watts'" in done.stderr


def test_a_probe_and_a_scorer_of_one_section_are_refused(powered: Powered, tmp_path: Path) -> None:
    shutil.copytree(powered.site.packages, tmp_path / "site")
    file = tmp_path / "site" / "power.py"
    file.write_text(file.read_text("utf-8").replace('section = "wording"', 'section = "power"'))
    site = Site(tmp_path / "site", powered.site.work)
    done = site("run", "s.yaml", "--engine", "simulated", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "'first_word' and the probe 'power' both fill the section 'power'" in done.stderr
    assert not list(tmp_path.glob("out/*/records.jsonl"))


def test_files_are_read_where_the_package_is_not_installed(powered: Powered) -> None:
    case = str(cases(powered.base)[0]["case_id"])
    assert "joules" in output(powered.site("show", powered.base, case, installed=False))
    html = powered.site.work / "without.html"
    output(powered.site("report", powered.base, "--html", html, installed=False))
    data = json.loads(html.read_text("utf-8").split('id="data">', 1)[1].split("</script>", 1)[0])
    (section,) = [each for each in data["runs"][0]["sections"] if each["name"] == "power"]
    assert (section["filled"], section["numbers"]) == (48, [])
    gate = ("--gate", "power.joules rise < 10%")
    done = powered.site("compare", powered.base, powered.cand, *gate, installed=False)
    assert done.returncode == 2
    assert "there is no metric named 'power.joules'" in done.stderr


FAMILY = """\
from stressbench.schema.metric import Metric

class Energy:
    metrics = (Metric(name="%s", summary="s", unit="J", better="lower", %s),)
"""
FAULTS = {
    "a family without metrics": ("class Energy: ...", "the family 'power' has no metrics"),
    "a metric that is none": ("class Energy: metrics = (3,)", "declares 3, which is not a Metric"),
    "a module that does not import": ("import no_such_module", "ModuleNotFoundError"),
    "a name that is taken": (
        FAMILY % ("ttft", "paths=('a.b',)"),
        "both declare the metric 'ttft'",
    ),
    "a name that no gate can say": (FAMILY % ("my joules", "paths=('a.b',)"), "no gate can name"),
    "a headline that is none": (
        FAMILY % ("p", "paths=('a.b',), headlines=('worst',)"),
        "names a statistic 'worst'",
    ),
    "a field that no record has": (
        FAMILY % ("p", "paths=('kv.watts',), headlines=('mean',)"),
        "a metric reads 'kv.watts', which no record has",
    ),
    "a formula that fails": (
        FAMILY % ("p", "paths=('power.joules',), headlines=('mean',), formula=lambda _: 1 / 0"),
        "the metric 'p' cannot be computed: ZeroDivisionError",
    ),
    "a formula of one number": (
        FAMILY % ("p", "paths=('power.joules',), headlines=('mean',), formula=lambda _: 1"),
        "the formula of the metric 'p' does not return one value per record",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_family_is_one_sentence(powered: Powered, tmp_path: Path, fault: str) -> None:
    text, sentence = FAULTS[fault]
    info = tmp_path / "power-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: power\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[stressbench.metrics]\npower = power:Energy\n")
    (tmp_path / "power.py").write_text(text)
    site, gate = Site(tmp_path, powered.site.work), "quality.score drop < 5pt"
    done = site("compare", powered.base, powered.cand, "--gate", gate)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
