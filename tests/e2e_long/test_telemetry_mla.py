"""Routing of a model whose attention keeps no keys by head (MLA), against its own eager gate.

The row map asks the runner, so the kind of attention is no matter; attention itself is null
with that reason. The models are DeepSeek's architectures with weights drawn at random.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from stressbench.clock import Clock
from stressbench.engines.base import EngineSetup
from stressbench.engines.vllm.engine import VllmEngine
from stressbench.models.reference import pair as reference
from stressbench.probes.attention.probe import AttentionProbe
from stressbench.probes.base import WORKER_EXTENSION
from stressbench.probes.exchange import unpack
from stressbench.probes.routing.probe import RoutingProbe
from stressbench.probes.routing.request_routing import RequestRouting, of_arrays
from stressbench.schema.suite.suite import EngineSpec, Value
from tests.cases import CASE, REQUEST

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    # Raised inside torch and transformers while they import each other.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    # vLLM leaves its sockets' context to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

EXPERTS, CHOSEN, DENSE_LAYERS, LAYERS = 8, 2, 1, 3
ANSWER = 5
ENGINE: dict[str, Value] = {
    "max_num_batched_tokens": 512,  # vLLM does not cut MLA's prompts into chunks on a CPU
    # Serves float32 on any CPU, in blocks of 16; AMX's own takes bfloat16 alone.
    "attention_backend": "CPU_MLA",
    "block_size": 16,
}
SHAPE = {
    "hidden_size": 128,
    "intermediate_size": 128,
    "moe_intermediate_size": 64,
    "num_hidden_layers": LAYERS,
    "first_k_dense_replace": DENSE_LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "n_routed_experts": EXPERTS,
    "num_experts_per_tok": CHOSEN,
    "n_shared_experts": 1,
    "q_lora_rank": None,
    # vLLM's CPU kernels serve MLA with these sizes: 512 + 64 numbers a token.
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 64,
    "v_head_dim": 64,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
KINDS = {
    "DeepseekV2": {"topk_method": "group_limited_greedy", "n_group": 4, "topk_group": 2},
    "DeepseekV3": {
        "topk_method": "noaux_tc",
        "scoring_func": "sigmoid",
        "n_group": 4,
        "topk_group": 2,
    },
}


@dataclass(frozen=True)
class Served:
    ids: tuple[int, ...]
    """Every token that ran: the last one generated is never fed back."""
    routed: RequestRouting
    hidden: np.ndarray
    """At the gate of each MoE layer, (tokens, layers, width), by a capture of the test's own."""
    given: tuple[int, ...]
    """What the embedding was given in this request's rows."""
    attention: dict[str, object]


def build(kind: str, folder: Path) -> Path:
    """A model of ``kind`` with random weights, and the reference pair's tokenizer."""
    import torch
    import transformers

    tokenizer, _ = reference.obtain(reference.DENSE, lambda _phase, _fraction: None)
    vocabulary = json.loads((tokenizer / "config.json").read_text("utf-8"))["vocab_size"]
    config = getattr(transformers, f"{kind}Config")(vocab_size=vocabulary, **SHAPE, **KINDS[kind])
    torch.manual_seed(3)
    network = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, weights in network.named_parameters():
            if name.endswith("gate.weight"):
                weights.normal_(std=0.5)  # routers that decide
            elif weights.dim() > 1:
                weights.normal_(std=0.08)
        for name, bias in network.named_buffers():
            if name.endswith("e_score_correction_bias"):
                bias.normal_(std=0.1)  # groups and biases overrule the scores
    network.save_pretrained(folder)
    # vLLM asks for the method by the name that DeepSeek's own files have.
    written = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(written | KINDS[kind]), "utf-8")
    for file in tokenizer.glob("tokenizer*"):
        shutil.copy(file, folder)
    return folder


