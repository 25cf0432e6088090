"""The examples of CONTRIBUTING.md are a package that works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from stressbench.catalog import KINDS
from tests.conftest import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MODULES = dict(
    re.findall(r"^```python\n# (mine/\w+\.py)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)
BLOCKS = re.findall(r"^```python$", PAGE, re.MULTILINE)
(TOML,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
GROUPS = tomllib.loads(TOML)["project"]["entry-points"]
SUITE = """\
schema: 1
name: mine
models: {dense: {model: reference-dense}}
prompts:
  - {use: spelled_out, items: 3}
  - {use: replay, items: 2, params: {path: own.jsonl, scorer: last_word}}
probes: [kv, steps]
gates: ["steps.seen rise < 10%"]
"""


@dataclass(frozen=True)
class Workplace:
    """A directory where the package is installed."""

    work: Path

    def __call__(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        path = os.pathsep.join([str(self.work / "site"), str(ROOT)])
        done = subprocess.run(
            [sys.executable, "-m", "stressbench", *arguments],
            env={**os.environ, "PYTHONPATH": path, "NO_COLOR": "1"},
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in codes, f"{arguments}: {done.stderr}"
        return done.stdout

    def records(self, engine: str) -> list[dict[str, object]]:
        self("run", "mine.yaml", "--engine", engine, "--out", engine)
        (file,) = (self.work / engine).glob("*/records.jsonl")
        lines = map(json.loads, file.read_text("utf-8").splitlines())
        return [line for line in lines if line["type"] == "case"]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    work = tmp_path_factory.mktemp("workplace")
    site = work / "site"
    info = site / "mine-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "mine").mkdir()
    (site / "mine" / "__init__.py").touch()
    for name, code in MODULES.items():
        (site / name).write_text(code, "utf-8")
    entries = "".join(
        f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in plugins.items())
        for group, plugins in GROUPS.items()
    )
    (info / "entry_points.txt").write_text(entries, "utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n", "utf-8")
    (work / "mine.yaml").write_text(SUITE, "utf-8")
    rows = ({"prompt": f"Say {n}.", "answer": str(n)} for n in (41, 42))
    (work / "own.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    (work / "quoted.txt").write_text("\u201cWell\u201d, he said, \u2018good\u2019.\n", "utf-8")
    return Workplace(work)


def test_there_is_an_example_of_every_kind() -> None:
    assert {*GROUPS} == {f"stressbench.{kind}" for kind in KINDS}
    named = {place for plugins in GROUPS.values() for place in plugins.values()}
    assert {f"{place.replace('.', '/')}.py" for place in named} == {*MODULES}
    assert len(BLOCKS) == len(MODULES)


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_listed_with_its_summary(workplace: Workplace, kind: str) -> None:
    listed = json.loads(workplace("list", kind, "--format", "json"))
    summaries = {row.get("family") or row["name"]: row["summary"] for row in listed}
    for name in GROUPS[f"stressbench.{kind}"]:
        assert summaries[name]


@pytest.mark.parametrize("engine", ["simulated", "echo"])
def test_a_run_has_all_of_them_in_its_records(workplace: Workplace, engine: str) -> None:
    found = workplace.records(engine)
    assert len(found) == 3 * 2 + 2
    assert {case["prompt_class"] for case in found} == {"spelled_out", "replay"}
    assert {case["status"] for case in found} == {"ok"}
    for case in found:
        assert case["steps"]["seen"] >= (1 if engine == "simulated" else 0)
        own = case["prompt_class"] == "replay"
        assert case["quality"]["scorer"] == ("last_word" if own else "exact_match")
        assert case["quality"]["score"] is not None
    (run,) = (workplace.work / engine).iterdir()
    shown = workplace("compare", str(run), str(run), "--format", "json", codes=(0, 5))
    assert "steps.seen" in shown


def test_the_lever_rewrites(workplace: Workplace) -> None:
    arguments = ("quoted.txt", "-t", "bytes", "--against", "lever:plain_quotes")
    (file,) = json.loads(workplace("tokens", *arguments, "--format", "json"))["files"]
    assert file["tokenizers"][0]["inflation"] > 1
