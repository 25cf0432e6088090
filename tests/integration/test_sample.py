"""Telemetry of a sample: which requests are sent again, what is null, and what is counted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressbench.cli.watch.live import SilentView
from stressbench.runner.plan.prepare import prepare
from stressbench.runner.resume import load_resumed
from stressbench.runner.run import run
from stressbench.runner.send.virtual_time import VirtualTimeLoop
from stressbench.schema.suite.parse import parse_suite
from stressbench.store import RECORDS, Run
from tests.campaign.runs import complete, gone_on, plugins, suite
from tests.conftest import Cli

CASES = 4 * 4
"""Of ``short_qa`` one arm, of ``kv_json`` three, four items of each."""
UNSAMPLED = "not sampled: the suite has this probe look at the first item of each prompt entry"


@pytest.fixture(scope="module", autouse=True)
def _planted() -> Iterator[None]:
    with plugins():
        yield


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("sampled")
    return complete(suite("sampled", folder, items=4), folder / "run")


def test_the_sample_is_sent_again_with_its_twins_to_every_role(sampled: Run) -> None:
    sent = Counter((each.role, each.pass_) for each in sampled.records())
    assert sent == {
        (role, pass_): number
        for role in ("dense", "sparse")
        for pass_, number in (("quality", CASES), ("telemetry", 4))
    }
    again = {each.case_id for each in sampled.records() if each.pass_ == "telemetry"}
    arms = ("stress", "isocontent", "isotoken")
    (depth,) = {each.split("/")[2] for each in again if each.startswith("kv_json")}
    assert again == {"short_qa/stress/i0", *(f"kv_json/{arm}/{depth}/i0" for arm in arms)}
    assert sampled.end is not None
    assert sampled.end.planned == sum(sampled.end.counts.values()) == 2 * (CASES + 4)


def test_what_is_not_sampled_is_null_and_says_so(sampled: Run) -> None:
    for record in sampled.records():
        reason = record.why_null.get("planted")
        if record.pass_ == "telemetry":
            found = record.sections["planted"]
            assert found is not None or reason == "the request failed"
        elif record.item_id.endswith("/i0"):
            assert reason == "measured in the telemetry pass"
        else:
            assert record.sections["planted"] is None
            assert reason == UNSAMPLED


def test_a_run_that_was_cut_in_the_telemetry_pass_sends_what_is_left_of_the_sample(
    sampled: Run, tmp_path: Path
) -> None:
    lines = sampled.path.read_bytes().splitlines(keepends=True)
    telemetry = [n for n, line in enumerate(lines) if b'"pass":"telemetry"' in line]
    directory = tmp_path / sampled.directory.name
    directory.mkdir()
    (directory / RECORDS).write_bytes(b"".join(lines[: telemetry[1]]))
    again = gone_on(directory)
    assert isinstance(again, Run)
    assert again.end is not None
    assert again.end.planned == sum(again.end.counts.values()) == 2 * (CASES + 4)
    keys = [(each.role, each.case_id, each.pass_) for each in again.records()]
    assert sorted(keys) == sorted((e.role, e.case_id, e.pass_) for e in sampled.records())


def test_a_limit_below_the_sample_leaves_the_limit(tmp_path: Path) -> None:
    spec = json.loads(suite("sampled", tmp_path, items=4))
    spec["probes"] = ["kv", {"use": "planted", "sample": 3}]
    prepared = prepare(
        parse_suite(json.dumps(spec).encode(), source="here"),
        engine="planted",
        limit=2,
        progress=lambda *_: None,
    )
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run(prepared, tmp_path / "run", SilentView()))
    resumed = tmp_path / "run"
    with pytest.raises(Exception, match="there is nothing to resume"):
        load_resumed(resumed)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "true", "all"])
def test_a_sample_is_a_whole_number_from_one(cli: Cli, tmp_path: Path, value: str) -> None:
    done = cli("validate", _suite(tmp_path, f"{{use: attention, sample: {value}}}"))
    assert done.code == 2
    assert ":probes.0.sample: " in done.err


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ("{use: attention, samples: 2}", "did you mean 'sample'"),
        ("{use: kv, sample: 2}", "the probe 'kv' sees every request of the quality pass"),
    ],
)
def test_other_keys_and_other_probes_are_refused(
    cli: Cli, tmp_path: Path, probe: str, said: str
) -> None:
    done = cli("validate", _suite(tmp_path, probe))
    assert done.code == 2
    assert said in done.err


def test_validate_and_a_dry_run_count_the_telemetry_pass(cli: Cli, tmp_path: Path) -> None:
    file = _suite(tmp_path, "{use: attention, sample: 2}")
    validated = cli("validate", file)
    assert "5 requests for 1 model (dense), and 2 more for telemetry" in validated.out
    dry = cli("run", file, "--dry-run")
    assert "5 requests for 1 model (dense), and 2 more for telemetry" in dry.out


def _suite(folder: Path, probe: str) -> Path:
    file = folder / "s.yaml"
    file.write_text(
        "schema: 1\nname: s\nmodels: {dense: {model: reference-dense}}\n"
        f"probes: [{probe}]\nprompts: [{{use: short_qa, items: 5}}]\n"
    )
    return file