async def serve(model: Path, log: Path, prompts: dict[str, tuple[int, ...]]) -> dict[str, Served]:
    engine = VllmEngine(
        EngineSetup(
            role="mla",
            model="mla",
            model_path=model,
            tokenizer_path=model,
            engine=EngineSpec(max_model_len=512, dtype="float32", args=ENGINE),
            args={},
            clock=Clock(),
            seed=0,
            concurrency=len(prompts),
            log=log,
            on_step=lambda _reading: None,
            worker_extension=WORKER_EXTENSION,
        )
    )
    probes = {
        "attention": AttentionProbe.capture,
        "routing": RoutingProbe.capture,
        "gates": "tests.gates:Gates",
    }

    async def one(name: str) -> Served:
        prompt = prompts[name]
        for probe in ("routing", "gates"):
            await engine.call_worker("stressbench_register", probe, name, {})
        case = replace(CASE, case_id=name, content_ids=prompt, max_tokens=ANSWER, ignore_eos=True)
        sent = replace(REQUEST, case=case, prompt_token_ids=prompt, cache_salt=name)
        done = await engine.complete(sent, name)
        (attention,) = await engine.call_worker("stressbench_take", "attention", name)
        (taken,) = await engine.call_worker("stressbench_take", "routing", name)
        (seen,) = await engine.call_worker("stressbench_take", "gates", name)
        assert "why_null" not in {**taken, **seen}, (taken, seen)
        gates = unpack(seen)
        return Served(
            (*prompt, *done.token_ids[:-1]),
            of_arrays(unpack(taken)),
            gates["hidden"],
            tuple(gates["ids"].tolist()),
            attention,
        )

    try:
        await engine.start()
        for name, path in probes.items():
            told = await engine.call_worker("stressbench_install", name, path)
            assert (told == [None]) == (name != "attention"), told
        return dict(zip(prompts, await asyncio.gather(*map(one, prompts)), strict=True))
    finally:
        await engine.stop()


def choices(model: Path, hidden: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """What the gates of transformers' eager model make of hidden states: logits and choices."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    gates = [module for name, module in network.named_modules() if name.endswith("mlp.gate")]
    found = []
    with torch.inference_mode():
        for layer, gate in enumerate(gates):
            logits, _, chosen = gate(torch.from_numpy(hidden[:, layer].copy()))
            found.append((logits.numpy(), chosen.numpy()))
    return found


@pytest.fixture(scope="module", params=sorted(KINDS))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def served(model: Path) -> dict[str, Served]:
    draw = np.random.default_rng(5)
    prompts = {
        f"r{tokens}": tuple(draw.integers(100, 20_000, tokens).tolist())
        for tokens in (130, 61, 20, 90)
    }
    return asyncio.run(serve(model, model / "engine.log", prompts))


def test_every_token_that_ran_has_a_row_though_its_metadata_has_no_lengths(served) -> None:
    for each in served.values():
        routed = each.routed
        assert routed.positions.tolist() == list(range(len(each.ids)))
        assert routed.ids.shape == (len(each.ids), LAYERS - DENSE_LAYERS, CHOSEN)
        assert routed.valid.all()
        assert each.given == each.ids


def test_the_choices_are_those_of_the_eager_gate(model: Path, served) -> None:
    """Equal but for ties, in every mixed batch; confidence to half precision."""
    equal = rows = 0
    for each in served.values():
        for layer, (logits, chosen) in enumerate(choices(model, each.hidden)):
            ours = np.sort(each.routed.ids[:, layer], axis=1)
            same = (ours == np.sort(chosen, axis=1)).all(axis=1)
            equal, rows = equal + int(same.sum()), rows + len(same)
            if "V3" in model.name:
                share = 1 / (1 + np.exp(-logits))
            else:
                share = np.exp(logits - logits.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            confidence = np.take_along_axis(share, chosen, axis=1).sum(axis=1)
            kept = each.routed.score("confidence")[:, layer]
            np.testing.assert_allclose(kept[same], confidence[same], atol=2e-3)
    assert rows > 500
    assert equal >= 0.995 * rows


def test_attention_is_null_with_the_reason(served) -> None:
    for each in served.values():
        assert "multi-head latent attention (MLA)" in each.attention["why_null"]
