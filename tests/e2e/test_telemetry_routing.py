"""Routing as it was captured in vLLM, against transformers' own router on the same tokens."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from engines import ProbedEngine
from msgspec.structs import replace
from precision import tolerance

from stressbench.clock import Clock
from stressbench.models.reference import pair as reference
from stressbench.probes.exchange import unpack
from stressbench.probes.routing.probe import RoutingProbe
from stressbench.probes.routing.request_routing import RequestRouting, of_arrays, of_engine
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.schema.case import Case, Request
from stressbench.simulation.geometry import CPU_BLOCK_SIZE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    # Raised inside torch and transformers while they import each other.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
    # vLLM leaves its sockets' context to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

on_sparse = pytest.mark.parametrize("probed", [reference.SPARSE], indirect=True)
ANSWER = 6
CACHED = "longer, behind what prose has left in the prefix cache"
STORED = 1e-3
"""Scores are kept as float16, of eleven bits."""


@dataclass(frozen=True)
class Served:
    """What one request sent, got and was routed to."""

    prompt: tuple[int, ...]
    output: tuple[int, ...]
    routed: RequestRouting
    dtype: str

    @property
    def tie(self) -> float:
        """Two router logits, which are about 1, may change places where they are nearer."""
        return tolerance(self.dtype)

    @property
    def ids(self) -> list[int]:
        """The tokens that were run: the last one generated is never fed back."""
        return [*self.prompt, *self.output[:-1]]


def request(name: str, ids: tuple[int, ...]) -> Request:
    case = Case(
        case_id=name,
        item_id=name,
        cluster_id=name,
        twin_of=None,
        prompt_class="own",
        label="own",
        params={},
        arm="stress",
        seed=0,
        text="",
        content_ids=ids,
        segments=(),
        expected=(),
        scorer="exact_match",
        max_tokens=ANSWER,
        content_sha256="0" * 64,
    )
    return Request(
        role="sparse",
        case=case,
        prompt_token_ids=ids,
        prompt_sha256="0" * 64,
        spans=(),
        template_tokens=0,
        control_tokens=None,
        retok_drift=None,
        cache_salt=name,
    )


async def serve(probed: ProbedEngine, prompts: dict[str, tuple[int, ...]]) -> dict[str, Served]:
    async def one(name: str, salt: str = "") -> Served:
        await probed.call_worker("stressbench_register", "routing", name, {})
        salted = replace(request(name, prompts[name]), cache_salt=salt or name)
        done = await probed.engine.complete(salted, name)
        (taken,) = await probed.call_worker("stressbench_take", "routing", name)
        assert "why_null" not in taken, taken
        routed = of_arrays(unpack(taken))
        return Served(prompts[name], done.token_ids, routed, probed.info.dtype)

    installed = await probed.call_worker("stressbench_install", "routing", RoutingProbe.capture)
    assert installed == [None]
    found = dict(zip(prompts, await asyncio.gather(*map(one, prompts)), strict=True))
    prompts[CACHED] = prompts["longer"]
    found[CACHED] = await one(CACHED, salt="prose")
    await probed.call_worker("stressbench_remove", "routing")
    return found


@pytest.fixture(scope="module")
def everything(probed: ProbedEngine) -> dict[str, Served]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(probed.path / "tokenizer.json"))

    def ids(text: str, tokens: int) -> tuple[int, ...]:
        return tuple(tokenizer.encode(text).ids[:tokens])

    prose = " ".join("".join(PROSE.chunk(index)) for index in range(12))
    table = json.dumps(
        [{"id": index, "name": f"n{index}", "size": index * 7} for index in range(60)]
    )
    prompts = {
        "prose": ids(prose, 230),
        "longer": (*ids(prose, 230), *ids(table, 60)),
        "json": ids(table, 170),
        "repeated": ids(" the" * 200, 140),
    }
    return probed.loop.run(serve(probed, prompts))


@pytest.fixture(scope="module")
def served(everything: dict[str, Served]) -> dict[str, Served]:
    """Those that found nothing in the prefix cache."""
    return {name: each for name, each in everything.items() if name != CACHED}


@pytest.fixture(scope="module")
def logits(eager, served: dict[str, Served]) -> dict[str, np.ndarray]:
    """Router logits of transformers' Mixtral, (tokens, layers, experts), by request."""
    import torch

    def given(ids: list[int]) -> np.ndarray:
        found = eager(torch.tensor([ids]), output_router_logits=True).router_logits
        return np.stack([layer.numpy() for layer in found], axis=1)

    with torch.inference_mode():
        return {name: given(each.ids) for name, each in served.items()}


