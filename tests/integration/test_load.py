"""Loads, cache sharing and engine variants on the simulated engine, from suite to report."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from stressbench.schema.results.record import CaseRecord
from stressbench.store import Run, read_run, scan
from tests.conftest import Cli, Outcome

SUITE = """\
schema: 1
name: loaded
models: {dense: {model: reference-dense}}
engine: {max_model_len: 1024, block_size: 32}
load: {arrival: closed, concurrency: 4}
prompts:
  - {use: niah, items: 12, budgets: [256], depths: [0, 1], arms: [stress]}
"""


class Bench:
    """Runs one suite on the simulated engine with other settings."""

    def __init__(self, cli: Cli, tmp_path: Path, text: str = SUITE) -> None:
        self._cli = cli
        self._file = tmp_path / "suite.yaml"
        self._file.write_text(text, "utf-8")
        self.out = tmp_path / "out"

    def run(self, *settings: str) -> Outcome:
        given = [word for setting in settings for word in ("--set", setting)]
        return self._cli(
            "run", self._file, "--engine", "simulated", "--out", self.out, "--no-progress", *given
        )

    def result(self, *settings: str) -> tuple[Outcome, Run]:
        left = self.run(*settings)
        (directory,) = self.out.iterdir()
        return left, read_run(directory)


@pytest.fixture
def bench(cli: Cli, tmp_path: Path) -> Bench:
    return Bench(cli, tmp_path)


def all_records(run: Run) -> list[CaseRecord]:
    """Warm-up and cool-down included."""
    return list(scan(run.path, CaseRecord))


def test_an_open_loop_sends_at_its_times_and_reports_what_came_of_it(bench: Bench) -> None:
    left, run = bench.result("load={arrival: constant, rate: 5}")
    records = sorted(run.records(), key=lambda record: record.timing.scheduled_ns)
    gaps = [b.timing.scheduled_ns - a.timing.scheduled_ns for a, b in pairwise(records)]
    assert left.code == 0, left.err
    assert set(gaps) == {200_000_000}
    assert all(r.timing.sent_ns == r.timing.scheduled_ns for r in records)
    assert {(r.load.rate, r.load.level) for r in records if r.load} == {(5.0, None)}
    assert "sched. delay" in left.out
    assert "5.00" in left.out


def test_poisson_arrivals_are_the_seeds_own(cli: Cli, tmp_path: Path) -> None:
    times = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        bench = Bench(cli, tmp_path / name)
        _, run = bench.result("load={arrival: poisson, rate: 5}", f"seed={seed}")
        began = {r.load.began_ns for r in run.records() if r.load}
        assert len(began) == 1
        times.append(sorted(r.timing.scheduled_ns - min(began) for r in run.records()))
    assert times[0] == times[1] != times[2]


def test_warm_up_and_cool_down_are_recorded_and_count_nowhere(bench: Bench) -> None:
    load = "load={arrival: poisson, rate: 50, warmup: {requests: 5}, cooldown: {requests: 3}}"
    left, run = bench.result(load)
    passes = [record.pass_ for record in all_records(run)]
    assert left.code == 0, left.err
    assert passes.count("warmup") == 5
    assert 1 <= passes.count("cooldown") <= 3
    assert len(list(run.records())) == passes.count("quality") == 24
    assert run.end is not None
    assert (run.end.planned, run.end.counts) == (24, {"ok": 24})
    assert "\ncomplete, 24 of 24 requests" in left.out


def test_a_sweep_finds_the_knee_and_stops_behind_it(bench: Bench) -> None:
    left, run = bench.result(
        "load={arrival: sweep, concurrency_levels: [1, 2, 4, 8, 16, 32, 64]}",
        "engine.args={answers: oracle}",
    )
    records = list(run.records())
    levels = {r.load.level: r.load.concurrency for r in records if r.load}
    assert left.code == 0, left.err
    assert "dense saturates at concurrency" in left.out
    assert "TTFT p95" in left.out
    assert levels == dict(enumerate([1, 2, 4, 8, 16, 32, 64][: len(levels)], 1))
    assert len(levels) < 7
    assert run.end is not None
    assert run.end.status == "complete"
    assert run.end.counts["not_sent"] == (7 - len(levels)) * 24
    assert sum(run.end.counts.values()) == run.end.planned
    by_level = [{r.content_sha256 for r in records if r.load and r.load.level == n} for n in levels]
    assert all(contents == by_level[0] for contents in by_level)


def test_a_sweep_that_never_saturates_says_so(bench: Bench) -> None:
    left, _ = bench.result("load={arrival: sweep, rate_levels: [0.5, 1]}")
    assert left.code == 0, left.err
    assert "is not saturated at 1 requests/s" in left.out


def test_an_overload_ends_inconclusive_and_is_over(bench: Bench, cli: Cli) -> None:
    load = "load={arrival: constant, rate: 100, timeout_s: 3}"
    left, run = bench.result(load, "prompts.0.items=400")
    assert left.code == 5
    assert "dense is overloaded" in left.err
    assert run.end is not None
    assert run.end.status == "inconclusive"
    assert "longer than load.timeout_s = 3 s" in (run.end.error or "")
    assert run.end.counts["not_sent"] > 300
    assert sum(run.end.counts.values()) == run.end.planned == 800
    again = cli("run", "--resume", run.directory, "--no-progress")
    assert again.code == 4
    assert "over, and inconclusive; there is nothing to resume: dense is overloaded" in again.err
    assert read_run(run.directory).end == run.end


TRACE = """\
schema: 1
name: traced
models: {dense: {model: reference-dense}}
load: {arrival: trace, speed: 4}
prompts:
  - {use: replay, items: 3, params: {path: PATH}}
