"""Which experts a sparse model's router chose: load, balance, churn, confidence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Final

from stressbench.errors import SuiteError
from stressbench.probes.base import ProbeFinding, ProbeSetup, RunningEngine
from stressbench.probes.exchange import Unsupported
from stressbench.probes.remote import RemoteCapture
from stressbench.probes.routing.request_routing import of_arrays, of_engine
from stressbench.probes.routing.summary import finding
from stressbench.schema.case import Request
from stressbench.schema.step import StepReading
from stressbench.telemetry.routing import Ids

_PARAMETERS: Final = {"keep_ids"}


class RoutingProbe:
    """Every expert choice of every MoE layer, reduced to figures per request.

    With the parameter ``keep_ids: true`` the arrays also have the choices themselves, for
    ``stressbench thrash``: 4 k + 4 bytes per token and layer before compression. A dense model
    has no routing: its section is null with the reason "dense model".
    """

    section: ClassVar[str] = "routing"
    telemetry_pass: ClassVar[bool] = True
    capture: ClassVar[str | None] = "stressbench.probes.routing.worker.capture:RoutingCapture"

    def __init__(self, setup: ProbeSetup) -> None:
        self._keep_ids = bool(setup.params.get("keep_ids", False))
        self._served: RunningEngine | None = None
        self._remote: RemoteCapture | None = None
        self._prompts: dict[str, tuple[int, ...]] = {}
        self._returned: dict[str, Ids] = {}

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        """Refuse unknown parameters."""
        for name in params:
            if name not in _PARAMETERS:
                raise SuiteError(
                    f"the routing probe has no parameter {name!r}",
                    where=f"params.{name}",
                    hint="its parameter is keep_ids: true or false",
                )
        if not isinstance(params.get("keep_ids", False), bool):
            raise SuiteError("keep_ids must be true or false", where="params.keep_ids")

    async def start(self, served: RunningEngine) -> None:
        assert self.capture is not None
        self._served = served
        self._remote = RemoteCapture(served, self.section, self.capture)
        await self._remote.start()

    def step(self, reading: StepReading) -> None:
        """Do nothing: the capture sees the steps in the worker."""

    async def sent(self, key: str, request: Request) -> None:
        self._prompts[key] = request.prompt_token_ids
        assert self._remote is not None
        await self._remote.expect(key, {})

    def returned(self, key: str, routed_experts: Ids) -> None:
        """Take the experts that the engine returned: used if the worker cannot capture them."""
        self._returned[key] = routed_experts

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        assert self._served is not None
        assert self._remote is not None
        prompt, returned = self._prompts.pop(key), self._returned.pop(key, None)
        experts = self._served.info.experts
        if self._remote.fault is not None and returned is not None and experts is not None:
            routed = of_engine(returned, experts)
        else:
            try:
                routed = of_arrays(await self._remote.collect(key, ok=ok))
            except Unsupported as reason:
                return ProbeFinding(fields=None, why_null={"": str(reason)})
        return await asyncio.to_thread(finding, routed, prompt, keep_ids=self._keep_ids)

    async def stop(self) -> None:
        if self._remote is not None:
            await self._remote.stop()


PLUGIN = RoutingProbe
