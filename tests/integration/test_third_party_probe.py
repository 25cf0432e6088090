"""A probe of another package, put beside ours by its entry point alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "data" / "thirdparty_probe"
SUITE = """\
schema: 1
name: s
models: {dense: {model: reference-dense}}
prompts: [{use: niah, items: 1, budgets: [400]}]
probes: [%s]
"""


def stressbench(*args: str | Path, path: Path = PACKAGE) -> subprocess.CompletedProcess[str]:
    ours = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-m", "stressbench", *map(str, args)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(path), ours]), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_listed_with_its_summary() -> None:
    listed = json.loads(stressbench("list", "probes", "--format", "json").stdout)
    assert {"witness", "attention"} <= {each["name"] for each in listed}


def test_a_suite_may_name_it_beside_ours_and_not_twice(tmp_path: Path) -> None:
    suite = tmp_path / "s.yaml"
    suite.write_text(SUITE % "kv, attention, routing, witness")
    done = stressbench("validate", suite)
    assert done.returncode == 0, done.stderr
    suite.write_text(SUITE % "witness, kv, witness")
    for command in (["validate", suite], ["run", suite, "--out", tmp_path / "out"]):
        done = stressbench(*command)
        assert done.returncode == 2
        assert "the probe 'witness' is listed twice, and fills the section 'witness'" in done.stderr
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out/*"))


def test_one_on_a_field_that_every_record_has_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "package"
    info = package / "greedy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greedy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[stressbench.probes]\ngreedy = greedy:Witness\n")
    text = (PACKAGE / "witness.py").read_text("utf-8")
    (package / "greedy.py").write_text(text.replace('= "witness"', '= "quality"', 1))
    suite = tmp_path / "s.yaml"
    suite.write_text(SUITE % "greedy")
    done = stressbench("run", suite, "--out", tmp_path / "out", path=package)
    assert done.returncode == 2
    assert "'greedy' has the section 'quality', which every record already has" in done.stderr
    assert not list(tmp_path.glob("out/*"))
