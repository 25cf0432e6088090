"""Gates on what a suite's run will never hold are refused before anything runs."""

import pytest

from stressbench.errors import SuiteError
from stressbench.metrics.families import known
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.gates import check_gate_keys, check_gates
from stressbench.runner.plan.requests import Plan
from stressbench.schema.suite.parse import parse_suite
from stressbench.schema.suite.shipped import shipped_suites
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.template import ChatTemplate

SUITE = """\
schema: 1
name: mine
models: {dense: {model: reference-dense}, sparse: {model: reference-sparse}}
load: {arrival: sweep, concurrency_levels: [1, 2]}
prompts:
  - {use: niah, items: 2, budgets: [256, 512], depths: [0, 0.5]}
  - {use: near_distractor, label: near, items: 2, budgets: [256], params: {distractors: [1, 2]}}
  - {use: short_qa, items: 2}
probes: [kv]
gates:
"""


def suite(*gates: str, text: str = SUITE):
    lines = "".join(f"  - {gate}\n" for gate in gates)
    return parse_suite((text + lines).encode(), source="mine.yaml")


@pytest.mark.parametrize(
    "gate",
    [
        "quality.score drop < 5pt per prompt_class",
        "quality.score drop < 5pt per label, budget, depth, load_level",
        "quality.score >= 50pt where budget=512.0, depth=5e-1",
        "quality.score drop < 5pt per distractors",
        "quality.score drop < 5pt where distractors=1, arm=stress",
        "quality.score drop < 5pt where role=sparse, load_level=concurrency-2",
        "quality.score drop < 5pt where label=short_qa, budget=none",
        "quality.score drop < 5pt by role=dense,sparse where variant=none",
        "quality.score drop < 5pt by label=niah,near",
        "quality.score drop < 5pt per content_tokens",
        "kv.usage_peak rise < 5pt",
        "failures.rate <= 5%",
    ],
)
def test_a_gate_on_what_the_run_will_hold_is_accepted(gate):
    check_gates(suite(gate), known())


@pytest.mark.parametrize(
    ("gate", "said", "hint"),
    [
        ("quality.score drop < 5", "a margin needs its unit", ""),
        ("attention.entropy_norm change < 5pt", "no probe of this suite records attention", "prob"),
        ("routing.imbalance <= 2x", "no probe of this suite records routing", "[routing]"),
        ("quality.score drop < 5pt where prompt_class=nihh", "did you mean 'niah'?", "short_qa"),
        (
            "quality.score drop < 5pt where label=near_distractor",
            "no case will have label=",
            "near",
        ),
        ("quality.score drop < 5pt where budget=1024", "budget=1024", "budget: 256, 512"),
        (
            "quality.score drop < 5pt where distractors=7",
            "distractors=7",
            "values of distractors: 1, 2",
        ),
        (
            "quality.score drop < 5pt where load_level=concurrency-4",
            "did you mean",
            "concurrency-1",
        ),
        ("quality.score drop < 5pt where role=dence", "did you mean 'dense'?", "dense, sparse"),
        ("quality.score drop < 5pt where variant=fp8", "variant=fp8", "none"),
        ("quality.score drop < 5pt where lever=clean", "lever=clean", "none"),
        ("quality.score drop < 5pt by role=dense,big", "role=big", "dense, sparse"),
        ("quality.score drop < 5pt by label=niah,far", "label=far", "near, niah"),
        (
            "quality.score drop < 5pt where label=niah,distractors=1",
            "all of label=niah, distractors=1",
            "",
        ),
        ("quality.score drop < 5pt per budget where label=short_qa", "will have a budget", ""),
        ("quality.score drop < 5pt where arm=stres", "did you mean 'stress'?", "isotoken"),
    ],
)
def test_any_other_is_refused_with_its_line(gate, said, hint):
    with pytest.raises(SuiteError) as caught:
        check_gates(suite("failures.rate rise < 5pt", gate), known())
    assert said in str(caught.value)
    assert hint in (caught.value.hint or "")
    assert caught.value.where.startswith("mine.yaml:12:gates.1: gate")


def test_without_a_probe_for_the_cache_its_metrics_are_refused():
    text = SUITE.replace("probes: [kv]", "probes: []")
    with pytest.raises(SuiteError, match="no probe of this suite records kv"):
        check_gates(suite("kv.usage_peak rise < 5pt", text=text), known())


def test_keys_that_a_class_adds_to_its_cases_count_and_others_are_refused():
    text = SUITE.replace("{use: short_qa, items: 2}", "{use: shared_prefix, items: 2}")
    text = text.replace("[256, 512]", "[1500]").replace("[256]", "[1500]")

    def check(gate: str) -> None:
        loaded = suite(gate, text=text)
        check_gates(loaded, known())
        prompt_format = PromptFormat(ByteTokenizer(), ChatTemplate())
        plan = Plan(loaded.spec, dict.fromkeys(("dense", "sparse"), prompt_format))
        check_gate_keys(loaded, known(), plan)

    check("quality.score drop < 5pt per group")
    with pytest.raises(SuiteError, match=r"mine.yaml:11.*a key 'grop'; did you mean 'group'"):
        check("quality.score drop < 5pt per grop")


def test_the_gates_of_every_shipped_suite_are_accepted():
    for name, file in shipped_suites().items():
        check_gates(parse_suite(file.read_bytes(), source=name), known())
