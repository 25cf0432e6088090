"""The routing probe: one request's choices as a record's section, and what it refuses."""

import math

import numpy as np
import pytest

from stressbench.errors import SuiteError
from stressbench.probes.base import ProbeSetup
from stressbench.probes.exchange import pack, unpack
from stressbench.probes.routing import request_routing as rows
from stressbench.probes.routing.probe import RoutingProbe
from stressbench.probes.routing.summary import finding
from stressbench.schema.served import EngineInfo

EXPERTS, LAYERS, PROMPT = 8, 3, range(6)


def routed(tokens=10, **changes):
    """Six prompt tokens in one step, then a step for each generated one."""
    rng = np.random.default_rng(3)
    ids = rng.random((tokens, LAYERS, EXPERTS)).argsort(axis=2)[:, :, :2].astype(np.int16)
    steps = np.concatenate([np.zeros(min(tokens, 6), int), np.arange(1, tokens - 6 + 1)])
    made = {
        "experts": EXPERTS,
        "ids": ids,
        "positions": np.arange(tokens),
        "step": steps,
        "distinct": np.full((steps.max() + 1, LAYERS), 5)
        + (np.arange(steps.max() + 1) == 0)[:, None],
        "scores": np.full((tokens, LAYERS, 3), 0.5, np.float16),
    }
    return rows.RequestRouting(**(made | changes))


def test_phases_and_the_whole_are_told_apart():
    fields = finding(routed(), PROMPT).fields
    assert (fields["tokens"], fields["prefill_tokens"], fields["decode_tokens"]) == (10, 6, 4)
    assert fields["prefill_distinct_experts_mean"] == 6
    assert fields["decode_distinct_experts_mean"] == 5
    assert fields["distinct_experts_mean"] == pytest.approx((6 + 4 * 5) / 5)
    assert fields["confidence_mean"] == 0.5
    assert fields["valid_frac"] == 1.0
    assert (fields["experts"], fields["top_k"], fields["layers"]) == (8, 2, 3)
    assert 1 <= fields["imbalance_mean"] <= fields["imbalance_max"] <= EXPERTS / 2
    assert fields["entropy_norm_least"] == pytest.approx(1 / 3)
    assert fields["entropy_norm_least"] <= fields["entropy_norm_mean"] <= 1
    assert fields["ep_sim_2_mean"] <= fields["ep_sim_8_mean"] == fields["imbalance_mean"]
    assert "simulated" in fields["ep_sim_placement"]


def test_the_arrays_add_up():
    found = finding(routed(), PROMPT)
    load = found.arrays["load_by_expert"]
    assert load.sum(axis=1).tolist() == [20] * LAYERS
    parts = (found.arrays[f"load_by_expert_{phase}"] for phase in ("prefill", "decode"))
    assert (sum(parts) == load).all()
    assert found.arrays["coactivation"].shape == (LAYERS, EXPERTS, EXPERTS)
    assert "ids" not in found.arrays
    kept = finding(routed(), PROMPT, keep_ids=True).arrays
    assert (kept["ids"] == routed().ids).all()
    assert kept["positions"].tolist() == list(range(10))
    assert kept["prompt_ids"].tolist() == list(PROMPT)
    assert (kept["margins"] == 0.5).all()


def test_rows_that_cannot_be_are_counted_and_left_out():
    whole = routed()
    ids = whole.ids.copy()
    ids[2:4] = 0  # a capture that nobody filled
    found = finding(routed(ids=ids), PROMPT)
    assert found.fields["valid_frac"] == pytest.approx(0.8)
    assert found.fields["tokens"] == 10
    assert found.arrays["load_by_expert"].sum(axis=1).tolist() == [16] * LAYERS


