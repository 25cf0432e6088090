"""Attention, routing and a probe of another package look into the reference pair in one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tests" / "data" / "thirdparty_probe"
SUITE = """\
schema: 1
name: three
models:
  dense: {model: reference-dense}
  sparse: {model: reference-sparse}
engine:
  max_model_len: 1024
  dtype: float32
  args: {max_num_batched_tokens: 96}   # several chunks a prompt, in mixed batches
load: {concurrency: 3}
prompts: [{use: niah, items: 2, budgets: [300], depths: [0.5], arms: [stress]}]
probes: [kv, attention, routing, witness]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("three")
    (folder / "s.yaml").write_text(SUITE)
    paths = os.pathsep.join([str(PACKAGE), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "stressbench", "run", "s.yaml", "--out", "out", "--no-progress"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (out,) = (folder / "out").iterdir()
    return out


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_each_has_what_it_asked_for(run: Path) -> None:
    looked = [
        each
        for each in lines(run / "records.jsonl")
        if each["type"] == "case" and each["pass"] == "telemetry"
    ]
    assert {each["role"] for each in looked} == {"dense", "sparse"}
    for each in looked:
        assert each["status"] == "ok"
        assert each["attention"]["entropy_norm_mean"] > 0
        # The last token that is generated is never fed back.
        ran = each["tokens"]["prompt"] + each["tokens"]["output"] - 1
        witness = each["witness"]
        assert witness.pop("steps") > 4
        assert witness == {"tokens": ran, "own": True, "in_order": True}
        if each["role"] == "sparse":
            assert each["routing"]["tokens"] == ran
            assert each["routing"]["valid_frac"] == 1
        else:
            assert each["why_null"]["routing"] == "dense model"


def test_the_pass_without_them_says_where_they_are(run: Path) -> None:
    for each in lines(run / "records.jsonl"):
        if each["type"] == "case" and each["pass"] == "quality":
            for section in ("attention", "routing", "witness"):
                assert each[section] is None
                assert each["why_null"][section] == "measured in the telemetry pass"


def test_its_readings_over_time_are_beside_ours(run: Path) -> None:
    told = lines(run / "telemetry.jsonl")
    assert {"kv", "witness"} <= {each["probe"] for each in told if "probe" in each}
