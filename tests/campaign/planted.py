"""An engine with workers and a probe that needs them, for runs with a telemetry pass.

Everything that a record says of them follows from the request alone, so a run that was cut
and gone on with can be held against one that was not.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import ClassVar

import numpy as np

from stressbench.engines.base import Completion, EngineTraits
from stressbench.engines.simulated.engine import SimulatedEngine
from stressbench.errors import RequestError
from stressbench.probes.base import ProbeFinding, ProbeSetup, StepProbe
from stressbench.schema.case import Request


def mark(key: str) -> int:
    """A number that stands for a request."""
    return zlib.crc32(key.encode())


class PlantedEngine(SimulatedEngine):
    """The simulated engine with workers; one request in eleven fails, always the same ones."""

    traits: ClassVar[EngineTraits] = replace(SimulatedEngine.traits, workers=True)

    async def complete(self, request: Request, request_id: str) -> Completion:
        if mark(request_id) % 11 == 0:
            raise RequestError("failed, as it always does")
        return await super().complete(request, request_id)

    async def call_worker(self, method: str, *args: object) -> list[object]:
        del method, args
        return [None]


class PlantedProbe(StepProbe):
    """Says of each request what its key hashes to, in a field and in an array."""

    section: ClassVar[str] = "planted"
    telemetry_pass: ClassVar[bool] = True

    def __init__(self, setup: ProbeSetup) -> None:
        del setup

    async def sent(self, key: str, request: Request) -> None:
        del key, request

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        if not ok:
            return ProbeFinding(fields=None, why_null={"": "the request failed"})
        figure = np.full((3, 5), mark(key) % 1000, np.int32)
        return ProbeFinding(fields={"mark": mark(key)}, arrays={"figures": figure})
