"""The attention capture on a tiny model with paged keys, in batches as vLLM makes them."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stressbench.probes.attention.probe import AttentionProbe  # noqa: E402
from stressbench.probes.attention.worker import capture as _attention_worker  # noqa: E402
from stressbench.probes.exchange import unpack  # noqa: E402
from stressbench.probes.worker.extension import WorkerExtension  # noqa: E402
from stressbench.telemetry.attention import ROW_FIGURES  # noqa: E402
from tests.runners import RunnerV1, config_of  # noqa: E402

VOCABULARY, WIDTH, KV_HEADS, GROUP, BLOCK, BLOCKS = 50, 8, 2, 2, 4, 64
HEADS = KV_HEADS * GROUP
A = tuple(torch.randint(VOCABULARY, (23,), generator=torch.Generator().manual_seed(1)).tolist())
B = tuple(torch.randint(VOCABULARY, (17,), generator=torch.Generator().manual_seed(2)).tolist())


class Layer(torch.nn.Module):
    """Causal attention that keeps its keys in pages, as vLLM's CPU kernels lay them out."""

    def __init__(self, engine: Engine, window: int | None = None) -> None:
        super().__init__()
        self.engine = engine
        self.num_heads, self.num_kv_heads = HEADS, KV_HEADS
        self.head_size = self.head_size_v = WIDTH
        self.attn_type, self.kv_sharing_target_layer_name = "decoder", None
        self.sliding_window = window
        self.impl = SimpleNamespace(scale=1.0, logits_soft_cap=0, sinks=None, alibi_slopes=None)
        self.kv_cache = torch.zeros(BLOCKS, KV_HEADS, BLOCK, 2 * WIDTH)
        self.error = 0.0

    def forward(self, q, k, v):
        keys, values = k.view(-1, KV_HEADS, WIDTH), v.view(-1, KV_HEADS, WIDTH)
        queries, out = q.view(-1, HEADS, WIDTH), torch.zeros(len(q), HEADS, WIDTH)
        for rows, table in self.engine.batch:
            start, stop, first = rows
            for row in range(start, stop):
                block, slot = divmod(first + row - start, BLOCK)
                halves = self.kv_cache[table[block]].view(KV_HEADS, 2 * BLOCK, WIDTH)
                halves[:, :BLOCK].view(KV_HEADS, WIDTH, BLOCK)[:, :, slot] = keys[row]
                halves[:, BLOCK + slot] = values[row]
                p = self.probabilities(queries[row], table, first + row - start)
                out[row] = torch.einsum("hk,khd->hd", p, self.pages(table, len(p[0]))[1])
        return out.flatten(1) * (1 + self.error)

    def pages(self, table, tokens):
        halves = self.kv_cache[table].view(-1, KV_HEADS, 2 * BLOCK, WIDTH)
        keys = halves[:, :, :BLOCK].reshape(-1, KV_HEADS, WIDTH, BLOCK).permute(0, 3, 1, 2)
        values = halves[:, :, BLOCK:].permute(0, 2, 1, 3)
        return tuple(
            part.reshape(-1, KV_HEADS, WIDTH)[:tokens].repeat_interleave(GROUP, 1)
            for part in (keys, values)
        )

    def probabilities(self, query, table, position):
        keys, _ = self.pages(table, position + 1)
        scores = torch.einsum("hd,khd->hk", query, keys)
        if self.sliding_window:
            scores[:, : max(0, position + 1 - self.sliding_window)] = -torch.inf
        return scores.softmax(-1)


