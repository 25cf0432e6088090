import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.errors import SuiteError
from stressbench.metrics.families import known
from stressbench.schema.suite import gate
from tests.conftest import examples


def test_a_gate_names_metric_statistic_margin_scope_and_confidence():
    parsed = gate.parse(
        "ttft.p95 rise < 10% per prompt_class, budget where role=sparse at 99%", known()
    )
    assert (parsed.metric, parsed.statistic, parsed.direction) == ("ttft", "p95", "rise")
    assert (parsed.margin, parsed.relative, parsed.confidence) == (0.1, True, 0.99)
    assert (parsed.per, parsed.where) == (("prompt_class", "budget"), {"role": "sparse"})


def test_a_gate_may_name_its_sides():
    text = "quality.score drop < 2pt by lever=none, clean where arm=isocontent by role=a,b+x at 90%"
    parsed = gate.parse(text, known())
    assert parsed.by == {"lever": ("none", "clean"), "role": ("a", "b+x")}
    assert (parsed.where, parsed.confidence) == ({"arm": "isocontent"}, 0.9)
    assert gate.parse("ttft rise < 5%", known()).by == {}


@pytest.mark.parametrize("key", gate.KEYS)
def test_every_key_splits_and_restricts(key):
    parsed = gate.parse(f"ttft rise < 5% per {key} where {key}=x", known())
    assert (parsed.per, parsed.where) == ((key,), {key: "x"})


@pytest.mark.parametrize(
    ("text", "margin", "statistic"),
    [
        ("quality.score drop < 5pt", 0.05, "mean"),
        ("quality.score drop<.5pt", 0.005, "mean"),
        ("quality.score drop < 5e0pt", 0.05, "mean"),
        ("tokens.inflation rise < 0.2x", 0.2, "mean"),
        ("kv.preemptions rise < 2", 2, "mean"),
        ("gpu.memory_bytes change < 2MiB", 2**21, "mean"),
        ("speed.prefill drop < 5tok/s", 5, "mean"),
        ("speed.prefill drop < 5tokens/s", 5, "mean"),
        ("ttft rise < 1.5s", 1500, "p50"),
        ("ttft.median rise < 30ms", 30, "p50"),
        ("e2el.p99.9 rise < 30ms", 30, "p99.9"),
        ("tokens.output change < 4tokens", 4, "mean"),
    ],
)
def test_margins_are_in_the_metrics_unit(text, margin, statistic):
    parsed = gate.parse(text, known())
    assert (parsed.margin, parsed.relative) == (pytest.approx(margin), False)
    assert parsed.statistic == statistic


@pytest.mark.parametrize(
    ("text", "direction", "limit"),
    [
        ("quality.score >= 90pt", "drop", 0.9),
        ("quality.score>=90% per label at 99%", "drop", 0.9),
        ("failures.rate <= 1%", "rise", 0.01),
        ("ttft.p95 <= 2s where role=dense", "rise", 2000),
        ("tokens.output >= 4tokens", "drop", 4),
        ("tokens.output <= 4tokens", "rise", 4),
    ],
)
def test_a_limit_needs_no_base(text, direction, limit):
    parsed = gate.parse(text, known())
    assert (parsed.direction, parsed.margin, parsed.relative) == (direction, 0, False)
    assert parsed.limit == pytest.approx(limit)


