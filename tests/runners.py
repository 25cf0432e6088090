"""vLLM's two model runners as a capture's host meets them, for tests that have no engine.

They keep what the row map reads, and call what it listens to; its test holds those names
against vLLM's own classes, where vLLM is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import torch

Part = tuple[str, int, int]
"""One request of a step: vLLM's id, tokens computed before, tokens of this step."""


def config_of(**changes: object) -> SimpleNamespace:
    """An engine's configuration under which captures run; ``changes`` by name."""
    parallel = {"world_size": 1, "use_ubatching": False, "data_parallel_size": 1}
    parallel |= {name: changes.pop(name) for name in parallel if name in changes}
    given = {"enforce_eager": True, "speculative_config": None} | changes
    return SimpleNamespace(
        model_config=SimpleNamespace(enforce_eager=given["enforce_eager"]),
        speculative_config=given["speculative_config"],
        parallel_config=SimpleNamespace(**parallel),
    )


class _Runner:
    def __init__(self, model: torch.nn.Module, config: SimpleNamespace) -> None:
        self.model = model
        self.vllm_config = config

    def get_model(self) -> torch.nn.Module:
        return self.model

    def step(self, parts: Sequence[Part], ids: Sequence[int], total: int | None = None) -> object:
        """What the worker does with a scheduler's output; ``total`` where it is wrong."""
        counts = {name: count for name, _, count in parts}
        scheduled = SimpleNamespace(
            num_scheduled_tokens=counts,
            total_num_scheduled_tokens=sum(counts.values()) if total is None else total,
        )
        self.parts, self.ids = list(parts), torch.tensor(ids)
        return self.execute_model(scheduled)

    def run(self) -> object:
        return self.model(input_ids=self.ids)


class RunnerV1(_Runner):
    """Keeps a persistent batch; its order is its own, not that of the scheduler."""

    input_batch: SimpleNamespace
    input_ids: SimpleNamespace

    def execute_model(self, scheduled: SimpleNamespace, tensors: object = None) -> object:
        self.input_batch = SimpleNamespace(
            req_ids=[name for name, *_ in self.parts],
            num_computed_tokens_cpu=np.array([first for _, first, _ in self.parts] + [77]),
        )
        padded = torch.cat([self.ids, torch.zeros(3, dtype=torch.int64)])
        self.input_ids = SimpleNamespace(gpu=padded)
        return self.run()

    def dry_run(self) -> object:
        """A batch of nobody's: for profiling, and while other data-parallel engines run."""
        self.ids = torch.zeros(4, dtype=torch.int64)
        return self.run()


class RunnerV2(_Runner):
    """Prepares a batch of its own for every step."""

    def execute_model(self, scheduled: SimpleNamespace, *, dummy_run: bool = False) -> object:
        if not dummy_run:
            self.prepare_inputs(scheduled, None)
        return self.run()

    def prepare_inputs(self, scheduled: SimpleNamespace, _descriptor: object) -> SimpleNamespace:
        counts = [count for *_, count in self.parts]
        starts = [0, *np.cumsum(counts).tolist()]
        return SimpleNamespace(
            req_ids=[name for name, *_ in self.parts],
            query_start_loc_np=np.array([*starts, starts[-1]]),  # padded
            num_computed_tokens_np=np.array([first for _, first, _ in self.parts]),
            input_ids=self.ids,
        )

    def dry_run(self) -> object:
        self.ids = torch.zeros(4, dtype=torch.int64)
        scheduled = SimpleNamespace(num_scheduled_tokens={"dummy": 4}, total_num_scheduled_tokens=4)
        return self.execute_model(scheduled, dummy_run=True)


RunnerV1.__module__ = "vllm.v1.worker.gpu_model_runner"
RunnerV2.__module__ = "vllm.v1.worker.gpu.model_runner"
