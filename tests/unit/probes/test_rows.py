"""Whose rows are in a batch, as either model runner tells it."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from stressbench.probes.exchange import Unsupported  # noqa: E402
from stressbench.probes.worker.row_map import Batch, row_map  # noqa: E402
from tests.runners import RunnerV1, RunnerV2, config_of  # noqa: E402

RUNNERS = [RunnerV1, RunnerV2]
PARTS = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 40)), min_size=1, max_size=8).map(
    lambda each: [(f"r{i}", first, count) for i, (first, count) in enumerate(each)]
)


class Looks(torch.nn.Module):
    """A model that asks the row map in its forward pass, as a hook does."""

    rows = None
    seen = None

    def forward(self, input_ids):
        self.seen = self.rows.batch()
        return input_ids


def watched(kind):
    model = Looks()
    runner = kind(model, config_of())
    model.rows = row_map(runner)
    return runner, model


@pytest.mark.parametrize("kind", RUNNERS)
@given(parts=PARTS)
def test_every_row_of_a_step_has_one_request_and_its_position(kind, parts) -> None:
    runner, model = watched(kind)
    ids = list(range(sum(count for *_, count in parts)))
    runner.step(parts, ids)
    step = model.seen.step(lambda name: name, len(ids))
    assert [(r.key, r.first, r.stop - r.start) for r in step.rows] == parts
    assert [row for r in step.rows for row in range(r.start, r.stop)] == ids
    assert [r.place for r in step.rows] == list(range(len(parts)))
    assert step.input_ids[: len(ids)].tolist() == ids


@pytest.mark.parametrize("kind", RUNNERS)
def test_a_dry_run_is_nobodys_also_after_a_step(kind) -> None:
    runner, model = watched(kind)
    runner.step([("a", 0, 3)], [1, 2, 3])
    assert model.seen is not None
    runner.dry_run()
    assert model.seen is None


@pytest.mark.parametrize("kind", RUNNERS)
def test_a_step_that_failed_is_forgotten(kind, monkeypatch) -> None:
    runner, model = watched(kind)

    def breaks(input_ids):
        raise RuntimeError

    monkeypatch.setattr(model, "forward", breaks)
    with pytest.raises(RuntimeError):
        runner.step([("a", 0, 1)], [1])
    assert model.rows.batch() is None


@pytest.mark.parametrize("kind", RUNNERS)
def test_the_runner_is_left_as_it_was(kind) -> None:
    runner, model = watched(kind)
    assert "execute_model" in vars(runner)
    model.rows.remove()
    assert not {"execute_model", "prepare_inputs"} & set(vars(runner))


def batch(**changes: object) -> Batch:
    whole = {
        "request_ids": ("a", "b"),
        "counts": (3, 2),
        "computed": (0, 7),
        "tokens": 5,
        "input_ids": torch.arange(8),
    }
    return Batch(**(whole | changes))


@pytest.mark.parametrize(
    ("changes", "given", "reason"),
    [
        ({"tokens": 6}, 8, "do not add up: 5 over its requests, 6 scheduled"),
        ({"counts": (5, 0)}, 8, "do not add up"),
        ({"computed": (0, -1)}, 8, "do not add up"),
        ({"counts": (3,)}, 8, "cannot be told apart"),
        ({"request_ids": ("a", "a")}, 8, "cannot be told apart"),
        ({}, 3, "called with 3 rows of a step of 5"),
        ({"input_ids": torch.arange(4)}, None, "called with 4 rows of a step of 5"),
    ],
)
def test_facts_that_do_not_fit_together_are_refused(changes, given, reason) -> None:
    with pytest.raises(Unsupported, match=reason):
        batch(**changes).step(str, given)


def test_a_runner_of_another_kind_is_refused_by_its_name() -> None:
    with pytest.raises(Unsupported, match=r"does not show .* \(SimpleNamespace\)"):
        row_map(SimpleNamespace())


def vllm_class(module: str, name: str) -> ast.ClassDef:
    """A class of the installed vLLM, read and not imported: that takes seconds and warns."""
    found = importlib.util.find_spec("vllm")
    if found is None or found.origin is None:
        pytest.skip("vLLM is not installed")
    file = Path(found.origin).parent.joinpath(*module.split(".")).with_suffix(".py")
    tree = ast.parse(file.read_text("utf-8"))
    return next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)


def fields(of: ast.ClassDef) -> set[str]:
    return {n.target.id for n in of.body if isinstance(n, ast.AnnAssign)}  # type: ignore[union-attr]


def methods(of: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {n.name: n for n in of.body if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize(
    ("module", "name", "read"),
    [
        (
            "v1.core.sched.output",
            "SchedulerOutput",
            {"num_scheduled_tokens", "total_num_scheduled_tokens"},
        ),
        (
            "v1.worker.gpu.input_batch",
            "InputBatch",
            {"req_ids", "query_start_loc_np", "num_computed_tokens_np", "input_ids"},
        ),
    ],
)
def test_what_is_read_of_a_step_is_there_in_vllm(module, name, read) -> None:
    assert read <= fields(vllm_class(module, name))


@pytest.mark.parametrize("kind", RUNNERS)
def test_what_is_listened_to_is_there_in_vllm(kind) -> None:
    own = methods(vllm_class(kind.__module__.removeprefix("vllm."), "GPUModelRunner"))
    for name in {"execute_model", "prepare_inputs"} & set(vars(kind)):
        assert own[name].args.args[1].arg == "scheduler_output"
    assert "get_model" in own


def test_what_is_read_of_the_persistent_batch_is_there_in_vllm() -> None:
    own = methods(vllm_class("v1.worker.gpu_input_batch", "InputBatch"))
    assert "req_ids" in own
    assert "self.num_computed_tokens_cpu = " in ast.unparse(own["__init__"])
    runner = methods(vllm_class("v1.worker.gpu_model_runner", "GPUModelRunner"))
    assert "self.input_ids = " in ast.unparse(runner["__init__"])


def test_metadata_of_attention_could_not_say_it() -> None:
    """Why the runner is asked: MLA has no sequence lengths, linear attention no query starts."""
    mla = fields(vllm_class("model_executor.layers.attention.mla_attention", "MLACommonMetadata"))
    assert "query_start_loc" in mla
    assert "seq_lens" not in mla