@on_sparse
def test_every_token_that_ran_has_a_valid_row_in_every_layer(served: dict[str, Served]) -> None:
    for each in served.values():
        routed = each.routed
        assert routed.positions.tolist() == list(range(len(each.ids)))
        assert routed.ids.shape == (len(each.ids), 30, 2)
        assert routed.valid.all()
        assert np.isfinite(routed.scores).all()


@on_sparse
def test_prompts_ran_in_chunks_and_in_mixed_batches(served: dict[str, Served]) -> None:
    for each in served.values():
        prefill_steps = np.unique(each.routed.step[: len(each.prompt)])
        assert len(prefill_steps) > 1
    steps = [len(each.routed.distinct) for each in served.values()]
    assert max(steps) > ANSWER
    # A decoding request alone uses two experts a layer; beside a prefill many more.
    assert max(each.routed.distinct[-ANSWER:].max() for each in served.values()) > 2


@on_sparse
def test_the_experts_are_those_that_transformers_chooses(
    served: dict[str, Served], logits: dict[str, np.ndarray]
) -> None:
    for name, each in served.items():
        order = np.argsort(-logits[name], axis=2)
        differs = (np.sort(order[:, :, :2]) != np.sort(each.routed.ids)).any(axis=2)
        ranked = -np.sort(-logits[name], axis=2)
        gap = ranked[:, :, 1] - ranked[:, :, 2]
        assert (gap[differs] < each.tie).all()
        assert differs.mean() < 0.001


@on_sparse
def test_confidence_margin_and_entropy_follow_from_the_logits(
    served: dict[str, Served], logits: dict[str, np.ndarray]
) -> None:
    for name, each in served.items():
        share = np.exp(logits[name] - logits[name].max(axis=2, keepdims=True))
        share /= share.sum(axis=2, keepdims=True)
        ranked = -np.sort(-share, axis=2)
        expected = {
            "confidence": ranked[:, :, :2].sum(axis=2),
            "margin": ranked[:, :, 1] - ranked[:, :, 2],
            "entropy_norm": -(share * np.log(share)).sum(axis=2) / np.log(8),
        }
        for score, values in expected.items():
            np.testing.assert_allclose(each.routed.score(score), values, atol=2 * STORED + each.tie)


@on_sparse
def test_what_is_appended_does_not_change_what_stands_before(served: dict[str, Served]) -> None:
    prose, longer = served["prose"].routed, served["longer"].routed
    prefix = len(served["prose"].prompt)
    differs = (np.sort(prose.ids[:prefix]) != np.sort(longer.ids[:prefix])).any(axis=2)
    margin = prose.score("margin")[:prefix]
    assert (margin[differs] < STORED + served["prose"].tie).all()
    assert differs.mean() < 0.001


@on_sparse
def test_cached_keys_do_not_change_the_routing_of_the_tokens_behind_them(
    everything: dict[str, Served],
) -> None:
    cold, cached = everything["longer"], everything[CACHED]
    kept = len(everything["prose"].prompt) // CPU_BLOCK_SIZE * CPU_BLOCK_SIZE
    assert cached.routed.positions.tolist() == list(range(kept, len(cold.ids)))
    assert cached.output == cold.output
    before = np.sort(cold.routed.ids[kept:])
    differs = (before != np.sort(cached.routed.ids)).any(axis=2)
    assert (cold.routed.score("margin")[kept:][differs] < STORED + cold.tie).all()
    assert differs.mean() < 0.001


@on_sparse
def test_a_repeated_token_is_drawn_to_fewer_experts_than_json(served: dict[str, Served]) -> None:
    used = {
        name: len(np.unique(np.sort(each.routed.ids[20:140, 15]), axis=0))
        for name, each in served.items()
    }
    assert used["repeated"] < used["json"]


def moe_layer(*, monolithic: bool = False, **routing: object) -> SimpleNamespace:
    """As much of one of vLLM's MoE layers as a capture touches, with vLLM's own router."""
    from vllm.model_executor.layers.fused_moe.router.cpu_router import CPURouter

    class Experts(SimpleNamespace):
        def forward_monolithic(self, x, router_logits, input_ids=None):
            return x * 2

    return SimpleNamespace(
        router=CPURouter(**({"top_k": 2, "global_num_experts": 8} | routing)),
        routed_experts=Experts(quant_method=SimpleNamespace(is_monolithic=monolithic)),
    )


def own_top_k(hidden_states, gating_output, topk, renormalize):
    """A routing function of a model's own: the lowest logits win."""
    return (-gating_output).topk(topk, dim=-1)


