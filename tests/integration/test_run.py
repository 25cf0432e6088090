"""The whole pipeline on the simulated engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import RunEnd
from stressbench.store import Run, read_run, readings
from stressbench.store.lines import case_line
from tests.conftest import ROOT, Cli

_MAY_BE_EMPTY = {"why_null"}


def only_run(out: Path) -> Run:
    (directory,) = out.iterdir()
    return read_run(directory)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "-m", "stressbench", "run", "smoke", "--engine", "simulated"]
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True, cwd=ROOT)
    return only_run(out)


def test_a_run_ends_complete_with_a_record_for_every_request(smoke: Run) -> None:
    records = list(smoke.records())
    assert isinstance(smoke.end, RunEnd)
    assert smoke.end.status == "complete"
    assert len(records) == smoke.end.planned == sum(smoke.end.counts.values())
    keys = {(record.role, record.case_id, record.repeat) for record in records}
    assert len(keys) == len(records)


def test_simulated_numbers_are_marked_in_the_header(smoke: Run) -> None:
    assert smoke.header.simulated
    assert smoke.header.engine == "simulated"


def test_budgeted_prompts_have_exactly_the_budgeted_length(smoke: Run) -> None:
    budgeted = [
        r
        for r in smoke.records()
        if r.tokens.budget is not None and r.arm in {"stress", "isotoken"}
    ]
    assert budgeted
    assert {r.tokens.prompt - r.tokens.budget for r in budgeted if r.tokens.budget} == {0}


def test_prompts_survive_decoding_and_encoding(smoke: Run) -> None:
    assert {record.tokens.retok_drift for record in smoke.records()} == {0}


def test_needles_stand_where_their_spans_say(smoke: Run) -> None:
    needles = [r for r in smoke.records() if any(s.part == "needle" for s in r.prompt.spans)]
    assert needles
    for record in needles:
        span = next(s for s in record.prompt.spans if s.part == "needle")
        assert 0 < span.start < span.end < record.tokens.prompt


def test_twins_exist_and_inflation_is_counted_against_them(smoke: Run) -> None:
    records = {(r.role, r.case_id): r for r in smoke.records()}
    for record in records.values():
        if record.twin_of is not None:
            twin = records[record.role, record.twin_of]
            assert twin.tokens.prompt == record.tokens.control
            assert twin.cluster_id == record.cluster_id
        if record.tokens.inflation is not None and record.tokens.control is not None:
            content = record.tokens.prompt - record.tokens.template
            assert record.tokens.inflation == pytest.approx(
                content / (record.tokens.control - record.tokens.template)
            )


AXES = {"variant", "lever", "replica", "block", "parent", "split"}
"""Null is a value of theirs: none."""


def test_every_null_has_a_reason(smoke: Run) -> None:
    for record in smoke.records():
        line = msgspec.json.decode(case_line(record), type=dict[str, object])
        missing = [path for path in _nulls(line) if path not in AXES]
        unexplained = [path for path in missing if not _explained(path, record)]
        assert not unexplained, record.case_id


def _nulls(value: object, path: str = "") -> list[str]:
    if value is None:
        return [path]
    if isinstance(value, dict):
        return [
            found
            for name, item in value.items()
            if path != "params"
            for found in _nulls(item, f"{path}.{name}" if path else name)
        ]
    return []


def _explained(path: str, record: CaseRecord) -> bool:
    parts = path.split(".")
    return any(".".join(parts[:n]) in record.why_null for n in range(1, len(parts) + 1))


def test_telemetry_is_a_time_series_per_model(smoke: Run) -> None:
    seen = list(readings(smoke.directory))
    assert {reading.role for reading in seen} == {"dense", "sparse"}
    for role in ("dense", "sparse"):
        times = [reading.t_ns for reading in seen if reading.role == role]
        assert times == sorted(times)


def test_both_models_get_the_same_text(smoke: Run) -> None:
    texts: dict[str, set[str]] = {}
    for record in smoke.records():
        texts.setdefault(record.case_id, set()).add(record.content_sha256)
    assert {len(hashes) for hashes in texts.values()} == {1}


def test_prompts_do_not_depend_on_the_hash_seed() -> None:
    assert _generated("0") == _generated("4242")


def _generated(hash_seed: str) -> bytes:
    command = [sys.executable, "-m", "stressbench", "generate", "smoke", "--limit", "2"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment)
    assert done.stdout
    return done.stdout


def test_failed_requests_stay_in_the_file_and_score_zero(cli: Cli, tmp_path: Path) -> None:
    left = cli(
        "run", "smoke", "--engine", "simulated", "--limit", 2, "--out", tmp_path,
        "--set", "engine.args.fail_every=5",
    )  # fmt: skip
    run = only_run(tmp_path)
    failed = [record for record in run.records() if record.status != "ok"]
    assert left.code == 0
    assert failed
    assert run.end is not None
    assert run.end.counts["error"] == len(failed)
    assert {record.quality.score for record in failed} == {0.0}
    assert {record.quality.outcome for record in failed} == {"error"}
    assert all(record.timing.ttft_ms is None for record in failed)


def test_repeats_are_sent_again_with_a_salt_of_their_own(cli: Cli, tmp_path: Path) -> None:
    cli(
        "run", "smoke", "--engine", "simulated", "--limit", 1, "--out", tmp_path,
        "--set", "repeats=3",
    )  # fmt: skip
    records = list(only_run(tmp_path).records())
    assert {record.repeat for record in records} == {0, 1, 2}


def test_limit_keeps_whole_items(cli: Cli, tmp_path: Path) -> None:
    cli("run", "smoke", "--engine", "simulated", "--limit", 1, "--out", tmp_path)
    arms: dict[str, set[str]] = {}
    for record in only_run(tmp_path).records():
        assert record.item_id.endswith("i0")
        arms.setdefault(record.prompt_class, set()).add(record.arm)
    assert {"stress", "isocontent"} <= arms["shuffled_order"]


def test_the_simulated_engine_answers_as_told(cli: Cli, tmp_path: Path) -> None:
    expected = {"oracle": 1.0, "empty": 0.0, "refuse": 0.0, "constant": 0.0}
    for answers, score in expected.items():
        out = tmp_path / answers
        cli(
            "run", "smoke", "--engine", "simulated", "--limit", 1, "--out", out,
            "--set", f"engine.args.answers={answers}",
        )  # fmt: skip
        records = [*only_run(out).records()]
        # Where the text has no answer, a refusal is right.
        answerable = [r for r in records if r.quality.scorer != "abstention"]
        assert {record.quality.score for record in answerable} == {score}


def test_generate_writes_what_run_sends(cli: Cli, smoke: Run, tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    assert cli("generate", "smoke", "--out", file).code == 0
    generated = {
        (line["role"], line["case"]["case_id"]): line["prompt_sha256"]
        for line in map(json.loads, file.read_text("utf-8").splitlines())
    }
    sent = {(record.role, record.case_id): record.prompt_sha256 for record in smoke.records()}
    assert generated == sent


def test_budgets_can_count_any_tokenizers_tokens(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "bytes.yaml"
    file.write_text(
        "schema: 1\nname: bytes\nmodels: {dense: {model: reference-dense}}\n"
        "budget_tokenizer: bytes\nprompts:\n  - {use: niah, items: 3, budgets: [900]}\n",
        "utf-8",
    )
    left = cli("run", file, "--engine", "simulated", "--out", tmp_path / "out")
    stressed = [r for r in only_run(tmp_path / "out").records() if r.arm == "stress"]
    assert left.code == 0, left.err
    assert {len((record.prompt.text or "").encode()) for record in stressed} == {900}
    assert {record.tokens.budget for record in stressed} == {900}
    assert all(0 < record.tokens.prompt < 900 for record in stressed)


def test_private_traffic_leaves_no_text_in_the_result_files(cli: Cli, tmp_path: Path) -> None:
    traffic = [
        {"prompt": f"Word {n} of the secret: MARZIPAN", "answer": "MARZIPAN"} for n in range(4)
    ]
    (tmp_path / "traffic.jsonl").write_text("\n".join(map(json.dumps, traffic)), "utf-8")
    file = tmp_path / "private.yaml"
    file.write_text(
        "schema: 1\nname: private\nmodels: {dense: {model: reference-dense}}\n"
        "record_prompts: false\nprompts:\n  - {use: replay, items: 4, params: {path: "
        f"{tmp_path}/traffic.jsonl}}}}\nengine: {{args: {{answers: oracle}}}}\n",
        "utf-8",
    )
    left = cli("run", file, "--engine", "simulated", "--out", tmp_path / "out")
    assert left.code == 0, left.err
    records = list(only_run(tmp_path / "out").records())
    assert {record.quality.score for record in records} == {1.0}
    assert len({record.content_sha256 for record in records}) == 4
    for record in records:
        assert record.prompt.text is record.output.text is record.quality.answer is None
        assert record.why_null["prompt.text"] == "the suite has record_prompts: false"
    written = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert written
    assert not any(b"MARZIPAN" in data for data in written)
    shown = cli("show", only_run(tmp_path / "out").path.parent, records[0].case_id)
    assert shown.code == 0
    assert "record_prompts: false" in shown.out