@given(
    text=st.lists(
        st.sampled_from(
            [
                *(
                    "quality.score",
                    "ttft.p95",
                    "quality",
                    "drop",
                    "rise",
                    "change",
                    "<",
                    ">=",
                    "<=",
                ),
                *(
                    "5pt",
                    "5",
                    "10%",
                    "1e400",
                    "NaN",
                    "-3ms",
                    "per",
                    "where",
                    "by",
                    "at",
                    "99%",
                    ",",
                ),
                *(
                    "arm",
                    "arm=stress",
                    "role=a,b",
                    "x=",
                    "=",
                    "\u0665pt",
                    "\x00",
                    "p0",
                    "budget=.5",
                ),
            ]
        )
        | st.text(max_size=6),
        max_size=9,
    ).map(" ".join)
)
@settings(max_examples=examples(400), deadline=None)
def test_any_text_is_a_gate_that_can_be_kept_and_missed_or_one_sentence(text):
    parsed, refused = None, None
    try:
        parsed = gate.parse(text, known())
    except SuiteError as error:
        refused = error
    if parsed is None:
        assert "\n" not in refused.message.replace(text, "")
        assert refused.where.startswith(f"gate {text!r}, column ")
        return
    metric = known()[parsed.metric]
    amount = parsed.margin if parsed.limit is None else parsed.limit
    assert 0 < amount < 1e19
    if metric.span and not parsed.relative:
        assert amount < metric.span
    assert gate.parse(parsed.text, known()) == parsed


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "ends, but a metric must follow"),
        ("ttft rise < 5% by leever=a,b", 19, "did you mean 'lever'?; known: role, variant, lever"),
        ("ttft rise < 5% by pass=a,b", 19, "'pass' is not an axis"),
        ("ttft rise < 5% by lever", 19, "does not name two sides: write AXIS=A,B"),
        ("ttft rise < 5% by lever=a", 19, "does not name two sides: write AXIS=A,B"),
        ("ttft rise < 5% by lever=a,b,c", 19, "does not name two sides: write AXIS=A,B"),
        ("ttft rise < 5% by lever=a,a", 19, "both sides are 'a'"),
        ("ttft rise < 5% by arm=a,b where arm=a at 90%", 33, "arm cannot also be in per or where"),
        ("ttft rise < 5% by arm=a,b by arm=a,c", 30, "arm is named twice"),
        ("quality.scor drop < 5pt", 1, "did you mean 'quality.score'?"),
        ("ttft.q95 rise < 5%", 1, "ttft has no statistic 'q95'"),
        ("itl.p99 rise < 5%", 1, "no percentiles"),
        ("quality.score rise < 5pt", 15, "gate its drop"),
        ("ttft drop < 5%", 6, "gate its rise"),
        ("quality.score fall < 5pt", 15, "is not a direction"),
        ("quality.score drop > 5pt", 20, "expected '<'"),
        ("quality.score drop < 5ms", 22, "measured in pt"),
        ("quality.score drop < x", 22, "is not a margin"),
        ("quality.score drop < 0pt", 22, "leaves nothing to decide"),
        ("quality.score drop < 5", 22, "a margin needs its unit: 5pt, or 5% of the base"),
        ("quality.score drop < .05", 22, "a margin needs its unit: 5pt, or 5% of the base"),
        ("ttft rise < 30", 13, "a margin needs its unit: 30ms, or 30% of the base"),
        ("quality.score drop < 500pt", 22, "cannot change by more than 100pt"),
        ("quality.score drop < 100%", 22, "nothing can drop by more than all of it"),
        ("ttft rise < 1e400s", 13, "beyond any measurement"),
        ("ttft rise < NaN", 13, "is not a margin"),
        ("ttft rise < inf%", 13, "is not a margin"),
        ("ttft rise < \uff15ms", 13, "is not a margin"),
        ("quality drop < 5pt", 1, "did you mean 'quality.score'?"),
        ("qualty drop < 5pt", 1, "did you mean 'quality.score'?"),
        ("quality.score >= 90", 18, "a limit needs its unit: 90pt"),
        ("quality.score >= .9", 18, "a limit needs its unit: 90pt"),
        ("quality.score >= 100pt", 18, "no number of items can show"),
        ("failures.rate <= 0pt", 18, "leaves nothing to decide"),
        ("quality.score <= 90pt", 15, "higher is better for quality.score: write >= LIMIT"),
        ("ttft.p95 >= 2s", 10, "lower is better for ttft: write <= LIMIT"),
        ("ttft.p95 <= 10%", 13, "% of what? A limit has no base: write it in ms, s"),
        ("ttft.p95 < 2s", 10, "begins no limit: write >= LIMIT or <= LIMIT"),
        ("ttft <= 2s by lever=a,b", 15, "a limit is for one: restrict it with where"),
        ("ttft rise < 5% per arm per label", 24, "per is written twice"),
        ("ttft rise < 5% where arm=a,arm=b", 22, "arm is named twice"),
        ("quality.score drop < -5pt", 22, "is not a margin"),
        ("quality.score drop <", 21, "ends, but a margin must follow"),
        ("quality.score drop < 5pt pre arm", 26, "did you mean 'per'?"),
        ("quality.score drop < 5pt per a-b", 30, "'a-b' is not a key: prompt_class, label,"),
        ("quality.score drop < 5pt where role", 32, "KEY=VALUE"),
        ("quality.score drop < 5pt at 5%", 29, "confidence"),
        ("quality.score drop < 5pt at 100%", 29, "confidence"),
    ],
)
def test_a_mistake_is_named_with_its_column_and_the_nearest_right_word(text, column, message):
    with pytest.raises(SuiteError) as caught:
        gate.parse(text, known(), where="core.yaml:12")
    assert message in caught.value.message
    assert caught.value.where == f"core.yaml:12: gate {text!r}, column {column}"
    assert caught.value.hint == gate.SYNTAX


def test_a_file_of_gates_takes_comments_and_names_the_line_of_a_mistake(tmp_path):
    file = tmp_path / "gates.txt"
    file.write_text("# nightly\n\nquality.score drop < 5pt  # pooled\n")
    assert gate.read(file, known()) == ["quality.score drop < 5pt"]
    file.write_text("quality.score drop < 5pt\nttft raise < 5%\n")
    with pytest.raises(SuiteError, match=r"gates.txt:2.*did you mean 'rise'"):
        gate.read(file, known())
    with pytest.raises(SuiteError, match="cannot read"):
        gate.read(tmp_path / "none.txt", known())


@pytest.mark.parametrize("name", list(known()))
def test_every_metric_can_be_gated(name):
    metric = known()[name]
    direction = {"higher": "drop", "lower": "rise", "neither": "change"}[metric.better]
    parsed = gate.parse(f"{name} {direction} < 10%", known())
    assert (parsed.metric, parsed.statistic) == (name, metric.statistic)
