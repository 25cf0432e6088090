"""Upcycling a tiny Llama: what the sparse file holds, and that it is the same each time."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from stressbench.models.reference import upcycle
from tests.unit.models.test_llama import TINY, tiny_weights

SEQUENCES = [[1 + (i * step) % 31 for i in range(40)] for step in (1, 2, 3, 5, 7)]


def silent(phase, fraction):
    assert 0.0 <= fraction <= 1.0


def write(path):
    weights = tiny_weights()
    gates = upcycle.fit_routers(weights, TINY, SEQUENCES, silent)
    upcycle.write_sparse(path, weights, gates, silent)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_file_has_mixtral_names_and_shapes(tmp_path):
    path = tmp_path / "model.safetensors"
    write(path)
    with safe_open(path, framework="numpy") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a mapping
        types = {name: file.get_slice(name).get_dtype() for name in shapes}
    moe = "model.layers.1.block_sparse_moe"
    assert shapes[f"{moe}.gate.weight"] == (8, 16)
    assert shapes[f"{moe}.experts.7.w1.weight"] == (24, 16)
    assert shapes[f"{moe}.experts.7.w2.weight"] == (16, 24)
    assert shapes[f"{moe}.experts.7.w3.weight"] == (24, 16)
    assert not [name for name in shapes if ".mlp." in name]
    assert len(shapes) == 2 + TINY.layers * (6 + 1 + 8 * 3)
    assert {types[name] for name in shapes if ".experts." in name} == {"BF16"}
    assert {types[name] for name in shapes if ".experts." not in name} == {"F32"}


def test_an_expert_is_the_dense_mlp_with_a_little_noise():
    dense = np.random.default_rng(0).normal(size=(300, 301)).astype(np.float32)
    one, two = upcycle.perturb(dense, 1), upcycle.perturb(dense, 2)
    for copy in (one, two):
        relative = copy / dense - 1.0
        assert relative.std() == pytest.approx(upcycle.NOISE, rel=0.02)
        assert abs(relative.mean()) < upcycle.NOISE / 50
        assert np.abs(relative).max() < 2 * upcycle.NOISE
    assert abs(np.corrcoef((one - dense).ravel(), (two - dense).ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(("threads", "hash_seed"), [("1", "0"), ("2", "12345")])
def test_bytes_depend_neither_on_threads_nor_on_hash_order(tmp_path, threads, hash_seed):
    here = write(tmp_path / "here")
    code = (
        "import sys; from pathlib import Path; from tests.unit.models.test_upcycle import write;"
        "print(write(Path(sys.argv[1])))"
    )
    environment = os.environ | {
        "OPENBLAS_NUM_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "PYTHONHASHSEED": hash_seed,
    }
    there = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "there")],
        cwd=Path(__file__).parents[3],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here
