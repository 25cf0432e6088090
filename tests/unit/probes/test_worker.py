"""Captures in a worker: whatever goes wrong in one, the model goes on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stressbench.probes import _worker  # noqa: E402
from stressbench.probes._attention_rows import RequestRows  # noqa: E402
from stressbench.probes._attention_settings import Settings  # noqa: E402
from stressbench.probes._capture import Rows, Step, Unsupported  # noqa: E402
from stressbench.probes._kv_pages import Pages  # noqa: E402
from stressbench.probes._worker import WorkerExtension, unpack  # noqa: E402

STEP = Step(
    rows=(Rows(key="k", start=0, stop=2, first=0, place=0),), input_ids=torch.tensor([5, 6])
)


class Spy:
    """A capture that counts, and fails where it is told to."""

    fails_in = ""

    def install(self, host) -> None:
        self.fail("install")
        self.seen = 0
        host.after(host.model[0], self.hook)

    def fail(self, where: str) -> None:
        if where == self.fails_in:
            raise RuntimeError(f"broken {where}")

    def hook(self, module, args, output) -> None:
        self.fail("hook")
        self.seen += output.shape[0]

    def register(self, key, settings) -> None:
        self.fail("register")

    def begin(self, step) -> None:
        self.fail("begin")

    def take(self, key):
        self.fail("take")
        if key == "unknown":
            raise Unsupported("never seen")
        return {"seen": np.array(self.seen, np.int32)}


@pytest.fixture
def worker(monkeypatch) -> WorkerExtension:
    config = SimpleNamespace(
        model_config=SimpleNamespace(enforce_eager=True),
        speculative_config=None,
        parallel_config=SimpleNamespace(world_size=1),
    )
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 2))
    extension = WorkerExtension()
    extension.model_runner = SimpleNamespace(
        input_batch=None, vllm_config=config, get_model=lambda: model
    )
    monkeypatch.setattr(_worker, "CAPTURES", {"spy": f"{__name__}.Spy"})
    monkeypatch.setattr(_worker.importlib, "import_module", lambda _: SimpleNamespace(Spy=Spy))
    monkeypatch.setattr(_worker.CaptureHost, "_read_step", lambda *_: STEP)
    monkeypatch.setattr(Spy, "fails_in", "")
    return extension


def run(worker: WorkerExtension) -> None:
    assert worker.model_runner.get_model()(torch.zeros(2, 3)).shape == (2, 2)


def test_a_capture_sees_steps_of_registered_requests_alone(worker) -> None:
    assert worker.stressbench_install("spy") is None
    run(worker)
    assert worker.stressbench_register("spy", "k", {}) is None
    run(worker)
    run(worker)
    assert unpack(worker.stressbench_take("spy", "k"))["seen"] == 4
    run(worker)
    worker.stressbench_remove("spy")
    model = worker.model_runner.get_model()
    assert not model._forward_hooks
    assert not model._forward_pre_hooks
    assert not model[0]._forward_hooks


@pytest.mark.parametrize("where", ["install", "register", "begin", "hook", "take"])
def test_a_fault_ends_the_capture_and_not_the_model(worker, monkeypatch, where) -> None:
    monkeypatch.setattr(Spy, "fails_in", where)
    told = worker.stressbench_install("spy")
    told = worker.stressbench_register("spy", "k", {}) or told
    run(worker)
    taken = worker.stressbench_take("spy", "k")
    assert taken == {"why_null": f"the capture failed: RuntimeError: broken {where}"}
    assert (told is not None) == (where in {"install", "register"})
    run(worker)
    assert worker.stressbench_register("spy", "next", {}) == taken["why_null"]
    worker.stressbench_remove("spy")


def test_one_request_that_cannot_be_told_leaves_the_others(worker) -> None:
    worker.stressbench_install("spy")
    worker.stressbench_register("spy", "k", {})
    assert worker.stressbench_take("spy", "unknown") == {"why_null": "never seen"}
    run(worker)
    assert unpack(worker.stressbench_take("spy", "k"))["seen"] == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda runner: delattr(runner, "input_batch"), "model runner V2"),
        (lambda r: setattr(r.vllm_config.model_config, "enforce_eager", False), "enforce_eager"),
        (lambda r: setattr(r.vllm_config, "speculative_config", object()), "speculative"),
        (lambda r: setattr(r.vllm_config.parallel_config, "world_size", 2), "several workers"),
    ],
)
def test_an_engine_that_is_not_understood_says_so(worker, change, reason) -> None:
    change(worker.model_runner)
    told = worker.stressbench_install("spy")
    assert told.startswith("unsupported: ")
    assert reason in told


def test_rows_are_counted_once_through_chunks_and_a_preemption() -> None:
    settings = Settings(prompt_ids=tuple(range(10)), last=4, spans={"needle": ((2, 4),)})
    request = RequestRows(settings, layers=(0,), heads=2)
    ids = torch.arange(100, 120)

    def choose(first: int, count: int, start: int = 3) -> tuple[tuple[int, ...], tuple[int, ...]]:
        rows = Rows(key="k", start=start, stop=start + count, first=first, place=0)
        chosen = request.choose(rows, ids)
        assert chosen.shift == start - first
        return chosen.prompt, chosen.answer

    assert choose(0, 7) == ((6,), ())
    assert choose(7, 3) == ((7, 8, 9), (9,))
    assert choose(10, 1) == ((), (10,))
    assert choose(0, 11) == ((), ())  # preempted: computed again
    assert choose(11, 1) == ((), (11,))
    assert (request.prompt.rows, request.answer.rows) == (4, 3)
    with pytest.raises(Unsupported, match="out of sight"):
        choose(13, 1)


def test_rows_of_a_cached_prefix_are_missing_and_said_to_be() -> None:
    request = RequestRows(Settings(prompt_ids=tuple(range(10))), layers=(0,), heads=2)
    request.choose(Rows(key="k", start=0, stop=4, first=6, place=0), torch.arange(4))
    arrays = request.arrays()
    assert (arrays["prompt_rows"], arrays["cached_tokens"]) == (4, 6)


@pytest.mark.parametrize("layout", ["halves, transposed", "halves", "side by side"])
def test_pages_are_read_in_the_layout_that_gives_back_what_was_written(layout) -> None:
    blocks, heads, size, width, tokens = 5, 2, 4, 8, 11
    keys = torch.randn(tokens, heads, width)
    values = torch.randn(tokens, heads, width)
    table = torch.tensor([4, 0, 2, 1])
    cache = torch.zeros(blocks, heads, size, 2 * width)
    for token in range(tokens):
        block, slot = table[token // size], token % size
        if layout == "side by side":
            cache[block, :, slot] = torch.cat([keys[token], values[token]], -1)
            continue
        halves = cache[block].view(heads, 2 * size, width)
        halves[:, size + slot] = values[token]
        if layout == "halves":
            halves[:, slot] = keys[token]
        else:
            halves[:, :size].view(heads, width, size)[:, :, slot] = keys[token]
    pages = Pages(cache, table, tokens, width)
    split = pages.layout(keys[-3:])
    assert torch.equal(pages.keys(split), keys.permute(1, 2, 0))
    assert torch.equal(pages.values(split), values.transpose(0, 1))
    with pytest.raises(Unsupported, match="layout of the KV cache"):
        pages.layout(keys[-3:] + 1)
