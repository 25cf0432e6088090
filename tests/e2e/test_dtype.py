"""The dtype of a model: foreseen as vLLM resolves it, and another one by a variant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from engines import DENSE_SUITE, HAS_BF16
from precision import tolerance

from stressbench.engines.cpu import cpu_flags
from stressbench.engines.dtype import expected_dtype, requested_dtype
from stressbench.models.reference.pair import DENSE, DTYPES, obtain_small_files
from stressbench.runner.plan.kv import foreseen
from stressbench.runner.plan.prepare import prepare
from stressbench.schema.suite.parse import parse_suite
from stressbench.schema.suite.suite import EngineSpec
from stressbench.simulation.geometry import ELEMENT_BYTES
from stressbench.store import Run
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # importing torch and vLLM warns
]


@pytest.mark.parametrize("asked", ["auto", "float32", "half", "bfloat16"])
@pytest.mark.parametrize("given", ["float32", "bfloat16", "float16"])
def test_vllm_makes_of_it_what_was_foreseen(given: str, asked: str, tmp_path: Path) -> None:
    from vllm.config import ModelConfig

    config = json.loads((obtain_small_files(DENSE, lambda *_: None) / "config.json").read_bytes())
    config["dtype"] = given
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    spec, flags = EngineSpec(args={"dtype": asked}), cpu_flags()
    told = requested_dtype(spec, spec.args, flags=flags)
    made = ModelConfig(model=str(tmp_path), dtype=told, skip_tokenizer_init=True, max_model_len=64)
    foreseen_ = expected_dtype(spec, spec.args, config=config, flags=flags)
    assert str(made.dtype) == f"torch.{foreseen_}"


@pytest.mark.skipif(not HAS_BF16, reason="this CPU has no BF16 arithmetic")
def test_a_variant_is_served_in_bfloat16_beside_the_pairs_own(dense_run: Run) -> None:
    models = dense_run.header.models
    dtypes = {role: model.dtype for role, model in models.items()}
    assert dtypes == {"dense@own": DTYPES[DENSE], "dense@half": "bfloat16"}
    suite = parse_suite(DENSE_SUITE.encode(), source="suite")
    prepared = prepare(suite, engine="vllm", limit=None, progress=lambda *_: None)
    for role, kv in foreseen(prepared).items():
        recorded = models[role].kv
        assert recorded is not None
        assert kv.bytes_per_token == recorded.bytes_per_token
        assert recorded.bytes_per_token == 2 * 30 * 3 * 64 * ELEMENT_BYTES[dtypes[role]]


@pytest.mark.skipif(not HAS_BF16, reason="this CPU has no BF16 arithmetic")
def test_an_answer_that_both_give_is_as_likely_up_to_the_coarser_rounding(dense_run: Run) -> None:
    records = {
        (record.role_name, record.case_id): record
        for record in dense_run.records()
        if record.prompt_class == "short_qa"
    }
    cases = sorted({case for _, case in records})
    same = 0
    for case in cases:
        own, half = records["dense@own", case], records["dense@half", case]
        assert own.status == half.status == "ok"
        assert own.confidence is not None
        assert half.confidence is not None
        if own.output.text != half.output.text:
            continue
        same += 1
        likely = own.confidence.mean_logprob
        assert half.confidence.mean_logprob == pytest.approx(likely, abs=tolerance("bfloat16"))
    assert same > len(cases) / 2
    moved = [
        records["dense@own", case].confidence.mean_logprob
        != records["dense@half", case].confidence.mean_logprob
        for case in cases
    ]
    assert all(moved)  # it is not float32 under another name


@pytest.mark.skipif(not HAS_BF16, reason="this CPU has no BF16 arithmetic")
def test_dtypes_are_compared_where_they_are_the_treatment(dense_run: Run, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stressbench", "compare", str(dense_run.directory)]
    command += ["--roles", "dense@own,dense@half", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode in {0, 5}, done.stderr
    assert any("dtype of" in line for line in json.loads(done.stdout)["differences"])
