"""The attention probe without an engine: what it asks for, what it makes of the answers."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from stressbench.clock import Clock
from stressbench.errors import SuiteError
from stressbench.probes.attention.probe import AttentionProbe
from stressbench.probes.attention.settings import Settings, parse
from stressbench.probes.attention.summary import findings
from stressbench.probes.base import ProbeSetup
from stressbench.probes.exchange import pack, unpack
from stressbench.schema.case import Span
from stressbench.telemetry.attention import ROW_FIGURES
from tests.cases import REQUEST

LAYERS, HEADS = 2, 3


@pytest.mark.parametrize(
    ("params", "chosen"),
    [
        ({}, range(6, 70)),
        ({"queries": "all"}, range(70)),
        ({"queries": "last:2"}, (68, 69)),
        ({"queries": "stride:30"}, (9, 39, 69)),
    ],
)
def test_queries_choose_rows_of_the_prompt_and_always_its_last(params, chosen) -> None:
    settings = msgspec.structs.replace(parse(params), prompt_ids=tuple(range(70)))
    assert [p for p in range(90) if settings.wants(p)] == [*chosen]


@pytest.mark.parametrize(
    ("params", "where", "message"),
    [
        ({"querys": "all"}, "params", "did you mean 'queries'"),
        ({"queries": "last:0"}, "params.queries", "'last:0' is not all, last:N or stride:K"),
        ({"queries": "last:²"}, "params.queries", "last:N"),
        ({"queries": 64}, "params.queries", "64 is not"),
        ({"layers": []}, "params.layers", "counted from 0"),
        ({"layers": [1, 1]}, "params.layers", "different"),
        ({"layers": [-1]}, "params.layers", "counted from 0"),
        ({"layers": [True]}, "params.layers", "counted from 0"),
        ({"dtype": "bfloat16"}, "params.dtype", "float32 or float64"),
        ({"sink_tokens": 0}, "params.sink_tokens", "a whole number from 1"),
        ({"recent_tokens": 1.5}, "params.recent_tokens", "a whole number from 1"),
    ],
)
def test_a_wrong_parameter_is_named(params, where, message) -> None:
    with pytest.raises(SuiteError, match=message) as error:
        AttentionProbe.check(params)
    assert error.value.where == where


def arrays(**changes: object) -> dict[str, np.ndarray]:
    figures = np.full((len(ROW_FIGURES), LAYERS, HEADS), 0.5, np.float32)
    figures[ROW_FIGURES.index("sink_mass"), 0, 0] = 0.2
    figures[ROW_FIGURES.index("entropy_norm_nosink"), 1, 2] = 0.05
    grid = np.arange(LAYERS * HEADS, dtype=np.float32).reshape(LAYERS, HEADS)
    return {
        "layers": np.arange(LAYERS, dtype=np.int32),
        "prompt_figures": figures,
        "answer_figures": figures,
        "prompt_rows": np.array(8, np.int32),
        "answer_rows": np.array(3, np.int32),
        "prompt_received": np.zeros((3, 64), np.float32),
        "answer_received": np.zeros((3, 64), np.float32),
        "role_mass": np.stack([grid / 10, grid / 20]),
        "role_lift": np.stack([grid * 10, grid]),
        "retrieval": grid / 10,
        "fed_back": np.array(2, np.int32),
        "cached_tokens": np.array(0, np.int32),
        "row_error": np.array(1e-6, np.float32),
        "output_error": np.array(1e-6, np.float32),
        **changes,
    }


SETTINGS = Settings(
    prompt_ids=tuple(range(64)), last=8, spans={"needle": ((10, 20),), "rival": ((30, 40),)}
)


def test_a_record_holds_means_and_the_best_heads() -> None:
    found = findings(arrays(), SETTINGS)
    fields = found.fields
    assert fields is not None
    assert fields["entropy_mean"] == pytest.approx(0.5)
    assert fields["needle_mass_max"] == pytest.approx(0.5)
    assert fields["needle_lift_max"] == pytest.approx(50)
    assert fields["needle_lift_mean"] == pytest.approx(25)
    assert fields["rival_mass_mean"] == pytest.approx(0.125)
    assert fields["retrieval_score_max"] == pytest.approx(0.5)
    assert fields["retrieval_heads"] == 4
    assert fields["sink_heads"] == 5
    assert fields["collapsed_heads"] == 1
    assert (fields["heads"], fields["queries"], fields["queries_mode"]) == (6, 8, "last:8")
    assert fields["exact"] is False
    assert found.arrays["needle_lift_by_head"].shape == (LAYERS, HEADS)
    assert not found.why_null


def test_what_there_is_not_is_null_with_a_reason() -> None:
    empty = np.full((len(ROW_FIGURES), LAYERS, HEADS), np.nan, np.float32)
    changes = {"prompt_figures": empty, "fed_back": np.array(0, np.int32)}
    found = findings(arrays(**changes), SETTINGS)
    assert found.fields is not None
    for name in ("entropy_mean", "retrieval_score_max", "retrieval_heads", "collapsed_heads"):
        assert found.fields[name] is None
        assert found.why_null[name]
    bare = findings(arrays(role_mass=np.zeros((0, 2, 3))), Settings(prompt_ids=(1, 2), last=8))
    assert bare.fields is not None
    assert bare.fields["needle_lift_max"] is None
    assert bare.why_null["needle_lift_max"] == "the prompt has no needle"
    values = (v for f in (found, bare) for v in f.fields.values() if isinstance(v, float))
    assert all(map(math.isfinite, values))


class Workers:
    """An engine whose one worker answers as it is told."""

    info = None

    def __init__(self, answers: dict[str, object]) -> None:
        self.answers = answers
        self.calls: list[tuple[object, ...]] = []

    async def call_worker(self, method: str, *args: object) -> list[object]:
        self.calls.append((method, *args))
        return [self.answers.get(method)]


async def probed(answers: dict[str, object], *, ok: bool = True):
    setup = ProbeSetup(role="dense", params={}, clock=Clock(), write=lambda _: None)
    probe, workers = AttentionProbe(setup), Workers(answers)
    await probe.start(workers)
    spans = (Span(part="needle", start=3, end=9), Span(part="blob", start=5, end=5))
    await probe.sent("k", msgspec.structs.replace(REQUEST, spans=spans))
    finding = await probe.finished("k", ok=ok)
    await probe.stop()
    return finding, workers


async def test_a_request_is_registered_and_taken() -> None:
    taken = pack(arrays(role_mass=np.zeros((1, 2, 3), np.float32)))
    finding, workers = await probed({"stressbench_take": taken})
    assert finding.fields["queries"] == 8
    assert [call[0] for call in workers.calls] == [
        f"stressbench_{name}" for name in ("install", "register", "take", "remove")
    ]
    settings = msgspec.convert(workers.calls[1][3], Settings)
    assert settings.spans == {"needle": ((3, 9),)}
    assert settings.prompt_ids == REQUEST.prompt_token_ids


@pytest.mark.parametrize("method", ["install", "register"])
async def test_what_the_worker_does_not_understand_is_the_reason_of_a_null(method) -> None:
    finding, workers = await probed({f"stressbench_{method}": "unsupported: MLA"})
    assert finding.fields is None
    assert finding.why_null == {"": "unsupported: MLA"}
    assert "stressbench_take" not in [call[0] for call in workers.calls]


async def test_a_failed_request_is_forgotten_by_the_worker() -> None:
    finding, workers = await probed({"stressbench_take": pack(arrays())}, ok=False)
    assert finding.why_null == {"": "the request failed"}
    assert "stressbench_take" in [call[0] for call in workers.calls]


def test_arrays_survive_the_way_through_msgpack() -> None:
    sent = arrays()
    back = unpack(msgspec.msgpack.decode(msgspec.msgpack.encode(pack(sent))))
    assert {name: (a.dtype, a.tolist()) for name, a in back.items()} == {
        name: (a.dtype, a.tolist()) for name, a in sent.items()
    }
