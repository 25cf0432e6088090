"""The router fit on planted content: balance, direction, and the same bytes every time."""

import random

import numpy as np
import pytest

from stressbench.models.reference.router import fit_router, load, mean_entropy, round_to_bfloat16

EXPERTS, TOP_K, WIDTH = 4, 2, 24


def clustered(sizes, seed=0, mean=5.0):
    """Tokens around random directions, all sharing one large mean."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(len(sizes), WIDTH))
    common = mean * generator.normal(size=WIDTH)
    return common + np.concatenate(
        [
            centre + 0.3 * generator.normal(size=(size, WIDTH))
            for centre, size in zip(centres, sizes, strict=True)
        ]
    )


@pytest.mark.parametrize("sizes", [[200] * 8, [700, 300, 200, 100, 100, 80, 60, 60]])
def test_load_is_balanced_though_the_content_is_not(sizes):
    inputs = clustered(sizes)
    gate = fit_router(inputs, EXPERTS, TOP_K, random.Random(1))
    share = load(inputs @ gate.T, TOP_K)
    assert share.sum() == pytest.approx(1.0)
    assert share.max() * EXPERTS <= 1.5


def test_the_common_mean_has_no_say():
    inputs = clustered([200] * 8)
    gate = fit_router(inputs, EXPERTS, TOP_K, random.Random(1))
    mean = inputs.mean(axis=0)
    alignment = np.abs(gate @ mean) / np.linalg.norm(gate, axis=1) / np.linalg.norm(mean)
    assert alignment.max() < 2**-7  # what rounding to 8 bits leaves


def test_different_content_goes_to_different_experts():
    inputs = clustered([300] * 4)
    gate = fit_router(inputs, EXPERTS, TOP_K, random.Random(1))
    first, second = (load(part @ gate.T, TOP_K) for part in (inputs[:300], inputs[300:600]))
    assert np.abs(first - second).sum() / 2 > 0.3


def test_the_softmax_is_neither_flat_nor_one_hot():
    inputs = clustered([200] * 8)
    gate = fit_router(inputs, EXPERTS, TOP_K, random.Random(1))
    assert 0.6 < mean_entropy(inputs @ gate.T) < 0.8


def test_bytes_survive_another_summation_order():
    inputs = clustered([200] * 8)
    noise = 1.0 + 1e-13 * np.random.default_rng(3).normal(size=inputs.shape)
    one = fit_router(inputs, EXPERTS, TOP_K, random.Random(1))
    two = fit_router(inputs * noise, EXPERTS, TOP_K, random.Random(1))
    assert one.tobytes() == two.tobytes()


def test_weights_are_exact_in_bfloat16():
    gate = fit_router(clustered([100] * 8), EXPERTS, TOP_K, random.Random(1))
    assert (gate.astype(np.float32).view(np.uint32) & 0xFFFF == 0).all()
    np.testing.assert_array_equal(round_to_bfloat16(gate), gate)
