"""Routing figures against hand-made routings and what is known of them in closed form."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.telemetry import routing

MODELS = {"mixtral": (8, 2), "olmoe": (64, 8), "qwen3-30b": (128, 8)}
EXTREMES = {
    "mixtral": (4, 1.73, 0.333, 0.75),
    "olmoe": (8, 2.65, 0.500, 0.875),
    "qwen3-30b": (16, 3.87, 0.429, 0.9375),
}
NOISE = {
    "mixtral": (0.31, 0.15, 0.05),
    "olmoe": (0.47, 0.23, 0.08),
    "qwen3-30b": (0.69, 0.34, 0.12),
}


def uniform(tokens, layers, experts, k, seed=0):
    rng = np.random.default_rng(seed)
    order = rng.random((tokens, layers, experts)).argsort(axis=2)
    return order[:, :, :k].astype(np.int16)


def everything(ids, experts, positions=None):
    """Every figure of a routing by name, as arrays."""
    valid = routing.valid_rows(ids, experts)
    counts = routing.load(ids, valid, experts)
    positions = np.arange(len(ids)) if positions is None else positions
    return {
        "imbalance": routing.imbalance(counts),
        "variation": routing.variation(counts),
        "variation_excess": routing.variation_excess(counts, ids.shape[2]),
        "entropy": routing.entropy_norm(counts),
        "gini": routing.gini(counts),
        "churn": np.nanmean(routing.churn(ids, valid, positions), axis=0),
        "coactivation": np.sort(
            np.nan_to_num(routing.coactivation(ids, valid, experts)).reshape(ids.shape[1], -1)
        ),
        "placed": routing.placed_imbalance(counts, 4),
    }


@pytest.mark.parametrize("model", MODELS)
def test_tokens_that_all_go_the_same_way_reach_the_extremes(model):
    experts, k = MODELS[model]
    ids = np.tile(np.arange(k, dtype=np.int16), (50, 3, 1))
    counts = routing.load(ids, routing.valid_rows(ids, experts), experts)
    worst, variation, entropy, gini = EXTREMES[model]
    assert routing.imbalance(counts) == pytest.approx([worst] * 3)
    assert routing.variation(counts) == pytest.approx([variation] * 3, abs=0.005)
    assert routing.entropy_norm(counts) == pytest.approx([entropy] * 3, abs=0.0005)
    assert routing.least_entropy_norm(experts, k) == pytest.approx(routing.entropy_norm(counts)[0])
    assert routing.gini(counts) == pytest.approx([gini] * 3)


@pytest.mark.parametrize("model", MODELS)
def test_even_load_is_even(model):
    experts, k = MODELS[model]
    token = np.arange(experts)[:, None] + np.arange(k)[None, :]
    ids = (token % experts).astype(np.int16)[:, None, :]
    counts = routing.load(ids, routing.valid_rows(ids, experts), experts)
    assert (counts == k).all()
    assert routing.imbalance(counts) == routing.entropy_norm(counts) == pytest.approx([1.0])
    assert routing.variation(counts) == routing.gini(counts) == pytest.approx([0.0])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [0, 1, 2])
def test_uniform_routing_varies_as_chance_says_and_no_more(model, size):
    experts, k = MODELS[model]
    tokens = (32, 128, 1024)[size]
    ids = uniform(tokens, 200, experts, k)  # each layer is a draw
    counts = routing.load(ids, routing.valid_rows(ids, experts), experts)
    squares = routing.variation(counts) ** 2
    assert math.sqrt(squares.mean()) == pytest.approx(NOISE[model][size], abs=0.012)
    excess = squares - (1 - k / experts) * experts / (tokens * k)
    assert abs(excess.mean()) < 4 * excess.std() / math.sqrt(200)


def test_rows_that_no_router_can_choose_are_not_valid():
    ids = np.array(
        [[[0, 1]], [[0, 0]], [[3, 3]], [[7, 8]], [[-1, 2]], [[7, 0]]], np.int16
    )  # fine, never filled, repeated, too high, negative, fine
    valid = routing.valid_rows(ids, 8)
    assert valid[:, 0].tolist() == [True, False, False, False, False, True]
    assert routing.load(ids, valid, 8).tolist() == [[2, 1, 0, 0, 0, 0, 0, 1]]
    assert routing.valid_rows(np.zeros((2, 1, 1), np.int16), 8).all()  # k = 1: cannot be told


def test_nothing_counted_is_no_figure():
    ids = np.zeros((3, 2, 2), np.int16)
    valid = routing.valid_rows(ids, 4)
    counts = routing.load(ids, valid, 4)
    for figure in (
        routing.imbalance(counts),
        routing.variation(counts),
        routing.variation_excess(counts, 2),
        routing.entropy_norm(counts),
        routing.gini(counts),
        routing.placed_imbalance(counts, 2),
        routing.churn(ids, valid, np.arange(3)),
        routing.coactivation(ids, valid, 4),
    ):
        assert np.isnan(figure).all()
        assert routing.mean(figure) is None


def test_churn_looks_at_neighbours_only():
    ids = np.array([[[0, 1]], [[1, 0]], [[1, 2]], [[5, 6]], [[5, 6]]], np.int16)
    valid = routing.valid_rows(ids, 8)
    together = routing.churn(ids, valid, np.arange(5))[:, 0]
    np.testing.assert_equal(together, [np.nan, 0.0, 0.5, 1.0, 0.0])
    apart = routing.churn(ids, valid, np.array([0, 1, 7, 8, 9]))[:, 0]
    np.testing.assert_equal(apart, [np.nan, 0.0, np.nan, 1.0, 0.0])


def test_random_routing_churns_by_one_minus_k_over_e():
    ids = uniform(400, 40, 64, 8)
    churn = routing.churn(ids, routing.valid_rows(ids, 64), np.arange(400))
    assert routing.mean(churn) == pytest.approx(1 - 8 / 64, abs=0.003)


def test_coactivation_counts_all_pairs_and_sums_to_k_minus_one():
    ids = uniform(500, 2, 16, 8)
    together = routing.coactivation(ids, routing.valid_rows(ids, 16), 16)
    assert together.sum(axis=2) == pytest.approx(np.full((2, 16), 7.0))
    assert (np.diagonal(together, axis1=1, axis2=2) == 0).all()
    fixed = np.tile(np.array([3, 5, 1], np.int16), (4, 1, 1))
    pairs = routing.coactivation(fixed, routing.valid_rows(fixed, 6), 6)[0]
    assert pairs[3, 1] == pairs[1, 3] == pairs[5, 3] == 1.0
    assert np.isnan(pairs[0]).all()


def test_placement_puts_neighbours_together():
    counts = np.array([[4, 4, 0, 0, 2, 2, 0, 0]])
    assert routing.placed_imbalance(counts, 2)[0] == pytest.approx(8 / 6)
    assert routing.placed_imbalance(counts, 4)[0] == pytest.approx(8 / 3)
    assert routing.placed_imbalance(counts, 8)[0] == pytest.approx(4 / 1.5)
    assert np.isnan(routing.placed_imbalance(counts, 16)).all()
    assert routing.placed_imbalance(np.ones((1, 5), np.int64), 2)[0] == pytest.approx(3 / 2.5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(8, 2), (16, 4)]))
def test_the_names_of_experts_matter_to_placement_alone(seed, shape):
    experts, k = shape
    ids = uniform(24, 3, experts, k, seed)
    names = np.random.default_rng(seed + 1).permutation(experts).astype(np.int16)
    one, other = everything(ids, experts), everything(names[ids], experts)
    for name in one.keys() - {"placed"}:
        np.testing.assert_allclose(one[name], other[name], err_msg=name)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_tokens_matters_to_churn_alone(seed):
    ids = uniform(24, 3, 8, 2, seed)
    order = np.random.default_rng(seed + 1).permutation(24)
    one, other = everything(ids, 8), everything(ids[order], 8)
    for name in one.keys() - {"churn"}:
        np.testing.assert_allclose(one[name], other[name], err_msg=name)


def test_both_permutations_do_change_what_they_may_change():
    ids = np.repeat(np.arange(8, dtype=np.int16), 4)[:, None, None] + np.array([0, 8], np.int16)
    ids[:16] = [0, 1]
    names = np.arange(15, -1, -1, dtype=np.int16).reshape(4, 4).T.ravel()
    assert everything(ids, 16)["placed"] != everything(names[ids], 16)["placed"]
    order = np.arange(32).reshape(4, 8).T.ravel()
    assert everything(ids, 16)["churn"] != everything(ids[order], 16)["churn"]
