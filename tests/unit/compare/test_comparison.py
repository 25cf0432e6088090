import random

import msgspec
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.sides import parse_by
from stressbench.errors import CompareError, ResultsError, SuiteError, UsageError
from stressbench.metrics.base import read
from stressbench.store import read_run
from tests.conftest import examples

SCORE = "quality.score drop < 5pt"


def run(tmp_path, name, rows, **changes):
    return records.write(tmp_path / name / "records.jsonl", rows, **changes)


def answers(n, wrong=(), **changes):
    return [records.record(i, score=float(i not in wrong), **changes) for i in range(n)]


def compare(base, cand, *gates, gates_only=True, **options):
    options = Options(gates=gates, gates_from="here", gates_only=gates_only, **options)
    return comparing.compare(base, cand, options)


def only_gate(comparison):
    (gate,) = comparison.gates
    return gate


def test_four_hundred_unchanged_items_pass_a_five_point_gate(tmp_path):
    base = run(tmp_path, "base", answers(400, range(50)))
    gate = only_gate(compare(base, base, SCORE))
    assert (gate.verdict, gate.delta, gate.p) == ("pass", 0, 1)
    assert gate.ci[0] < 0 < gate.ci[1]
    assert gate.method == "exact McNemar, score interval"


def test_too_little_data_is_never_green(tmp_path):
    base = run(tmp_path, "base", answers(20))
    comparison = compare(base, base, SCORE)
    gate = only_gate(comparison)
    assert comparison.verdict == gate.verdict == "inconclusive"
    assert gate.mde > gate.ci[1] > 0.05
    settled = run(tmp_path, "settled", answers(gate.settles_at))
    assert compare(settled, settled, SCORE).verdict == "pass"
    short = run(tmp_path, "short", answers(gate.settles_at - 1))
    assert compare(short, short, SCORE).verdict == "inconclusive"


