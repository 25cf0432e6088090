"""Captures in a worker: whatever goes wrong in one, the model goes on."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stressbench.probes.attention.settings import Settings  # noqa: E402
from stressbench.probes.attention.worker.pages import Pages  # noqa: E402
from stressbench.probes.attention.worker.request_attention import RequestAttention  # noqa: E402
from stressbench.probes.exchange import UNSEEN, unpack  # noqa: E402
from stressbench.probes.worker.capture import BatchRows, Unsupported  # noqa: E402
from stressbench.probes.worker.extension import WorkerExtension  # noqa: E402
from tests.runners import RunnerV1, RunnerV2, config_of  # noqa: E402

SPY, OTHER = "a_package_of_others:Spy", "a_package_of_others:Other"
METHODS = ["start", "expect", "before_step", "hook", "after_step", "collect"]


class Spy:
    """A capture that counts rows, and fails where it is told to."""

    fails_in = ""

    def start(self, host) -> None:
        self.fail("start")
        self.seen: dict[str, int] = {}
        self.calls: list[str] = []
        self.host = host
        host.after(host.model[0], self.hook)

    def fail(self, where: str) -> None:
        if where == self.fails_in:
            raise RuntimeError(f"broken {where}")

    def expect(self, key, settings) -> None:
        self.fail("expect")
        self.seen[key] = 0

    def before_step(self, step) -> None:
        self.calls.append("before")
        self.fail("before_step")

    def hook(self, module, args, output) -> None:
        self.calls.append("layer")
        self.fail("hook")
        for rows in self.host.step().rows:
            if rows.key in self.seen:
                self.seen[rows.key] += rows.stop - rows.start

    def after_step(self, step) -> None:
        self.calls.append("after")
        self.fail("after_step")

    def collect(self, key):
        self.fail("collect")
        if key == "refused":
            raise Unsupported("never understood")
        seen = self.seen.pop(key)
        return {"seen": np.array(seen, np.int32), "calls": np.array(len(self.calls), np.int32)}


class Other(Spy):
    """A second one, which goes on whatever the first one does."""

    fails_in = None


class Model(torch.nn.Sequential):
    def __init__(self) -> None:
        super().__init__(torch.nn.Embedding(99, 3), torch.nn.Linear(3, 2))

    def forward(self, input_ids):
        return super().forward(input_ids)


@pytest.fixture(autouse=True)
def package(monkeypatch) -> None:
    module = ModuleType("a_package_of_others")
    module.Spy, module.Other = Spy, Other  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_package_of_others", module)
    monkeypatch.setattr(Spy, "fails_in", "")


@pytest.fixture(params=[RunnerV1, RunnerV2])
def worker(request) -> WorkerExtension:
    extension = WorkerExtension()
    extension.model_runner = request.param(Model(), config_of())  # type: ignore[attr-defined]
    return extension


def run(worker: WorkerExtension, *keys: str) -> None:
    """Two rows of each request, as vLLM names them, behind one of somebody else."""
    parts = [("other-01234567", 4, 1), *((f"{key}-89abcdef", 0, 2) for key in keys)]
    out = worker.model_runner.step(parts, [7] + [5, 6] * len(keys))
    assert out.shape == (1 + 2 * len(keys), 2)


def untouched(worker: WorkerExtension) -> bool:
    runner = worker.model_runner
    hooks = [module._forward_hooks for module in runner.model.modules()]
    hooks += [module._forward_pre_hooks for module in runner.model.modules()]
    return not any(hooks) and not {"execute_model", "prepare_inputs"} & set(vars(runner))


def test_a_capture_sees_steps_of_expected_requests_alone(worker) -> None:
    assert worker.stressbench_install("spy", SPY) is None
    run(worker, "k")
    assert worker.stressbench_register("spy", "k", {}) is None
    run(worker, "k")
    run(worker)
    worker.model_runner.dry_run()
    run(worker, "k")
    taken = unpack(worker.stressbench_take("spy", "k"))
    assert taken["seen"] == 4
    assert taken["calls"] == 6  # before, layer and after, twice
    run(worker, "k")
    worker.stressbench_remove("spy")
    assert untouched(worker)


def test_one_extension_hosts_captures_that_know_nothing_of_each_other(worker) -> None:
    for name, path in {"one": SPY, "two": OTHER, "three": SPY}.items():
        assert worker.stressbench_install(name, path) is None
    worker.stressbench_register("one", "a", {})
    worker.stressbench_register("two", "a", {})
    worker.stressbench_register("three", "b", {})
    run(worker, "a", "b")
    worker.stressbench_remove("one")  # the first that came takes nothing from the others
    run(worker, "a")
    assert unpack(worker.stressbench_take("two", "a"))["seen"] == 4
    assert unpack(worker.stressbench_take("three", "b"))["seen"] == 2
    worker.stressbench_remove("three")
    worker.stressbench_remove("two")
    assert untouched(worker)
    assert worker.stressbench_install("again", SPY) is None
    worker.stressbench_register("again", "c", {})
    run(worker, "c")
    assert unpack(worker.stressbench_take("again", "c"))["seen"] == 2


@pytest.mark.parametrize("where", METHODS)
def test_a_fault_ends_one_capture_and_neither_the_model_nor_another(
    worker, monkeypatch, where
) -> None:
    monkeypatch.setattr(Spy, "fails_in", where)
    monkeypatch.setattr(Other, "fails_in", "")
    told = worker.stressbench_install("spy", SPY)
    assert worker.stressbench_install("other", OTHER) is None
    told = worker.stressbench_register("spy", "k", {}) or told
    worker.stressbench_register("other", "k", {})
    run(worker, "k")
    taken = worker.stressbench_take("spy", "k")
    assert taken == {"why_null": f"the capture failed: RuntimeError: broken {where}"}
    assert (told is not None) == (where in {"start", "expect"})
    run(worker, "k")
    assert worker.stressbench_register("spy", "next", {}) == taken["why_null"]
    assert unpack(worker.stressbench_take("other", "k"))["seen"] == 4
    worker.stressbench_remove("spy")
    worker.stressbench_remove("other")
    assert untouched(worker)


@pytest.mark.parametrize("path", ["no_such_package:Spy", "a_package_of_others:Missing", "json"])
def test_a_capture_that_cannot_be_built_says_so(worker, path) -> None:
    told = worker.stressbench_install("spy", path)
    assert told.startswith("the capture failed: ")
    run(worker, "k")
    assert worker.stressbench_take("spy", "k") == {"why_null": told}


def test_one_request_that_cannot_be_told_leaves_the_others(worker) -> None:
    worker.stressbench_install("spy", SPY)
    for key in ("k", "refused"):
        worker.stressbench_register("spy", key, {})
    run(worker, "k", "refused")
    assert worker.stressbench_take("spy", "refused") == {"why_null": "never understood"}
    assert "does not know" in worker.stressbench_take("spy", "unknown")["why_null"]
    run(worker, "k")
    assert unpack(worker.stressbench_take("spy", "k"))["seen"] == 4


def test_a_request_without_one_row_is_null_and_never_sums_of_nothing(worker) -> None:
    worker.stressbench_install("spy", SPY)
    worker.stressbench_register("spy", "k", {})
    worker.stressbench_register("spy", "never", {})
    run(worker, "k")
    assert worker.stressbench_take("spy", "never") == {"why_null": UNSEEN}
    assert unpack(worker.stressbench_take("spy", "k"))["seen"] == 2


def test_rows_that_do_not_add_up_end_every_capture_with_that_reason(worker) -> None:
    for name in ("one", "two"):
        worker.stressbench_install(name, OTHER)
        worker.stressbench_register(name, "k", {})
    worker.model_runner.step([("k-01234567", 0, 2)], [5, 6], total=3)
    for name in ("one", "two"):
        assert "do not add up" in worker.stressbench_take(name, "k")["why_null"]
    run(worker, "k")


def test_a_request_may_have_its_key_for_a_name(worker) -> None:
    worker.stressbench_install("spy", SPY)
    worker.stressbench_register("spy", "a-b", {})
    worker.model_runner.step([("a-b", 0, 2)], [5, 6])
    assert unpack(worker.stressbench_take("spy", "a-b"))["seen"] == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"enforce_eager": False}, "enforce_eager"),
        ({"speculative_config": object()}, "speculative"),
        ({"world_size": 2}, "several workers"),
        ({"use_ubatching": True}, "micro-batches"),
    ],
)
def test_an_engine_that_is_not_understood_says_so(worker, change, reason) -> None:
    worker.model_runner.vllm_config = config_of(**change)
    told = worker.stressbench_install("spy", SPY)
    assert told.startswith("unsupported: ")
    assert reason in told


def test_rows_are_counted_once_through_chunks_and_a_preemption() -> None:
    settings = Settings(prompt_ids=tuple(range(10)), last=4, spans={"needle": ((2, 4),)})
    request = RequestAttention(settings, layers=(0,), heads=2)
    ids = torch.arange(100, 120)

    def choose(first: int, count: int, start: int = 3) -> tuple[tuple[int, ...], tuple[int, ...]]:
        rows = BatchRows(key="k", start=start, stop=start + count, first=first, place=0)
        chosen = request.choose(rows, ids)
        assert chosen.shift == start - first
        return chosen.prompt, chosen.answer

    assert choose(0, 7) == ((6,), ())
    assert choose(7, 3) == ((7, 8, 9), (9,))
    assert choose(10, 1) == ((), (10,))
    assert choose(0, 11) == ((), ())  # preempted: computed again
    assert choose(11, 1) == ((), (11,))
    assert (request.prompt.rows, request.answer.rows) == (4, 3)
    with pytest.raises(Unsupported, match="that the capture did not see"):
        choose(13, 1)


def test_rows_of_a_cached_prefix_are_missing_and_said_to_be() -> None:
    request = RequestAttention(Settings(prompt_ids=tuple(range(10))), layers=(0,), heads=2)
    request.choose(BatchRows(key="k", start=0, stop=4, first=6, place=0), torch.arange(4))
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