class Engine(torch.nn.Module):
    """A model of two layers, and the batches that a scheduler would feed it."""

    def __init__(self, spread: float, window: int | None = None) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.embeddings = torch.randn(
            2, VOCABULARY, (HEADS + 2 * KV_HEADS) * WIDTH, generator=generator
        )
        self.embeddings[..., : HEADS * WIDTH] *= spread
        self.layers = torch.nn.ModuleList([Layer(self), Layer(self, window)])
        self.batch: list[tuple[tuple[int, int, int], torch.Tensor]] = []
        self.tables: dict[str, torch.Tensor] = {}

    def forward(self, input_ids):
        sizes = [HEADS * WIDTH, KV_HEADS * WIDTH, KV_HEADS * WIDTH]
        for layer, table in zip(self.layers, self.embeddings, strict=True):
            layer(*table[input_ids].split(sizes, -1))
        return input_ids

    def step(self, runner, *parts: tuple[str, tuple[int, ...], int, int]) -> None:
        """Run positions ``first`` to ``end - 1`` of each request's tokens in one batch."""
        ids: list[int] = []
        self.batch = []
        for key, tokens, first, end in parts:
            place = len(self.tables)
            blocks = torch.randperm(8, generator=torch.Generator().manual_seed(place)) + 8 * place
            table = self.tables.setdefault(key, blocks)
            self.batch.append(((len(ids), len(ids) + end - first, first), table))
            ids += tokens[first:end]
        metadata = SimpleNamespace(
            block_table=torch.stack([table for _, table in self.batch]), causal=True
        )
        runner.context.attn_metadata = {"0": metadata, "1": metadata}
        runner.step([(f"{key}-0a1b2c3d", first, end - first) for key, _, first, end in parts], ids)


@pytest.fixture
def start(monkeypatch):
    context = SimpleNamespace(attn_metadata=None)
    fake = SimpleNamespace(get_forward_context=lambda: context)
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(forward_context=fake))
    monkeypatch.setitem(sys.modules, "vllm.forward_context", fake)

    def begin(spread: float = 0.5, window: int | None = None):
        engine = Engine(spread, window)
        worker = WorkerExtension()
        worker.model_runner = RunnerV1(engine, config_of())
        worker.model_runner.context = context
        layers = [(str(place), layer) for place, layer in enumerate(engine.layers)]
        monkeypatch.setattr(_attention_worker, "_attention_layers", lambda _: layers)
        assert worker.stressbench_install("attention", AttentionProbe.capture) is None
        return engine, worker

    return begin


def whole(engine: Engine, tokens: tuple[int, ...], table: torch.Tensor) -> torch.Tensor:
    """Probabilities of every row, (layers, heads, rows, keys)."""
    p = torch.zeros(2, HEADS, len(tokens), len(tokens))
    for place, layer in enumerate(engine.layers):
        queries = engine.embeddings[place][list(tokens)][:, : HEADS * WIDTH]
        for row, query in enumerate(queries.view(-1, HEADS, WIDTH)):
            p[place, :, row, : row + 1] = layer.probabilities(query, table, row)
    return p


def register(worker, key: str, prompt: tuple[int, ...], **settings: object) -> None:
    asked = {"prompt_ids": list(prompt), "sink_tokens": 1, "recent_tokens": 3, **settings}
    assert worker.stressbench_register("attention", key, asked) is None


def take(worker, key: str) -> dict[str, np.ndarray]:
    taken = worker.stressbench_take("attention", key)
    assert "why_null" not in taken, taken
    return unpack(taken)


