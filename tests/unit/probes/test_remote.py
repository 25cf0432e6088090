"""A probe's end of the line: what several workers answer becomes one truth or one reason."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressbench.probes.exchange import UNSEEN, pack
from stressbench.probes.remote import ELSEWHERE, RemoteCapture
from stressbench.probes.worker.capture import Unsupported
from stressbench.schema.served import EngineInfo

SEEN = pack({"a": np.arange(3, dtype=np.int32)})


@dataclass
class Engines:
    """A data-parallel set as its client tells of it: perhaps the first one's answer alone."""

    taken: list[dict[str, object]]
    size: object = 1
    installed: list[object] = field(default_factory=lambda: [None])
    asked: list[str] = field(default_factory=list)

    @property
    def info(self) -> EngineInfo:
        told = dict.fromkeys(("dtype", "max_model_len", "kv_blocks", "block_size"))
        return EngineInfo(**told, args={"data_parallel_size": self.size})  # type: ignore[arg-type]

    async def call_worker(self, method: str, *args: object) -> list[object]:
        self.asked.append(method.removeprefix("stressbench_"))
        answers = {"stressbench_install": self.installed, "stressbench_take": self.taken}
        return list(answers.get(method, [None]))


async def collected(engines: Engines, *, ok: bool = True) -> object:
    remote = RemoteCapture(engines, "spy", "package:Spy")
    await remote.start()
    await remote.expect("k", {})
    try:
        return (await remote.collect("k", ok=ok))["a"].tolist()
    except Unsupported as reason:
        return str(reason)


@pytest.mark.parametrize(
    ("taken", "size", "ok", "told"),
    [
        ([SEEN], 1, True, [0, 1, 2]),
        ([{"why_null": UNSEEN}], 1, True, UNSEEN),
        ([{"why_null": UNSEEN}], 2, True, ELSEWHERE),
        ([{"why_null": UNSEEN}], 2, False, "the request failed"),
        ([{"why_null": UNSEEN}, SEEN], 2, True, [0, 1, 2]),
        ([{"why_null": UNSEEN}, {"why_null": "MLA"}], 2, True, "MLA"),
        ([{"why_null": UNSEEN}], "2", True, UNSEEN),
    ],
)
async def test_a_request_of_another_engine_is_null_with_that_reason(taken, size, ok, told) -> None:
    assert await collected(Engines(taken, size), ok=ok) == told


@pytest.mark.parametrize("installed", [["dense model"], [None, "dense model"]])
async def test_a_capture_that_did_not_start_is_asked_no_more(installed) -> None:
    engines = Engines([SEEN], installed=installed)
    assert await collected(engines) == "dense model"
    assert engines.asked == ["install"]


@given(st.lists(st.sampled_from([UNSEEN, "broken"]), min_size=1, max_size=4), st.integers(1, 4))
async def test_there_is_a_reason_whenever_there_are_no_arrays(reasons, size) -> None:
    told = await collected(Engines([{"why_null": each} for each in reasons], size))
    assert isinstance(told, str)
    assert told == ("broken" if "broken" in reasons else ELSEWHERE if size > 1 else UNSEEN)