SCHEMES = {
    "softmax": {},
    "not renormalised": {"renormalize": False},
    "groups": {"use_grouped_topk": True, "num_expert_group": 4, "topk_group": 1},
    "sigmoid with a bias": {
        "use_grouped_topk": True,
        "num_expert_group": 2,
        "topk_group": 2,
        "scoring_func": "sigmoid",
        "e_score_correction_bias": [0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0],
    },
    "a function of its own": {"custom_routing_function": own_top_k},
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_whatever_the_scheme_the_routers_own_choice_is_noted(scheme: str) -> None:
    import torch

    from stressbench.probes.routing.worker.capture import RouterTap, scores

    given = dict(SCHEMES[scheme])
    if "e_score_correction_bias" in given:
        given["e_score_correction_bias"] = torch.tensor(given["e_score_correction_bias"])
    layer = moe_layer(**given)
    x, logits = torch.randn(40, 16), torch.randn(40, 8)
    expected = layer.router.select_experts(hidden_states=x, router_logits=logits)
    choice = RouterTap()
    undo = choice.tap(layer)
    answer = layer.router.select_experts(hidden_states=x, router_logits=logits, input_ids=None)
    seen, ids = choice.take()
    for mine, theirs in zip(answer, expected, strict=True):
        assert torch.equal(mine, theirs)
    assert seen is logits
    assert torch.equal(ids, expected[1])
    confidence, margin, entropy = scores(
        logits, ids, str(given.get("scoring_func", "softmax"))
    ).T.numpy()
    assert ((confidence > 0) & (confidence <= 1)).all()
    assert ((entropy > 0) & (entropy <= 1)).all()
    overruled = scheme not in {"softmax", "not renormalised"}
    assert (margin < 0).any() == overruled
    undo()
    layer.router.select_experts(hidden_states=x, router_logits=logits)
    assert choice.take() == (None, None)


def test_a_kernel_that_routes_by_itself_has_its_router_asked() -> None:
    import torch

    from stressbench.probes.routing.worker.capture import RouterTap

    layer = moe_layer(monolithic=True)
    x, logits = torch.randn(5, 16), torch.randn(5, 8)
    choice = RouterTap()
    undo = choice.tap(layer)
    assert torch.equal(layer.routed_experts.forward_monolithic(x, logits), x * 2)
    assert torch.equal(choice.take()[1].sort().values, logits.topk(2).indices.sort().values)
    undo()
    layer.routed_experts.forward_monolithic(x, logits)
    assert choice.take() == (None, None)


def test_scoring_that_is_not_understood_has_no_scores() -> None:
    import torch

    from stressbench.probes.routing.worker.capture import scores

    odd = scores(torch.randn(3, 8), torch.tensor([[0, 1]] * 3), "sqrtsoftplus")
    assert odd.shape == (3, 3)
    assert odd.isnan().all()


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([], "dense model"),
        ([{}, {"top_k": 1}], "different numbers of experts"),
        ([{"eplb_state": object()}], "EPLB"),
    ],
)
def test_what_cannot_be_told_truly_is_refused(layers: list[dict[str, object]], reason: str) -> None:
    from stressbench.probes.routing.worker.capture import check_supported
    from stressbench.probes.worker.capture import Unsupported

    with pytest.raises(Unsupported, match=reason):
        check_supported([moe_layer(**each) for each in layers])


def test_routers_outside_the_common_layer_are_refused() -> None:
    from vllm.model_executor.layers.fused_moe.router.routing_simulator_router import (
        RoutingSimulatorRouter,
    )

    from stressbench.probes.routing.worker.capture import check_supported
    from stressbench.probes.worker.capture import Unsupported

    simulated = SimpleNamespace(router=RoutingSimulatorRouter(top_k=2, global_num_experts=8))
    with pytest.raises(Unsupported, match="RoutingSimulatorRouter"):
        check_supported([simulated])
    with pytest.raises(Unsupported, match="BaseRouter"):
        check_supported([SimpleNamespace(router=object())])


def test_what_vllm_itself_returns_of_routing_reaches_the_completion() -> None:
    """Only model runner V2, and so a GPU, fills it in: here vLLM's own types carry it."""
    from vllm.outputs import CompletionOutput, RequestOutput

    from stressbench.engines.vllm.engine import _Stream

    experts = np.array([[[0, 0], [1, 2]], [[0, 0], [3, 0]]], np.uint8)
    part = CompletionOutput(
        index=0,
        text="x",
        token_ids=[5],
        cumulative_logprob=None,
        logprobs=None,
        finish_reason="length",
        routed_experts=experts,
    )
    stream = _Stream(Clock().now_ns)
    stream.take(
        RequestOutput(
            request_id="a",
            prompt=None,
            prompt_token_ids=[1, 2],
            prompt_logprobs=None,
            outputs=[part],
            finished=True,
        )
    )
    assert stream.completion(cached=False).routed_experts is experts
    routed = of_engine(experts, experts=8)
    assert routed.ids.tolist() == [[[1, 2]], [[3, 0]]]  # the dense layer is left out