@pytest.mark.parametrize("lost", [1, 2, 4])
def test_an_open_verdict_always_asks_for_more_items_and_they_settle_it(tmp_path, lost):
    def answers_of(n, wrong):
        return [records.record(i, score=float(i >= wrong)) for i in range(n)]

    base = run(tmp_path, "base", answers_of(80, 0))
    gate = only_gate(compare(base, run(tmp_path, "cand", answers_of(80, lost)), SCORE))
    assert gate.verdict == "inconclusive"
    assert gate.settles_at > 80
    more = gate.settles_at
    base = run(tmp_path, "more", answers_of(more, 0))
    cand = run(tmp_path, "lost", answers_of(more, -(-more * lost // 80)))
    assert compare(base, cand, SCORE).verdict != "inconclusive"


def test_the_detectable_effect_is_never_below_what_the_interval_leaves_open(tmp_path):
    """One half-point change among forty items is no licence to claim half a point."""

    def rows(first):
        return [
            records.record(i, depth=d, score=first if (i, d) == (0, 0) else 1.0)
            for i in range(40)
            for d in (0, 1)
        ]

    base, cand = run(tmp_path, "base", rows(1.0)), run(tmp_path, "cand", rows(0.5))
    gate = only_gate(compare(base, cand, SCORE))
    assert gate.mde > gate.ci[1] - gate.delta > 0.03


def test_a_real_loss_is_a_regression_and_the_swapped_sides_pass(tmp_path):
    base = run(tmp_path, "base", answers(400, range(20)))
    cand = run(tmp_path, "cand", answers(400, range(90)))
    worse, better = compare(base, cand, SCORE), compare(cand, base, SCORE)
    assert (worse.verdict, better.verdict) == ("regression", "pass")
    lost, gained = only_gate(worse), only_gate(better)
    assert lost.delta == -gained.delta
    assert lost.ci == pytest.approx((-gained.ci[1], -gained.ci[0]))
    assert lost.p == gained.p


def test_equal_scores_do_not_hide_answers_that_flipped(tmp_path):
    base = run(tmp_path, "base", answers(100, range(20)))
    cand = run(tmp_path, "cand", answers(100, range(80, 100)))
    gate = only_gate(compare(base, cand, SCORE))
    assert (gate.delta, gate.flips) == (0, 0.4)


@pytest.mark.parametrize(("lost", "p"), [(4, 0.125), (5, 0.0625)])
def test_four_to_nothing_may_be_chance_and_five_is_not(tmp_path, lost, p):
    """A gate asks in one direction, so its p is half the two-sided one."""
    base = run(tmp_path, "base", answers(60))
    cand = run(tmp_path, "cand", answers(60, range(lost)))
    gate = only_gate(compare(base, cand, SCORE))
    assert gate.p == pytest.approx(p)
    assert gate.p_adjusted == pytest.approx(p / 2)
    assert gate.verdict == ("regression" if p / 2 <= 0.05 else "inconclusive")


def test_the_order_of_lines_does_not_matter(tmp_path):
    rng = random.Random(3)
    rows = [
        records.record(i, depth=depth, score=rng.random(), ttft_ms=rng.uniform(50, 90))
        for i in range(15)
        for depth in (0, 0.5, 1)
    ]
    base = run(tmp_path, "base", answers(15, depth=0) + answers(15) + answers(15, depth=1))
    straight = run(tmp_path, "cand", rows)
    first = compare(base, straight, SCORE, "ttft.p95 rise < 10%", gates_only=False)
    rng.shuffle(rows)
    run(tmp_path, "cand", rows)
    again = compare(base, straight, SCORE, "ttft.p95 rise < 10%", gates_only=False)
    assert again == first


def test_repeats_and_lengths_of_an_item_are_one_cluster(tmp_path):
    """Six lost items, each in 8 rows: as significant as six items, not as 48 rows."""

    def rows(wrong):
        return [
            records.record(i, budget=budget, depth=depth, score=float(i not in wrong))
            for i in range(30)
            for budget in (512, 1024)
            for depth in (0, 0.3, 0.6, 1)
        ]

    base, cand = run(tmp_path, "base", rows(())), run(tmp_path, "cand", rows(range(6)))
    gate = only_gate(compare(base, cand, SCORE))
    assert (gate.n, gate.clusters) == (240, 30)
    assert 0.02 < gate.p < 0.06


def test_unequal_sets_are_refused_naming_a_case(tmp_path):
    base = run(tmp_path, "base", answers(10))
    cand = run(tmp_path, "cand", answers(9))
    with pytest.raises(
        CompareError, match=r"1 only in base \(dense\), such as niah/stress/b512/d0.5/i9"
    ):
        compare(base, cand)


def test_changed_content_is_refused_naming_a_case(tmp_path):
    rows = answers(10)
    base = run(tmp_path, "base", rows)
    rows[3] = msgspec.structs.replace(rows[3], content_sha256=records.sha("other"))
    cand = run(tmp_path, "cand", rows)
    with pytest.raises(CompareError, match=r"1 of 10 cases have different content.*/i3"):
        compare(base, cand)


def test_a_case_recorded_twice_is_refused(tmp_path):
    base = run(tmp_path, "base", answers(10))
    cand = run(tmp_path, "cand", [*answers(10), records.record(4)])
    with pytest.raises(CompareError, match=r"/i4 is recorded twice"):
        compare(base, cand)


PACKAGES = {"vllm": "0.33.0"}
OTHER_MODEL = {"dense": records.model("dense", tokenizer_sha256="f00")}


@pytest.mark.parametrize(
    ("changes", "factor", "named"),
    [
        ({"seed": 8}, "seed", "seed: 7 against 8"),
        ({"engine": "openai"}, "engine", "engine: vllm against openai"),
        ({"simulated": True}, "simulated", "simulated: False against True"),
        ({"suite_spec": {"name": "tiny", "seed": 7}}, "suite", "suite.name: core against tiny"),
        ({"models": OTHER_MODEL}, "tokenizer", "tokenizer_sha256 of dense"),
        (
            {"models": {"dense": records.model("dense", kv_blocks=64)}},
            "engine.args",
            "kv_blocks of dense: 512 against 64",
        ),
        (
            {"machine": msgspec.structs.replace(records.header().machine, packages=PACKAGES)},
            "engine.version",
            "vllm: 0.32.0 against 0.33.0",
        ),
    ],
)
def test_an_undeclared_difference_is_refused_and_a_treatment_is_not(
    tmp_path, changes, factor, named
):
    base = run(tmp_path, "base", answers(10))
    cand = run(tmp_path, "cand", answers(10), run=records.header(**changes))
    with pytest.raises(CompareError) as caught:
        compare(base, cand)
    assert named in caught.value.message
    treated = "suite" if factor == "suite" else factor
    assert f"--treat {treated}" in caught.value.hint
    assert any(named in line for line in compare(base, cand, treat=(treated,)).differences)


def test_a_cache_sized_by_another_device_is_part_of_the_device(tmp_path):
    models = {"dense": records.model("dense", kv_blocks=64)}
    base = run(tmp_path, "base", answers(6))
    here = run(tmp_path, "here", answers(6), run=records.header(models=models))
    with pytest.raises(CompareError, match="kv_blocks"):
        compare(base, here)
    elsewhere = msgspec.structs.replace(other_device(), models=models)
    there = run(tmp_path, "there", answers(6), run=elsewhere)
    assert any("kv_blocks" in line for line in compare(base, there).differences)


def test_where_a_model_lies_is_no_difference(tmp_path):
    sides = [
        run(
            tmp_path,
            name,
            answers(6),
            run=records.header(
                models={"dense": records.model("dense", engine_args={"model": f"/{name}", "x": 1})}
            ),
        )
        for name in ("here", "there")
    ]
    assert compare(*sides).differences == []


def test_other_gates_in_the_suite_are_no_difference(tmp_path):
    spec = {"schema": 1, "name": "core", "seed": 7, "gates": ["failures.rate rise < 50pt"]}
    base = run(tmp_path, "base", answers(50))
    cand = run(tmp_path, "cand", answers(50), run=records.header(suite_spec=spec))
    comparison = comparing.compare(base, cand, Options())
    assert [gate.gate for gate in comparison.gates] == spec["gates"]
    assert comparison.gates_from == "the candidate's suite"
    assert comparison.verdict == "pass"


def other_device(name="another CPU"):
    return records.header(
        machine=msgspec.structs.replace(records.header().machine, device_name=name)
    )


def test_across_devices_quality_is_compared_and_latency_is_not(tmp_path):
    base = run(tmp_path, "base", answers(400))
    cand = run(tmp_path, "cand", answers(400), run=other_device())
    comparison = compare(base, cand, SCORE, gates_only=False)
    assert comparison.verdict == "pass"
    assert not {"ttft", "e2el", "speed.output"} & {f.metric for f in comparison.findings}
    with pytest.raises(CompareError, match="device_name: a CPU against another CPU"):
        compare(base, cand, "ttft.p95 rise < 10%")
    assert compare(base, cand, "ttft.p95 rise < 10%", treat=("device",)).gates


def on(isa, device="cpu", **changes):
    machine = msgspec.structs.replace(records.header().machine, isa=isa, device=device)
    return records.header(machine=machine, **changes)


AVX2, BF16 = ["avx2", "fma"], ["avx2", "fma", "avx512f", "avx512_bf16"]
CAPPED = {"dense": records.model("dense", environment={"ATEN_CPU_CAPABILITY": "avx2"})}


@pytest.mark.parametrize(
    ("here", "there", "named"),
    [
        (on(AVX2), on(BF16), 'isa: [] against ["avx512f","avx512_bf16"]'),
        (on(BF16), on(BF16, models=CAPPED), "ATEN_CPU_CAPABILITY of dense: None against avx2"),
    ],
)
def test_other_instructions_are_another_device(tmp_path, here, there, named):
    base = run(tmp_path, "base", answers(400), run=here)
    cand = run(tmp_path, "cand", answers(400), run=there)
    comparison = compare(base, cand, SCORE, gates_only=False)
    assert comparison.differences == [named]
    assert comparison.verdict == "pass"
    assert not {"ttft", "e2el", "speed.output"} & {f.metric for f in comparison.findings}
    assert compare(base, cand, "ttft.p95 rise < 10%", treat=("device",)).gates


@pytest.mark.parametrize(
    ("here", "there"),
    [(on([]), on(BF16)), (on(AVX2), on([])), (on(AVX2, "cuda"), on(BF16, "cuda"))],
    ids=["older file", "older file here", "a GPU computes"],
)
def test_instructions_that_are_not_known_or_not_used_are_no_difference(tmp_path, here, there):
    base = run(tmp_path, "base", answers(6), run=here)
    assert compare(base, run(tmp_path, "cand", answers(6), run=there)).differences == []


def served(resolved, **engine_args):
    return records.header(
        models={"dense": records.model("dense", dtype=resolved, engine_args=engine_args)}
    )


def test_runs_in_two_dtypes_are_refused_unless_the_dtype_is_the_treatment(cli, tmp_path):
    base = run(tmp_path, "base", answers(50), run=served("float32", dtype="float32"))
    cand = run(tmp_path, "cand", answers(50), run=served("bfloat16", dtype="auto"))
    refused = cli("compare", base, cand)
    assert refused.code == 4
    assert "dtype of dense: float32 against bfloat16" in refused.err
    assert "more)" not in refused.err  # what was asked for is not a second difference
    assert "--set engine.dtype=float32" in refused.err
    assert "--treat engine.args" in refused.err
    gate = ("--gate", "quality.score drop < 50pt", "--gates-only")
    assert cli("compare", base, cand, "--treat", "engine.args", *gate).code == 0


def test_how_one_dtype_was_asked_for_is_no_difference(tmp_path):
    base = run(tmp_path, "base", answers(6), run=served("bfloat16", dtype="auto"))
    cand = run(tmp_path, "cand", answers(6), run=served("bfloat16", dtype="bfloat16"))
    assert compare(base, cand).differences == []


def test_a_dtype_that_a_server_does_not_tell_is_not_one_to_set(tmp_path):
    base = run(tmp_path, "base", answers(6), run=served(None))
    cand = run(tmp_path, "cand", answers(6), run=served("float32"))
    with pytest.raises(CompareError, match='dtype of dense: null against "float32"') as caught:
        compare(base, cand)
    assert "--set" not in caught.value.hint


@pytest.mark.parametrize("status", [None, "interrupted", "failed"])
def test_an_unfinished_run_is_refused_and_never_passes(tmp_path, status):
    base = run(tmp_path, "base", answers(500))
    cand = run(tmp_path, "cand", answers(400), status=status)
    with pytest.raises(CompareError, match=status or "no end line"):
        compare(base, cand)
    gate = only_gate(compare(base, cand, SCORE, allow_partial=True))
    assert (gate.verdict, gate.n) == ("inconclusive", 400)
    lost = run(tmp_path, "lost", answers(400, range(100)), status=status)
    assert compare(base, lost, SCORE, allow_partial=True).verdict == "regression"


def test_a_run_that_was_killed_in_its_first_model_is_compared_in_that_one(tmp_path):
    base = run(tmp_path, "base", both_roles(30, ()))
    models = {role: records.model(role) for role in ("dense", "sparse")}
    header = records.header(models=models)
    cand = run(tmp_path, "cand", answers(20), run=header, status=None)
    comparison = compare(base, cand, SCORE, allow_partial=True)
    assert [(gate.scope["role"], gate.n) for gate in comparison.gates] == [("dense", 20)]
    assert any("no end line" in note for note in comparison.notes)


def test_failures_count_as_wrong_answers_and_cannot_hide_in_latency(tmp_path):
    base = run(tmp_path, "base", answers(300))
    rows = [
        records.record(i, ttft_ms=60.0, status="timeout" if i < 60 else "ok") for i in range(300)
    ]
    cand = run(tmp_path, "cand", rows)
    comparison = compare(base, cand, SCORE, "ttft rise < 10%", "failures.rate rise < 5pt")
    score, ttft, failures = comparison.gates
    assert (score.verdict, score.cand) == ("regression", 0.8)
    assert (failures.verdict, failures.delta) == ("regression", 0.2)
    assert ttft.delta < 0
    assert (ttft.verdict, ttft.missing.cand, ttft.n) == ("inconclusive", 60, 240)
    assert "easy cases" in ttft.why


def slow(rng, item, factor=1.0):
    level = random.Random(item).lognormvariate(4, 0.3)
    return level * rng.lognormvariate(0, 0.05) * factor


def test_latency_gates_find_a_slowdown_and_pass_its_absence(tmp_path):
    rng = random.Random(1)

    def rows(factor):
        return [
            records.record(i, depth=d, ttft_ms=slow(rng, i, factor))
            for i in range(80)
            for d in (0, 1)
        ]

    base, same, worse = (
        run(tmp_path, name, rows(factor))
        for name, factor in (("base", 1), ("same", 1), ("worse", 1.3))
    )
    gate = "ttft.p95 rise < 25%"
    assert compare(base, same, gate).verdict == "pass"
    assert compare(base, worse, gate).verdict == "regression"
    assert compare(worse, base, gate).verdict == "pass"
    assert compare(base, base, "ttft.p95 rise < 15%").verdict == "pass"


@pytest.mark.parametrize("sooner", [1.0, 1.08])
def test_a_change_that_drift_between_two_runs_explains_is_left_open(tmp_path, sooner):
    """However many requests there are: two single runs do not show how far runs drift apart."""
    rows = [
        [records.record(i, ttft_ms=factor * (100 + i % 7)) for i in range(600)]
        for factor in (1.0, sooner)
    ]
    base, cand = (run(tmp_path, str(i), each) for i, each in enumerate(rows))
    gate = only_gate(compare(base, cand, "ttft.p50 rise < 5%"))
    assert gate.verdict == "inconclusive"
    assert "assumed to differ by 5% (log sd): it was not measured" in gate.why
    assert gate.ci[1] - gate.ci[0] > 0.25


def test_a_drift_that_unchanged_repeats_show_too_is_no_regression(tmp_path):
    """Every repeat of a run is slower or faster as a whole: the machine, not the candidate."""

    def rows(factors):
        return [
            records.record(i, repeat=r, ttft_ms=100.0 * (1 + i / 100) * factor)
            for i in range(30)
            for r, factor in enumerate(factors)
        ]

    base = run(tmp_path, "base", rows([1.0, 1.4, 0.7, 1.2, 0.7]))
    cand = run(tmp_path, "cand", rows([1.3, 1.8, 0.9, 1.6, 0.9]))
    gate = only_gate(compare(base, cand, "ttft.mean rise < 5%"))
    assert gate.p < 0.01
    assert gate.noise > 0.3
    assert gate.verdict == "inconclusive"
    assert "unchanged repeats" in gate.why
    quiet = run(tmp_path, "quiet", rows([1.0, 1.01, 0.99, 1.0, 1.0]))
    slower = run(tmp_path, "slower", rows([1.3, 1.31, 1.29, 1.3, 1.3]))
    assert compare(quiet, slower, "ttft.mean rise < 5%").verdict == "regression"


def test_gates_are_split_and_restricted(tmp_path):
    rows = answers(8) + answers(8, prompt_class="json") + answers(8, arm="isocontent")
    base = run(tmp_path, "base", rows)
    comparison = compare(base, base, f"{SCORE} per prompt_class", f"{SCORE} per arm")
    assert [gate.scope for gate in comparison.gates] == [
        {"role": "dense", "arm": "stress"},
        {"role": "dense", "arm": "stress", "prompt_class": "json"},
        {"role": "dense", "arm": "stress", "prompt_class": "niah"},
        {"role": "dense"},
        {"role": "dense", "arm": "isocontent"},
        {"role": "dense", "arm": "stress"},
    ]
    long = [records.record(i, budget=budget) for i in range(8) for budget in (512, 1048576)]
    path = run(tmp_path, "long", long)
    assert only_gate(compare(path, path, f"{SCORE} where budget=1048576, depth=0.5")).n == 8
    with pytest.raises(SuiteError, match="role 'sparse' is not among the compared"):
        compare(base, base, f"{SCORE} where role=sparse")


def classes(noisy, lost=range(6), gained=()):
    """Answers of twenty classes of 60 on two sides; in c3 some are lost, in c4 some gained.

    In each of the ``noisy`` other classes four answers are lost and four gained.
    """
    sides = [], []
    for name in (f"c{i}" for i in range(20)):
        wrong = ({*gained}, set()) if name == "c4" else (set(), {*lost} if name == "c3" else set())
        if name in {f"c{i}" for i in range(5, 5 + noisy)}:
            wrong = {0, 1, 2, 3}, {4, 5, 6, 7}
        for side, each in zip(sides, wrong, strict=True):
            side.extend(answers(60, each, prompt_class=name))
    return sides


def of_class(comparison, name):
    return next(g for g in comparison.gates if g.scope.get("prompt_class") == name)


@pytest.mark.parametrize(("noisy", "verdict"), [(0, "pass"), (15, "pass")])
def test_six_of_sixty_are_a_sure_loss_alone_but_chance_among_noisy_classes(
    tmp_path, noisy, verdict
):
    """Where nothing else changed no other class could raise a false alarm, so none counts."""
    sides = [run(tmp_path, str(i), rows) for i, rows in enumerate(classes(noisy))]
    gate = f"{SCORE} per prompt_class"
    comparison = compare(*sides, gate)
    lost = of_class(comparison, "c3")
    assert lost.p == pytest.approx(0.03125)
    assert comparison.gates[0].verdict == verdict
    assert lost.verdict == ("unopened" if noisy else "regression")
    assert comparison.verdict == ("pass" if noisy else "regression")


def test_a_lost_class_is_found_although_another_gained_as_much(tmp_path):
    sides = [run(tmp_path, str(i), r) for i, r in enumerate(classes(0, range(9), range(9)))]
    comparison = compare(*sides, f"{SCORE} per prompt_class")
    assert comparison.gates[0].delta == 0
    assert comparison.verdict == of_class(comparison, "c3").verdict == "regression"
    assert of_class(comparison, "c4").verdict == "pass"


def test_a_sure_loss_inside_the_margin_is_not_red(tmp_path):
    """60 of 2,000 lost: 3 points, far beyond chance, and no more than is tolerated."""
    base = run(tmp_path, "base", answers(2000))
    gate = only_gate(compare(base, run(tmp_path, "cand", answers(2000, range(60))), SCORE))
    assert gate.p < 1e-9
    assert gate.verdict == "pass"
    assert "surely worse" in gate.why
    few = run(tmp_path, "few", answers(300))
    gate = only_gate(compare(few, run(tmp_path, "lost", answers(300, range(12))), SCORE))
    assert (gate.verdict, gate.p_adjusted < 0.01) == ("inconclusive", True)
    assert "surely worse, but by less than the margin" in gate.why


def both_roles(n, wrong):
    return answers(n, role="dense") + answers(n, wrong, role="sparse")


def test_two_models_of_one_run_are_described_and_judged_only_when_asked(tmp_path):
    path = run(tmp_path, "run", both_roles(300, range(60)))

    def roles(names, *gates):
        by = parse_by([], names)
        return comparing.compare(path, None, Options(gates=gates, gates_from="--gate", by=by))

    described = roles("dense,sparse")
    assert (described.verdict, described.gates) == ("ungated", [])
    score = next(f for f in described.findings if f.metric == "quality.score")
    assert (score.base, score.cand, score.n) == (1.0, 0.8, 300)
    assert score.scope["role"] == "dense->sparse"
    assert roles("dense,sparse", SCORE).verdict == "regression"
    assert roles("sparse,dense", SCORE).verdict == "pass"
    with pytest.raises(UsageError, match="no role 'spars'; did you mean 'sparse'"):
        roles("dense,spars")


def test_gates_only_gives_the_same_verdict_and_nothing_else(tmp_path):
    base = run(tmp_path, "base", answers(50))
    cand = run(tmp_path, "cand", answers(50, range(9)))
    whole, bare = (compare(base, cand, SCORE, gates_only=only) for only in (False, True))
    assert bare.gates == whole.gates
    assert whole.findings
    assert not bare.findings


def test_unreadable_and_mistyped_input_is_named(tmp_path):
    base = run(tmp_path, "base", answers(3))
    with pytest.raises(ResultsError):
        compare(base, tmp_path / "none")
    with pytest.raises(UsageError, match=r"did you mean 'engine.version'"):
        compare(base, base, treat=("engine.versio",))
    with pytest.raises(SuiteError, match=r"quality\.scor"):
        compare(base, base, "quality.scor drop < 5pt")


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_handful_of_items_says_how_many_it_would_take(tmp_path, n):
    base = run(tmp_path, "base", answers(n))
    gate = only_gate(compare(base, base, SCORE))
    assert gate.verdict == "inconclusive"
    assert "needs at least 5" in gate.why


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
@settings(max_examples=examples(25), deadline=None)
def test_nothing_that_is_valid_crashes_and_swapping_mirrors(tmp_path_factory, scores):
    tmp_path = tmp_path_factory.mktemp("runs")
    sides = [
        run(tmp_path, name, [records.record(i, score=each[k]) for i, each in enumerate(scores)])
        for k, name in enumerate(("base", "cand"))
    ]
    one, two = only_gate(compare(*sides, SCORE)), only_gate(compare(*sides[::-1], SCORE))
    assert one.delta == pytest.approx(-two.delta)
    assert one.p == two.p
    assert not one.verdict == two.verdict == "regression"


def test_runs_that_were_read_already_compare_like_their_files(tmp_path):
    sized = [
        [msgspec.structs.replace(r, params={**r.params, "content_tokens": 9}) for r in rows]
        for rows in (answers(40), answers(40, range(8)))
    ]
    base, cand = (run(tmp_path, name, rows) for name, rows in zip("ab", sized, strict=True))
    gates = (SCORE, f"{SCORE} where label=niah", "failures.rate rise < 5pt per content_tokens")
    options = Options(gates=gates, gates_from="here")
    headers = (read_run(base).header, read_run(cand).header)
    metrics, ids, keys = comparing.needed(*headers, options)
    assert keys == ("content_tokens",)
    columns = [read(path, metrics, ids=ids, keys=keys) for path in (base, cand)]
    assert comparing.compare_columns(*columns, options) == comparing.compare(base, cand, options)


def test_only_what_is_asked_for_needs_to_be_read(tmp_path):
    header = read_run(run(tmp_path, "base", answers(3))).header
    options = Options(gates=(SCORE,), gates_from="here", gates_only=True)
    metrics, ids, _ = comparing.needed(header, header, options)
    assert ([metric.name for metric in metrics], ids) == (["quality.score"], False)
