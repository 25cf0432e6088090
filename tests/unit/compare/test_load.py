"""What loads and engine variants mean to a comparison."""

import msgspec
import pytest
import records

from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.sides import parse_by
from stressbench.errors import CompareError
from stressbench.schema.suite.load import LoadSpec
from stressbench.schema.suite.suite import ModelSpec, PromptSpec, SuiteSpec

SCORE = "quality.score drop < 5pt"
SUITE = SuiteSpec(
    schema=1, name="core", models={"dense": ModelSpec(model="d")}, prompts=[PromptSpec(use="niah")]
)


def answers(n, **changes):
    return [records.record(i, **changes) for i in range(n)]


def run(tmp_path, name, rows, **header):
    run = records.header(sorted({row.role for row in rows}), **header)
    return records.write(tmp_path / name / "records.jsonl", rows, run=run)


def compare(base, cand):
    return comparing.compare(
        base, cand, Options(gates=(SCORE,), gates_from="here", gates_only=True)
    )


def test_a_suite_written_before_a_field_existed_is_still_the_same_suite(tmp_path):
    whole = msgspec.to_builtins(SUITE)
    older = {**whole, "load": {"arrival": "closed", "timeout_s": 600.0}}
    base = run(tmp_path, "base", answers(100), suite_spec=older)
    cand = run(tmp_path, "cand", answers(100), suite_spec=whole)
    assert compare(base, cand).verdict == "pass"


def test_another_load_is_another_suite(tmp_path):
    other = msgspec.structs.replace(SUITE, load=LoadSpec(arrival="poisson", rate=2))
    base = run(tmp_path, "base", answers(100), suite_spec=msgspec.to_builtins(SUITE))
    cand = run(tmp_path, "cand", answers(100), suite_spec=msgspec.to_builtins(other))
    with pytest.raises(CompareError, match="suite"):
        compare(base, cand)


def test_warm_up_and_cool_down_count_for_nothing(tmp_path):
    around = answers(50, pass_="warmup", score=0.0) + answers(50, pass_="cooldown", score=0.0)
    base = run(tmp_path, "base", answers(100))
    (gate,) = compare(base, run(tmp_path, "cand", around + answers(100))).gates
    assert (gate.verdict, gate.n, gate.delta) == ("pass", 100, 0)


def test_variants_of_one_model_are_roles_that_can_be_compared(tmp_path):
    rows = answers(100, role="dense@fp32") + answers(100, role="dense@bf16")
    models = {
        f"dense@{name}": records.model(f"dense@{name}", dtype=dtype, engine_args={"dtype": dtype})
        for name, dtype in (("fp32", "float32"), ("bf16", "bfloat16"))
    }
    path = run(tmp_path, "run", rows, models=models)
    sides = parse_by([], "dense@fp32,dense@bf16")
    options = Options(gates=(SCORE,), gates_from="here", gates_only=True, by=sides)
    (gate,) = comparing.compare(path, None, options).gates
    assert gate.verdict == "pass"
    where = Options(gates=(f"{SCORE} where role=dense@bf16",), gates_from="here", gates_only=True)
    (one,) = comparing.compare(path, path, where).gates
    assert one.scope["role"] == "dense@bf16"
