"""Engines that several modules share: each set-up starts once in a session, one after another."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import CHUNK, DENSE_SUITE, ProbedEngine

from stressbench.clock import Clock
from stressbench.engines.base import EngineSetup
from stressbench.engines.vllm.engine import VllmEngine
from stressbench.models.reference import pair as reference
from stressbench.probes.base import WORKER_EXTENSION
from stressbench.schema.suite.suite import EngineSpec
from stressbench.store import Run, read_run
from tests.conftest import ROOT


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of an engine that stays alive last, so that no other engine runs meanwhile."""
    items.sort(key=model_alive)


def model_alive(item: pytest.Item) -> int:
    """0 for a test without such an engine, else the place of its model."""
    model = item.callspec.params.get("probed") if hasattr(item, "callspec") else None
    return 0 if model is None else 1 + list(reference.NAMES).index(model)


@pytest.fixture(scope="session", params=reference.NAMES)
def probed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProbedEngine]:
    """One of the reference models in vLLM, ready for captures; it serves one module after another.

    It takes prompts in chunks, and several requests in a batch.
    """
    name: str = request.param
    path, _ = reference.obtain(name, lambda _phase, _fraction: None)
    engine = VllmEngine(
        EngineSetup(
            role="model",
            model=name,
            model_path=path,
            tokenizer_path=path,
            engine=EngineSpec(
                max_model_len=512,
                dtype=reference.DTYPES[name],
                args={"max_num_batched_tokens": CHUNK},
            ),
            args={},
            clock=Clock(),
            seed=7,
            concurrency=8,
            log=tmp_path_factory.mktemp(name) / "engine.log",
            on_step=lambda _reading: None,
            model_config=json.loads((path / "config.json").read_bytes()),
            worker_extension=WORKER_EXTENSION,
        )
    )
    with asyncio.Runner() as loop:
        try:
            yield ProbedEngine(name, path, engine, loop.run(engine.start()), loop)
        finally:
            loop.run(engine.stop())


@pytest.fixture(scope="session")
def eager(probed: ProbedEngine):
    """The same model in transformers, in float32, with attention that keeps its probabilities."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        probed.path, dtype=torch.float32, attn_implementation="eager"
    ).eval()


@pytest.fixture(scope="session")
def dense_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The dense model served in its own dtype, and in bfloat16 where the CPU has it."""
    folder: Path = tmp_path_factory.mktemp("dense")
    suite = folder / "suite.yaml"
    suite.write_text(DENSE_SUITE, "utf-8")
    command = [sys.executable, "-m", "stressbench", "run", str(suite), "--out", str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    (directory,) = (folder / "out").iterdir()
    return read_run(directory)
