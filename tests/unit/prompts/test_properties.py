"""Exact lengths, determinism and correct positions for random parameters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressbench.errors import SuiteError
from stressbench.prompts import base
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.suite.suite import PromptSpec
from tests.unit.prompts.specs import SIZED, cases, smallest

QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

specs = st.builds(
    PromptSpec,
    use=st.sampled_from(SIZED),
    items=st.integers(1, 2),
    budgets=st.lists(st.integers(150, 2500), min_size=1, max_size=2, unique=True),
    arms=st.sampled_from([["stress"], []]),
)


@QUICK
@given(
    spec=specs,
    seed=st.integers(0, 2**64),
    tokenizer=st.sampled_from(["bytes", "o200k_base", "cl100k_base", "pairs"]),
)
def test_any_budget_is_met_to_the_token_or_refused(
    spec: PromptSpec, seed: int, tokenizer: str, prompt_formats: dict[str, PromptFormat]
) -> None:
    prompt_format = prompt_formats[tokenizer]
    least = smallest(spec, prompt_format, seed=seed)
    if min(spec.budgets) < least:
        with pytest.raises(SuiteError, match=f"smallest possible is {least}"):
            base.check(spec, prompt_format=prompt_format, max_model_len=None, seed=seed)
        return
    for arms in base.expand(spec, seed=seed, prompt_format=prompt_format):
        for case in arms:
            if case.arm in {"stress", "isotoken"}:
                assert (
                    len(case.content_ids) + prompt_format.template_tokens == case.params["budget"]
                )
            if not case.forced_ids:
                assert prompt_format.tokenizer.encode(case.text) == list(case.content_ids)


@QUICK
@given(spec=specs, seed=st.integers(0, 2**64))
def test_the_same_seed_gives_the_same_cases_and_another_gives_others(
    spec: PromptSpec, seed: int, prompt_formats: dict[str, PromptFormat]
) -> None:
    try:
        first = cases(spec, prompt_formats["cl100k_base"], seed=seed)
    except SuiteError:
        return
    fresh = PromptFormat(
        prompt_formats["cl100k_base"].tokenizer, prompt_formats["cl100k_base"].template
    )
    assert cases(spec, fresh, seed=seed) == first
    other = cases(spec, fresh, seed=seed + 1) if spec.budgets[0] > 1200 else None
    if other is not None:
        assert {case.content_sha256 for case in other} != {case.content_sha256 for case in first}


DIGEST = """
import hashlib
from stressbench import catalog
from stressbench.prompts import base
from stressbench.schema.suite.suite import PromptSpec
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.tokens.template import ChatTemplate
from stressbench.tokens.byte_tokenizer import ByteTokenizer
prompt_format = PromptFormat(ByteTokenizer(), ChatTemplate())
digest = hashlib.sha256()
for name in catalog.names("prompts"):
    traits = base.load(name).traits
    if not traits.needs:
        spec = PromptSpec(
            use=name, items=2, budgets=[3000] if traits.sized else [], params=dict(traits.tiny)
        )
        for arms in base.expand(spec, seed=11, prompt_format=prompt_format):
            for case in arms:
                digest.update(repr(case).encode())
print(digest.hexdigest())
"""


def test_another_process_with_another_hash_seed_makes_the_same_bytes() -> None:
    digests = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_inflation_under_raw_bytes_is_the_ratio_of_utf8_bytes(bytes_format: PromptFormat) -> None:
    for name in ("unicode_fullwidth", "unicode_math", "zero_width", "confusables", "combining"):
        made = cases(PromptSpec(use=name, items=3, budgets=[4000]), bytes_format)
        for case in made:
            if case.arm == "stress":
                twin = next(other for other in made if other.case_id == case.twin_of)
                tokens = len(case.content_ids) / len(twin.content_ids)
                assert tokens == len(case.text.encode()) / len(twin.text.encode())
                assert tokens > 1.3


def test_a_disguise_hides_the_same_sentences(bytes_format: PromptFormat) -> None:
    import unicodedata

    for name in ("unicode_fullwidth", "unicode_math"):
        made = cases(PromptSpec(use=name, items=2, budgets=[3000]), bytes_format)
        stress, twin = made[0], made[1]
        assert unicodedata.normalize("NFKC", stress.text) == twin.text


@pytest.mark.parametrize("name", ["niah", "near_distractor", "latent_needle", "base64_blob"])
def test_depths_are_uniform_and_unrelated_to_the_item(
    name: str, bytes_format: PromptFormat
) -> None:
    items = 192
    spec = PromptSpec(use=name, items=items, budgets=[6000], arms=["stress"])
    depths = [float(case.params["depth"]) for case in cases(spec, bytes_format)]  # type: ignore[arg-type]
    tenths = Counter(min(int(depth * 10), 9) for depth in depths)
    assert all(abs(tenths[tenth] - items / 10) <= 3 for tenth in range(10))
    mean = (items - 1) / 2
    covariance = sum((item - mean) * (depth - 0.5) for item, depth in enumerate(depths)) / items
    spread = (sum((item - mean) ** 2 for item in range(items)) / items) ** 0.5
    deviation = (sum((depth - 0.5) ** 2 for depth in depths) / items) ** 0.5
    assert abs(covariance / (spread * deviation)) < 3 / items**0.5


def test_an_item_keeps_its_depth_however_many_items_there_are(bytes_format: PromptFormat) -> None:
    few, many = (
        cases(PromptSpec(use="niah", items=items, budgets=[900]), bytes_format) for items in (3, 9)
    )
    assert many[: len(few)] == few


def test_the_needle_stands_where_its_depth_says(prompt_formats: dict[str, PromptFormat]) -> None:
    spec = PromptSpec(use="niah", items=24, budgets=[4096], arms=["stress"])
    gaps = []
    for case in cases(spec, prompt_formats["cl100k_base"]):
        span = next(span for span in case.content_spans if span.part == "needle")
        place = span.start / (len(case.content_ids) - (span.end - span.start))
        gaps.append(abs(place - float(case.params["depth"])))  # type: ignore[arg-type]
    assert max(gaps) < 0.02


def test_gold_documents_and_pairs_visit_every_place_equally(bytes_format: PromptFormat) -> None:
    documents: Counter[int] = Counter()
    for case in cases(PromptSpec(use="gold_doc_qa", items=64, params={"docs": 8}), bytes_format):
        if case.arm == "stress":
            roles = [segment.part for segment in case.segments]
            documents[roles.index("needle")] += 1
    pairs: Counter[int] = Counter()
    spec = PromptSpec(use="kv_json", items=64, params={"pairs": 8}, arms=["stress"])
    for case in cases(spec, bytes_format):
        table = json.loads(case.text[case.text.index("{") : case.text.index("}") + 1])
        pairs[list(table.values()).index(case.expected[0])] += 1
    for places in (documents, pairs):
        # 64 even depths over 8 places: 9 in the inner ones, half a share at the ends.
        assert set(places) == set(range(8))
        assert all(4 <= count <= 10 for count in places.values())