"""


def test_a_trace_is_replayed_at_its_times(cli: Cli, tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {i}?", "timestamp": at} for i, at in enumerate((9.0, 1.0, 3.0))]
    file = tmp_path / "traffic.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    left, run = Bench(cli, tmp_path, TRACE.replace("PATH", str(file))).result()
    due = sorted(r.timing.scheduled_ns - r.load.began_ns for r in run.records() if r.load)
    assert left.code == 0, left.err
    assert due == [0, 500_000_000, 2_000_000_000]


def test_a_trace_without_times_is_found_by_validate(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "traffic.jsonl"
    file.write_text('{"prompt": "a?", "timestamp": 1}\n{"prompt": "b?"}\n{"prompt": "c?"}\n')
    suite = tmp_path / "suite.yaml"
    suite.write_text(TRACE.replace("PATH", str(file)), "utf-8")
    left = cli("validate", suite)
    assert left.code == 2
    assert "suite.yaml:6:prompts.0.params.time_field: replay/stress/i1 has no time" in left.err


SHARED = """\
schema: 1
name: shared
models: {dense: {model: reference-dense}}
engine: {max_model_len: 1024, block_size: 32}
load: {concurrency: 1}
prompts:
  - {use: shared_prefix, items: 6, params: {prefixes: 2, questions: 3, prefix_tokens: 300}}
"""


def cached(run: Run) -> dict[str, list[CaseRecord]]:
    groups: dict[str, list[CaseRecord]] = {}
    for record in run.records():
        groups.setdefault(str(record.params["group"]), []).append(record)
    return groups


def hits(record: CaseRecord) -> int:
    assert record.kv is not None
    assert record.kv.cached_tokens is not None
    return record.kv.cached_tokens


@pytest.fixture
def sharing(cli: Cli, tmp_path: Path) -> Bench:
    return Bench(cli, tmp_path, SHARED)


def test_cold_requests_find_nothing(sharing: Bench) -> None:
    _, run = sharing.result()
    assert [hits(record) for record in run.records()] == [0] * 6


def test_a_group_finds_its_common_prefix_in_whole_blocks(sharing: Bench) -> None:
    _, run = sharing.result("load.cache=shared")
    groups = cached(run)
    assert len(groups) == 2
    for first, *others in groups.values():
        assert hits(first) == 0
        for record in others:
            # What follows the common prefix may agree for some more tokens, never for fewer.
            assert hits(record) >= 32 * (300 // 32)
            assert hits(record) % 32 == 0
            assert record.tokens.prompt is not None
            assert hits(record) <= 32 * ((record.tokens.prompt - 1) // 32)


def test_a_warm_request_finds_all_of_itself_but_the_last_token(sharing: Bench) -> None:
    _, run = sharing.result("load.cache=warm")
    measured = list(run.records())
    assert len(all_records(run)) == 2 * len(measured) == 12
    for record in measured:
        assert record.tokens.prompt is not None
        assert hits(record) == 32 * ((record.tokens.prompt - 1) // 32)


MATRIX = """\
schema: 1
name: matrix
models: {dense: {model: reference-dense}, sparse: {model: reference-sparse}}
engine:
  - {name: cached, max_model_len: 1024, block_size: 32}
  - {name: plain, max_model_len: 1024, block_size: 64, enable_prefix_caching: false}