def test_what_is_missing_is_null_with_its_reason():
    short = finding(routed(tokens=1), PROMPT)
    assert short.fields["decode_tokens"] == 0
    assert short.fields["decode_imbalance_mean"] is None
    assert short.why_null["decode_imbalance_mean"] == "no token of this phase was run"
    assert short.why_null["churn_mean"] == "no two neighbouring tokens were run"
    blank = finding(routed(ids=np.zeros((10, LAYERS, 2), np.int16)), PROMPT)
    assert blank.fields["valid_frac"] == 0
    assert blank.fields["imbalance_mean"] is None
    assert blank.why_null["imbalance_mean"] == "no row of this phase has k distinct experts"
    odd = finding(routed(scores=np.full((10, LAYERS, 3), np.nan, np.float16)), PROMPT)
    assert odd.why_null["confidence_mean"] == "the router's scoring function is not understood"
    few = routed(experts=4, ids=routed().ids % 4 // 2 * 2 + np.array([0, 1], np.int16))
    assert finding(few, PROMPT).why_null["ep_sim_8_mean"] == "more ranks than experts"


@pytest.mark.parametrize("tokens", [1, 7, 10])
def test_every_null_has_a_reason_and_no_number_is_odd(tokens):
    found = finding(routed(tokens=tokens), PROMPT)
    nulls = {name for name, value in found.fields.items() if value is None}
    assert nulls == set(found.why_null)
    for value in found.fields.values():
        assert not isinstance(value, float) or math.isfinite(value)
        assert not isinstance(value, np.generic)


def test_a_token_that_ran_twice_counts_once_as_it_ran_last():
    whole = routed()
    positions = np.array([0, 1, 2, 3, 4, 5, 3, 4, 5, 6])  # preempted, then from 3 again
    ordered = routed(positions=positions).in_order()
    assert ordered.positions.tolist() == list(range(7))
    assert (ordered.ids[3] == whole.ids[6]).all()
    assert (ordered.ids[0] == whole.ids[0]).all()


def test_a_routing_survives_the_way_out_of_the_worker():
    whole = routed()
    back = rows.of_arrays(unpack(pack(whole.arrays())))
    for name in ("experts", "ids", "positions", "step", "distinct", "scores"):
        np.testing.assert_array_equal(getattr(back, name), getattr(whole, name))


class Worker:
    """A worker extension that answers from a list, and remembers what it was asked."""

    def __init__(self, experts=None, **answers):
        told = dict.fromkeys(("dtype", "max_model_len", "kv_blocks", "block_size"))
        self.info = EngineInfo(**told, args={}, experts=experts)
        self.answers = answers
        self.asked = []

    async def call_worker(self, method, *args):
        self.asked.append((method, *args))
        return [self.answers.get(method.removeprefix("stressbench_"))]


class Asked:
    prompt_token_ids = tuple(PROMPT)


def probe(**params):
    return RoutingProbe(ProbeSetup(role="sparse", params=params, clock=None, write=None))


async def test_a_request_is_registered_taken_and_told():
    worker = Worker(take=pack(routed().arrays()))
    watching = probe()
    await watching.start(worker)
    await watching.sent("a", Asked())
    found = await watching.finished("a", ok=True)
    await watching.stop()
    assert found.fields == finding(routed(), PROMPT).fields
    assert [each[0].removeprefix("stressbench_") for each in worker.asked] == [
        "install",
        "register",
        "take",
        "remove",
    ]


async def test_a_dense_model_is_null_and_is_not_asked_again():
    worker = Worker(install="dense model")
    watching = probe()
    await watching.start(worker)
    await watching.sent("a", Asked())
    found = await watching.finished("a", ok=True)
    assert found.fields is None
    assert found.why_null == {"": "dense model"}
    assert len(worker.asked) == 1


async def test_a_capture_that_ended_says_why():
    watching = probe(keep_ids=True)
    await watching.start(Worker(take={"why_null": "the capture failed: OSError: no"}))
    await watching.sent("a", Asked())
    found = await watching.finished("a", ok=False)
    assert found.fields is None
    assert found.why_null[""] == "the capture failed: OSError: no"


@pytest.mark.parametrize("params", [{"keep": True}, {"keep_ids": "yes"}])
def test_unknown_or_odd_parameters_are_refused(params):
    with pytest.raises(SuiteError):
        RoutingProbe.check(params)


def returned(tokens=9):
    """As vLLM's ``CompletionOutput.routed_experts``: every hidden layer, the dense one zero."""
    ids = np.zeros((tokens, LAYERS + 1, 2), np.uint8)
    ids[:, 1:] = routed(tokens=tokens).ids
    return ids


async def test_what_the_engine_returns_stands_in_where_the_worker_cannot_tell():
    watching = probe()
    await watching.start(Worker(experts=EXPERTS, install="unsupported: model runner V2"))
    await watching.sent("a", Asked())
    watching.returned("a", returned())
    found = await watching.finished("a", ok=True)
    ours = finding(routed(tokens=9), PROMPT)
    for name in ("layers", "tokens", "imbalance_mean", "churn_mean", "decode_imbalance_mean"):
        assert found.fields[name] == ours.fields[name]
    assert (found.arrays["load_by_expert"] == ours.arrays["load_by_expert"]).all()
    assert found.fields["confidence_mean"] is None
    assert "without their logits" in found.why_null["confidence_mean"]
    assert "shared a step" in found.why_null["distinct_experts_mean"]
    assert {n for n, v in found.fields.items() if v is None} == set(found.why_null)


async def test_what_the_engine_returns_is_not_needed_where_the_worker_tells():
    watching = probe()
    await watching.start(Worker(experts=EXPERTS, take=pack(routed().arrays())))
    await watching.sent("a", Asked())
    watching.returned("a", returned())
    found = await watching.finished("a", ok=True)
    assert found.fields["confidence_mean"] == 0.5
