"""The gates that are shipped decide: equal runs are green, and the loss of a class is red."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from stressbench.cli._planned import planned_gates
from stressbench.compare.comparison import Options, compare
from stressbench.runner.plan.models import open_models
from stressbench.runner.plan.prepare import open_prompt_formats
from stressbench.runner.plan.requests import Plan
from stressbench.schema.suite.parse import load_suite

ROOT = Path(__file__).parents[2]
SUITES = sorted((ROOT / "suites").glob("*.yaml"), key=lambda path: path.stem)
BASELINES = [ROOT / "results" / f"{name}-baseline" for name in ("smoke", "core", "tokenization")]
RIGHT = 8
"""Right answers of a class whose loss must be red."""


@pytest.mark.parametrize("file", SUITES, ids=lambda path: path.stem)
def test_every_gate_of_a_shipped_suite_can_be_green_and_red(file):
    suite = load_suite(file)
    assert suite.spec.gates
    models = open_models(suite.spec, lambda *_: None, weights=False)
    for plan in planned_gates(Plan(suite.spec, open_prompt_formats(suite, models))):
        assert plan.can_pass, plan
        assert plan.can_fail, plan


@pytest.fixture(params=BASELINES, ids=lambda path: path.name)
def baseline(request):
    return request.param / "records.jsonl"


def verdict(base, cand):
    """By the gates of the suite as it is shipped."""
    suite = base.parent.name.removesuffix("-baseline")
    gates = load_suite(ROOT / "suites" / f"{suite}.yaml").spec.gates
    return compare(base, cand, Options(gates=tuple(gates), gates_only=True)).verdict


def test_a_baseline_compared_with_itself_is_green(baseline):
    assert verdict(baseline, baseline) == "pass"


def test_the_loss_of_any_class_with_eight_right_answers_is_red(baseline, tmp_path):
    lines = [json.loads(line) for line in baseline.read_text(encoding="utf-8").splitlines()]
    right = defaultdict(list)
    for line in lines:
        if line["type"] == "case" and (line["arm"], line["pass"]) == ("stress", "quality"):
            right[line["role"], line["prompt_class"]].append(line["quality"]["score"] == 1)
    full = [key for key, scores in right.items() if sum(scores) >= RIGHT]
    assert full
    for key in full:
        cand = tmp_path / "records.jsonl"
        with cand.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(wrong(line) if is_of(line, key) else line) + "\n")
        assert verdict(baseline, cand) == "regression", key


def is_of(line, key):
    return line["type"] == "case" and (line["role"], line["prompt_class"]) == key


def wrong(line):
    """The record with its answer judged wrong."""
    lost = {"score": 0.0, "em": 0.0, "outcome": "invented"}
    return line | {"quality": line["quality"] | lost}