load: {concurrency: 2, cache: shared}
prompts:
  - {use: shared_prefix, items: 6, params: {prefixes: 1, questions: 6, prefix_tokens: 400}}
"""


@pytest.fixture
def matrix(cli: Cli, tmp_path: Path) -> Bench:
    return Bench(cli, tmp_path, MATRIX)


def test_each_model_runs_under_each_set_up_with_an_engine_of_its_own(
    matrix: Bench, cli: Cli
) -> None:
    left, run = matrix.result()
    models = run.header.models
    assert left.code == 0, left.err
    assert list(models) == ["dense@cached", "dense@plain", "sparse@cached", "sparse@plain"]
    assert [model.variant for model in models.values()] == ["cached", "plain"] * 2
    assert [model.block_size for model in models.values()] == [32, 64] * 2
    roles = [record.role_name for record in run.records()]
    assert {role: roles.count(role) for role in models} == dict.fromkeys(models, 6)
    texts = {
        role: {r.prompt_sha256 for r in run.records() if r.role_name == role} for role in models
    }
    assert len(set(map(frozenset, texts.values()))) == 1
    cached = [record for record in run.records() if record.role_name == "dense@cached"]
    plain = [
        record for record in run.records() if record.variant == "plain" and record.role == "dense"
    ]
    assert sum(map(hits, cached)) > 0
    # Nothing was looked up, so there is no rate of hits: null, not 0.
    assert {record.kv.cached_tokens for record in plain if record.kv} == {None}
    assert all(record.why_null["kv.cached_tokens"] for record in plain)
    compared = cli(
        "compare", run.directory, "--roles", "dense@cached,dense@plain", "--format", "json"
    )
    assert compared.code in {0, 5}, compared.err
    assert json.loads(compared.out)["verdict"]


def test_answers_do_not_depend_on_the_set_up(matrix: Bench) -> None:
    _, run = matrix.result()
    answers: dict[tuple[str, str], set[str | None]] = {}
    for record in run.records():
        key = record.role, record.case_id
        answers.setdefault(key, set()).add(record.output.text)
    assert {len(given) for given in answers.values()} == {1}


def test_a_matrix_is_shown_before_it_is_run(matrix: Bench, cli: Cli, tmp_path: Path) -> None:
    left = cli("run", tmp_path / "suite.yaml", "--dry-run", "--no-progress")
    assert left.code == 0, left.err
    for role in ("dense@cached", "dense@plain", "sparse@cached", "sparse@plain"):
        assert role in left.out


def test_a_matrix_that_was_cut_short_goes_on_where_it_was(matrix: Bench, cli: Cli) -> None:
    _, run = matrix.result("engine.1.args.die_after=3")
    done = len(list(run.records()))
    assert run.end is not None
    assert run.end.status == "failed"
    assert 6 < done < 24
    lines = run.path.read_bytes().splitlines(keepends=True)
    again = cli("run", "--resume", run.directory, "--no-progress")
    assert again.code == 3  # the same engine dies again, one request further on
    later = read_run(run.directory).path.read_bytes().splitlines(keepends=True)
    assert later[1 : done + 1] == lines[1 : done + 1]
