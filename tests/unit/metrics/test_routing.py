"""Routing against the controls of the same item."""

import math

import pytest
import records

from stressbench.metrics import base
from stressbench.metrics.families import known


def test_imbalance_is_set_against_the_twin_and_against_plain_text(tmp_path):
    loads = {"stress": 3.0, "isocontent": 2.0, "isotoken": 1.25}
    rows = []
    for item in range(3):
        for arm, load in loads.items():
            row = records.record(item, arm=arm, pass_="telemetry")
            routing = {"imbalance_mean": load + item / 10}
            rows.append(records.probed(row, routing=routing))
            rows.append(records.record(item, arm=arm))  # the quality pass has no routing
    path = records.write(tmp_path / "records.jsonl", rows)
    names = ["routing.imbalance", "routing.imbalance_twin", "routing.imbalance_token_matched"]
    columns = base.read(path, [known()[name] for name in names])
    of = {name: sorted(v for v in columns.values[name] if not math.isnan(v)) for name in names}
    assert len(of["routing.imbalance"]) == 9
    assert of["routing.imbalance_twin"] == pytest.approx([1.0] * 3)
    assert of["routing.imbalance_token_matched"] == pytest.approx([1.75] * 3)
