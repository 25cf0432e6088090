"""A probe of another package in one file: its capture runs in vLLM's worker beside ours.

It tells which tokens it saw there, so that a test can hold them against what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from stressbench.errors import SuiteError
from stressbench.probes.base import ProbeFinding, ProbeSetup, RunningEngine
from stressbench.probes.remote import RemoteCapture
from stressbench.probes.worker.capture import Arrays, BatchStep, Host, Plain, Unsupported
from stressbench.schema.case import Request
from stressbench.schema.results.run import Reading
from stressbench.schema.step import StepReading

if TYPE_CHECKING:
    import torch


class Witness:
    """How many tokens of a request the model was given, and whether they are its own."""

    section: ClassVar[str] = "witness"
    telemetry_pass: ClassVar[bool] = True
    capture: ClassVar[str | None] = "witness:Tokens"

    def __init__(self, setup: ProbeSetup) -> None:
        self._setup = setup
        self._prompts: dict[str, tuple[int, ...]] = {}
        self._remote: RemoteCapture | None = None

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        if params:
            raise SuiteError("the witness takes no parameters", where="params")

    async def start(self, served: RunningEngine) -> None:
        assert self.capture is not None
        self._remote = RemoteCapture(served, self.section, self.capture)
        await self._remote.start()

    def step(self, reading: StepReading) -> None:
        pass

    async def sent(self, key: str, request: Request) -> None:
        assert self._remote is not None
        self._prompts[key] = request.prompt_token_ids
        await self._remote.expect(key, {"prompt_tokens": len(request.prompt_token_ids)})

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        assert self._remote is not None
        prompt = self._prompts.pop(key)
        try:
            taken = await self._remote.collect(key, ok=ok)
        except Unsupported as reason:
            return ProbeFinding(fields=None, why_null={"": str(reason)})
        seen = dict(zip(taken["positions"].tolist(), taken["ids"].tolist(), strict=True))
        fields = {
            "tokens": len(taken["ids"]),
            "steps": int(taken["steps"]),
            "own": all(seen.get(position) == token for position, token in enumerate(prompt)),
            "in_order": sorted(seen) == list(range(len(seen))),
        }
        values = {name: int(value) for name, value in fields.items()}
        now = self._setup.clock.now_ns()
        self._setup.write(
            Reading(probe="witness", role=self._setup.role, t_ns=now, values={**values})
        )
        return ProbeFinding(fields=fields, arrays={"ids": taken["ids"]})

    async def stop(self) -> None:
        if self._remote is not None:
            await self._remote.stop()


class Tokens:
    """In the worker: what the embedding was given, by request and position."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[int, int]]] = {}
        self._steps: dict[str, int] = {}
        self._given: torch.Tensor | None = None
        self._prompt_tokens: dict[str, int] = {}

    def start(self, host: Host) -> None:
        embeddings = [
            module for name, module in host.model.named_modules() if name.endswith("embed_tokens")
        ]
        if len(embeddings) != 1:
            raise Unsupported("unsupported: the model has not one embedding of tokens")
        host.after(embeddings[0], self._embedded)

    def _embedded(self, _module: object, args: tuple[torch.Tensor, ...], _out: object) -> None:
        self._given = args[0]

    def expect(self, key: str, settings: Plain) -> None:
        self._seen[key], self._steps[key] = [], 0
        prompt_tokens = settings["prompt_tokens"]
        assert isinstance(prompt_tokens, int)
        self._prompt_tokens[key] = prompt_tokens

    def before_step(self, step: BatchStep) -> None:
        self._given = None

    def after_step(self, step: BatchStep) -> None:
        assert self._given is not None
        for rows in step.rows:
            if rows.key in self._seen:
                ids = self._given[rows.start : rows.stop].tolist()
                assert ids == step.input_ids[rows.start : rows.stop].tolist()
                self._seen[rows.key] += enumerate(ids, rows.first)
                self._steps[rows.key] += 1

    def collect(self, key: str) -> Arrays:
        import numpy as np

        seen = self._seen.pop(key)
        if len(seen) < self._prompt_tokens.pop(key):
            raise Unsupported("a part of the prompt was not run")
        positions, ids = np.array(seen, np.int32).T
        return {
            "positions": positions,
            "ids": ids,
            "steps": np.array(self._steps.pop(key), np.int32),
        }
