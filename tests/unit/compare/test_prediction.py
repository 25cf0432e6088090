"""What predicts failure: planted signals are found, and too little is said to be too little."""

import msgspec
import numpy as np
import pytest
import records
from typer.testing import CliRunner

from stressbench.cli.app import app
from stressbench.compare.analysis.prediction import predictions
from stressbench.store.arrays import ArrayWriter
from stressbench.telemetry.attention import ROW_FIGURES


def rows(items=80, failing=0.4, strength=3.0, **changes):
    """Items that fail at random; router entropy knows it, more or less."""
    rng = np.random.default_rng(1)
    made = []
    for item in range(items):
        failed = rng.random() < failing
        record = records.record(
            item, role="sparse", score=0.0 if failed else 1.0, pass_="telemetry", budget=256
        )
        entropy = 0.8 + 0.01 * (rng.normal() + strength * failed)
        routing = {"prefill_entropy_norm_mean": float(entropy), "imbalance_mean": 2.0}
        routing = changes.get("routing", routing)
        plain = {name: value for name, value in changes.items() if name != "routing"}
        made.append(msgspec.structs.replace(records.probed(record, routing=routing), **plain))
    return made


def predicted(tmp_path, some):
    (found,) = predictions([records.write(tmp_path / "records.jsonl", some)])
    return found


def test_a_planted_signal_is_found_beside_baselines_that_know_nothing(tmp_path):
    found = predicted(tmp_path, rows())
    by_name = {each.features: each for each in found.predictors}
    assert by_name["length"].auroc == pytest.approx(0.5)
    assert by_name["class and arm"].gain is None
    assert by_name["routing"].auroc > 0.9
    assert by_name["class and arm + length + routing"].gain_ci[0] > 0
    assert found.failures == found.failing_clusters < found.n == 80


def test_every_head_and_layer_is_looked_at_where_there_are_arrays(tmp_path):
    some = rows(strength=0.0)
    writer = ArrayWriter(tmp_path)
    rng = np.random.default_rng(2)
    for place, row in enumerate(some):
        failed = row.quality.score == 0
        figures = rng.normal(size=(len(ROW_FIGURES), 3, 4)).astype(np.float32)
        figures[ROW_FIGURES.index("entropy2"), 1, 2] += 3 * failed  # one head knows it
        load = np.full((5, 8), 10, np.int32)
        arrays = {
            "attention": writer.write({"prompt_figures": figures}),
            "routing": writer.write({"load_by_expert_prefill": load}),
        }
        some[place] = msgspec.structs.replace(row, arrays=arrays)
    writer.close()
    by_name = {each.features: each for each in predicted(tmp_path, some).predictors}
    assert by_name["attention by head"].columns == 12
    assert by_name["attention by head"].auroc > 0.85
    assert by_name["routing by layer"].auroc == pytest.approx(0.5)


def test_noise_predicts_nothing(tmp_path):
    found = predicted(tmp_path, rows(strength=0.0))
    (routing,) = [each for each in found.predictors if each.features == "routing"]
    assert routing.ci[0] < 0.5 < routing.ci[1] + 0.05


@pytest.mark.parametrize(
    ("some", "why"),
    [
        (rows(failing=0.05), "too few failures"),
        (rows(failing=0.97), "too few successes"),
        (rows(routing=None), "no answered request"),
        (rows(arm="no_context"), "no answered request"),
        (rows(status="error"), "no answered request"),
    ],
)
def test_with_too_little_it_says_so(tmp_path, some, why):
    found = predicted(tmp_path, some)
    assert not found.predictors
    assert why in found.why_null


def test_rows_of_one_item_count_as_one(tmp_path):
    few = [
        msgspec.structs.replace(row, case_id=f"{row.case_id}/{copy}")
        for row in rows(items=12)
        for copy in range(20)
    ]
    assert "too few" in predicted(tmp_path, few).why_null


def test_the_command_prints_a_table_and_json(tmp_path):
    path = records.write(tmp_path / "records.jsonl", rows())
    table = CliRunner().invoke(app, ["predict", str(path)]).stdout
    assert "class and arm + length + routing" in table
    document = msgspec.json.decode(
        CliRunner().invoke(app, ["predict", str(path), "--format", "json"]).stdout
    )
    assert document[0]["role"] == "sparse"


def odd_ones():
    """Requests of the telemetry pass that stand in no fit, and one of the other pass."""
    replace = msgspec.structs.replace
    some = [records.record(n, role="sparse", pass_="telemetry") for n in range(200, 204)]
    unknown = replace(some[0].tokens, prompt=None)
    unjudged = replace(some[0].quality, score=None, em=None, outcome="unjudged")
    return [
        replace(some[0], tokens=unknown, sections={"routing": {"imbalance_mean": 2.0}}),
        replace(some[1], tokens=unknown, status="timeout"),
        replace(some[2], status="error"),
        replace(some[3], quality=unjudged, sections={"routing": {"imbalance_mean": 2.0}}),
        replace(records.record(204, role="sparse"), status="error"),
    ]


def test_what_no_fit_can_use_is_counted_by_its_reason(tmp_path):
    found = predicted(tmp_path, rows() + odd_ones())
    assert found.n == 80
    assert found.predictors
    assert found.left_out == {
        "requests that failed": 2,
        "answers that were not judged": 1,
        "answers to prompts of unknown length": 1,
    }
    table = CliRunner().invoke(app, ["predict", str(tmp_path / "records.jsonl")]).stdout
    assert "2 requests that failed" in table
