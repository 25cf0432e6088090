"""The whole path of the attention probe, against Hugging Face's eager attention."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from engines import ProbedEngine
from msgspec.structs import replace
from precision import tolerance

from stressbench.clock import Clock
from stressbench.probes.base import ProbeFinding, ProbeSetup
from stressbench.runner.plan.prepare import Prepared, prepare
from stressbench.schema.case import Request
from stressbench.schema.suite.parse import load_suite
from stressbench.telemetry.attention import ROW_FIGURES

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    # Raised inside torch and transformers while they import each other.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
    # vLLM leaves a socket's context to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SUITE = """\
schema: 1
name: attention-e2e
seed: 7
models: {{model: {{model: {model}}}}}
engine: {{max_model_len: 512}}
prompts:
  - {{use: niah, items: 1, budgets: [200, 330], depths: [0.2, 0.8], arms: [stress], max_tokens: 8}}
"""
SINK, RECENT = 4, 32


@dataclass(frozen=True)
class Answer:
    request: Request
    finding: ProbeFinding
    fed_back: tuple[int, ...]
    dtype: str

    @property
    def tolerance(self) -> float:
        """Masses are shares, and entropies and masses of both programs are sums of theirs."""
        return tolerance(self.dtype)


async def serve(probed: ProbedEngine, prepared: Prepared) -> list[Answer]:
    from stressbench.probes.attention.probe import AttentionProbe

    probe = AttentionProbe(
        ProbeSetup(
            role="model",
            params={"queries": "all"},
            clock=Clock(),
            write=lambda _: None,
            tokenizer_path=probed.path,
        )
    )
    await probe.start(probed)

    async def one(request: Request) -> Answer:
        key = request.case.case_id
        await probe.sent(key, request)
        completion = await probed.engine.complete(replace(request, cache_salt=key), key)
        finding = await probe.finished(key, ok=True)
        return Answer(request, finding, completion.token_ids[:-1], probed.info.dtype)

    # All at once: a prompt takes several chunks, with decoding rows of others among them.
    requests = prepared.plan.of("model", "telemetry")
    answers = await asyncio.gather(*map(one, requests))
    await probe.stop()
    return answers


@pytest.fixture(scope="module")
def served(probed: ProbedEngine, tmp_path_factory) -> list[Answer]:
    file = tmp_path_factory.mktemp("attention") / "suite.yaml"
    file.write_text(SUITE.format(model=probed.model), "utf-8")
    prepared = prepare(load_suite(file), engine="vllm", limit=None, progress=lambda *_: None)
    return probed.loop.run(serve(probed, prepared))


@pytest.fixture(scope="module")
def probabilities(eager) -> Callable[[tuple[int, ...]], np.ndarray]:
    """Attention of a sequence of tokens, (layers, heads, rows, keys)."""
    import torch

    @cache
    def given(ids: tuple[int, ...]) -> np.ndarray:
        with torch.inference_mode():
            found = eager(torch.tensor([list(ids)]), output_attentions=True).attentions
        return torch.cat(found).double().numpy()

    return given


def entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.maximum(p, 1e-300))).sum(-1)


def test_every_figure_agrees_with_eager_attention(served, probabilities) -> None:
    for answer in served:
        ids = answer.request.prompt_token_ids
        arrays = answer.finding.arrays
        p = probabilities((*ids, *answer.fed_back))
        prompt = p[:, :, : len(ids)]
        m = np.arange(1, len(ids) + 1)
        without = prompt[..., SINK:] / np.maximum(prompt[..., SINK:].sum(-1, keepdims=True), 1e-300)
        recent = [prompt[:, :, t, max(0, t + 1 - RECENT) : t + 1].sum(-1) for t in range(len(ids))]
        expected = {
            "entropy": entropy(prompt).mean(-1),
            "entropy_norm": (entropy(prompt)[..., 1:] / np.log(m[1:])).mean(-1),
            "entropy2": -np.log((prompt**2).sum(-1)).mean(-1),
            "entropy_nosink": entropy(without[:, :, SINK:]).mean(-1),
            "entropy2_nosink": -np.log((without[:, :, SINK:] ** 2).sum(-1)).mean(-1),
            "sink_mass": prompt[..., :SINK].sum(-1).mean(-1),
            "recency_mass": np.stack(recent, -1).mean(-1),
        }
        for name, values in expected.items():
            found = arrays["prompt_figures"][ROW_FIGURES.index(name)]
            assert np.abs(found - values).max() <= answer.tolerance, name
        rows = p[:, :, len(ids) - 1 :]
        spans = [span for span in answer.request.spans if span.part == "needle"]
        mass = sum(rows[..., span.start : span.end].sum(-1) for span in spans).mean(-1)
        assert np.abs(arrays["role_mass"][0] - mass).max() <= answer.tolerance
        thirds = np.split(rows[..., : len(ids)].mean((1, 2)), 3)
        received = np.stack([third.mean(0) for third in thirds])
        assert np.abs(arrays["answer_received"] - received).max() <= answer.tolerance


def test_retrieval_counts_copied_needle_tokens_under_the_top_key(served, probabilities) -> None:
    for answer in served:
        ids = answer.request.prompt_token_ids
        needle = [
            at
            for span in answer.request.spans
            if span.part == "needle"
            for at in range(span.start, span.end)
        ]
        top = probabilities((*ids, *answer.fed_back))[:, :, len(ids) - 1 :].argmax(-1)
        copied = np.zeros((*top.shape[:2], len(needle)), bool)
        for step, token in enumerate(answer.fed_back):
            for place, at in enumerate(needle):
                if ids[at] == token:
                    copied[:, :, place] |= top[:, :, step] == at
        assert np.abs(answer.finding.arrays["retrieval"] - copied.mean(-1)).max() <= 1e-6
        assert copied.any()


def test_the_record_says_what_was_measured(served) -> None:
    for answer in served:
        fields = answer.finding.fields
        assert fields is not None, answer.finding.why_null
        assert fields["exact"] is True
        assert fields["queries"] == len(answer.request.prompt_token_ids)
        assert fields["answer_queries"] == len(answer.fed_back) + 1
        assert fields["heads"] == 30 * 9
        assert fields["cached_tokens"] == 0
        assert fields["row_error"] < answer.tolerance
        assert fields["output_error"] < answer.tolerance


def test_the_peak_of_attention_moves_with_the_needle(served) -> None:
    """What late layers look at most in the text, while they answer, is the needle, wherever."""
    for answer in served:
        (needle,) = [span for span in answer.request.spans if span.part == "needle"]
        starts = answer.finding.arrays["token_starts"][:-1]
        question = len(answer.request.case.text.rpartition("\n")[0].encode())
        text = np.flatnonzero((starts >= 0) & (starts < question))
        assert needle.start in text
        peak = text[answer.finding.arrays["answer_received"][2][text].argmax()]
        assert needle.start <= peak < needle.end