@pytest.mark.parametrize("window", [None, 6])
def test_chunks_of_mixed_batches_add_up_to_the_whole_matrix(start, window) -> None:
    engine, worker = start(window=window)
    runner = worker.model_runner
    register(worker, "a", A[:20], spans={"needle": [(4, 9)]})
    register(worker, "b", B[:16], last=3)
    engine.step(runner, ("a", A, 0, 9), ("other", B, 0, 5))
    engine.step(runner, ("other", B, 5, 6), ("a", A, 9, 16), ("b", B, 0, 10))
    engine.step(runner, ("b", B, 10, 16), ("a", A, 16, 20))
    engine.step(runner, ("a", A, 20, 21), ("b", B, 16, 17))
    engine.step(runner, ("a", A, 0, 21))  # preempted, computed again
    engine.step(runner, ("a", A, 21, 22))
    a, b = take(worker, "a"), take(worker, "b")
    p = whole(engine, A[:22], engine.tables["a"]).double()
    entropy = -(p * p.clamp(min=1e-300).log()).sum(-1)
    figures = a["prompt_figures"]
    assert np.allclose(figures[ROW_FIGURES.index("entropy")], entropy[..., :20].mean(-1), atol=1e-5)
    sink = p[..., :20, 0].mean(-1)
    assert np.allclose(figures[ROW_FIGURES.index("sink_mass")], sink, atol=1e-5)
    needle = p[:, :, 19:, 4:9].sum(-1)
    assert np.allclose(a["role_mass"][0], needle.mean(-1), atol=1e-5)
    seen = torch.arange(20, 23).repeat(2, 1)
    if window:
        seen[1] = window
    assert np.allclose(a["role_lift"][0], (needle * seen[:, None] / 5).mean(-1), atol=1e-5)
    assert np.allclose(a["answer_received"][0], p[0, :, 19:, :20].mean((0, 1)), atol=1e-5)
    assert np.allclose(a["prompt_received"][1], p[1, :, :20, :20].mean((0, 1)), atol=1e-5)
    top = p[:, :, 19:].argmax(-1)
    copied = torch.zeros(2, HEADS, 5, dtype=torch.bool)
    for step, token in enumerate(A[20:22]):
        for place, at in enumerate(range(4, 9)):
            if A[at] == token:
                copied[:, :, place] |= top[..., step] == at
    assert np.allclose(a["retrieval"], copied.double().mean(-1))
    assert (a["prompt_rows"], a["answer_rows"], a["fed_back"]) == (20, 3, 2)
    assert (b["prompt_rows"], b["answer_rows"], b["fed_back"]) == (3, 2, 1)
    other = -(q := whole(engine, B[:16], engine.tables["b"]).double()) * q.clamp(min=1e-300).log()
    found = b["prompt_figures"][ROW_FIGURES.index("entropy")]
    assert np.allclose(found, other.sum(-1)[..., 13:].mean(-1), atol=1e-5)


def test_untrained_attention_is_even_and_lifts_nothing(start) -> None:
    engine, worker = start(spread=0.01)
    register(worker, "a", A, spans={"needle": [(4, 9)]})
    engine.step(worker.model_runner, ("a", A, 0, len(A)))
    arrays = take(worker, "a")
    assert arrays["prompt_figures"][ROW_FIGURES.index("entropy_norm")].min() > 0.999
    assert np.abs(arrays["role_lift"] - 1).max() < 0.1


def test_chosen_layers_alone_are_looked_at(start) -> None:
    engine, worker = start()
    register(worker, "a", A, layers=[1])
    engine.step(worker.model_runner, ("a", A, 0, len(A)))
    arrays = take(worker, "a")
    assert arrays["layers"].tolist() == [1]
    p = whole(engine, A, engine.tables["a"])[1:].double()
    entropy = -(p * p.clamp(min=1e-300).log()).sum(-1).mean(-1)
    assert np.allclose(arrays["prompt_figures"][0], entropy, atol=1e-5)
    register(worker, "b", A, layers=[2])
    engine.step(worker.model_runner, ("b", A, 0, len(A)))
    taken = worker.stressbench_take("attention", "b")
    assert taken == {"why_null": "the model has 2 attention layers, counted from 0"}


def test_a_layer_that_does_something_else_is_found_out(start) -> None:
    engine, worker = start()
    engine.layers[1].error = 0.01
    register(worker, "a", A)
    engine.step(worker.model_runner, ("a", A, 0, len(A)))
    reason = worker.stressbench_take("attention", "a")["why_null"]
    assert reason.startswith("unsupported: the output of 1 differs from softmax(q k) v")
