"""The nightly kit, night after night on the simulated engine, with a change planted in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

SUITE = """\
schema: 1
name: kit
models: {dense: {model: reference-dense}}
engine: {max_model_len: 512}
load: {concurrency: 4}
prompts: [{use: kv_json, items: 60, arms: [stress]}]
gates: [quality.score drop < 10pt]
"""


@dataclass
class Kit:
    """A folder in which the kit runs, with a ``stressbench`` that simulates."""

    folder: Path

    def night(self, run_options: str = "", compare_options: str = "") -> int:
        script = self.folder / "stressbench"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stressbench "$@"\n', "utf-8")
        script.chmod(0o755)
        (self.folder / "kit.yaml").write_text(SUITE, "utf-8")
        done = subprocess.run(
            [
                "sh",
                ROOT / "examples" / "nightly" / "nightly.sh",
                "kit.yaml",
                "baseline",
                "artifacts",
            ],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "STRESSBENCH": str(script),
                "RUN_OPTIONS": f"--engine simulated {run_options}",
                "COMPARE_OPTIONS": compare_options,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode

    def trend(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.folder / "artifacts/history.json").read_text())
        return found


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def test_it_is_green_for_three_nights_and_red_on_the_night_of_the_change(kit: Kit) -> None:
    worse = "--set engine.args.stress_accuracy=0.2"
    assert [kit.night() for _ in range(3)] == [0, 0, 0]
    assert kit.trend()["verdict"] == "pass"
    assert kit.night(worse, "--treat engine.args") == 1
    trend = kit.trend()
    assert trend["verdict"] == "regression"
    assert "stress_accuracy" in json.dumps(trend)
    for name in ("compare.json", "compare.markdown", "compare.junit", "history.html"):
        assert (kit.folder / "artifacts" / name).stat().st_size > 0
    assert "REGRESSION" in (kit.folder / "artifacts" / "compare.markdown").read_text().upper()


def test_a_night_that_cannot_be_compared_is_not_green_and_keeps_its_trend(kit: Kit) -> None:
    assert [kit.night() for _ in range(2)] == [0, 0]
    assert kit.night("--set engine.args.stress_accuracy=0.2") == 4
    assert kit.trend()["verdict"] == "regression"
