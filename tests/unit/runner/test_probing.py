"""Which passes a suite's probes ask for, and what each pass leaves to the other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

import pytest

from stressbench import catalog
from stressbench.clock import Clock
from stressbench.errors import SuiteError
from stressbench.probes.base import Finding, ProbeSetup, StepProbe
from stressbench.runner.plan import plan, planned
from stressbench.runner.probing import Probing, check_probes, passes, worker_extension
from stressbench.schema.case import Request
from stressbench.schema.suite import ModelSpec, ProbeSpec, PromptSpec, SuiteSpec
from stressbench.tokens.budget import Room
from stressbench.tokens.template import ChatTemplate
from stressbench.tokens.tokenizer import ByteTokenizer
from tests.cases import REQUEST


class Calm(StepProbe):
    """Sees steps only."""

    section: ClassVar[str] = "kv"

    def __init__(self, setup: ProbeSetup) -> None:
        self.setup = setup
        self.keys: list[str] = []

    async def sent(self, key: str, request: Request) -> None:
        self.keys.append(key)

    async def finished(self, key: str, *, ok: bool) -> Finding:
        return Finding(fields={"seen": self.keys.count(key)})


class Nosy(Calm):
    """Looks inside the model."""

    section: ClassVar[str] = "attention"
    telemetry_pass: ClassVar[bool] = True
    worker_extension: ClassVar[str | None] = "a.Worker"

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        if params.get("queries") == "none":
            raise SuiteError("queries cannot be 'none'", where="params.queries")


class Other(Nosy):
    """Wants another extension."""

    section: ClassVar[str] = "routing"
    worker_extension: ClassVar[str | None] = "b.Worker"


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"calm": Calm, "nosy": Nosy, "other": Other}
    real = catalog.load

    def load(kind: catalog.Kind, name: str) -> object:
        return known[name] if kind == "probes" else real(kind, name)

    monkeypatch.setattr(catalog, "load", load)


def suite(*probes: str | ProbeSpec, repeats: int = 1) -> SuiteSpec:
    return SuiteSpec(
        schema=1,
        name="s",
        models={"a": ModelSpec(model="a")},
        prompts=[PromptSpec(use="niah", items=2, budgets=[700])],
        probes=list(probes),
        repeats=repeats,
    )


def setup(spec: ProbeSpec) -> ProbeSetup:
    return ProbeSetup(role="a", params=spec.params, clock=Clock(), write=lambda _: None)


def test_a_probe_that_disturbs_asks_for_a_second_pass_where_the_engine_has_workers() -> None:
    assert passes(suite("calm"), workers=True) == ("quality",)
    assert passes(suite("calm", "nosy"), workers=True) == ("quality", "telemetry")
    assert passes(suite("calm", "nosy"), workers=False) == ("quality",)


def test_the_quality_pass_leaves_such_a_probe_out_and_says_why() -> None:
    spec = suite("calm", "nosy")
    quality = Probing.of(spec, "quality", setup, workers=True)
    asyncio.run(quality.sent("k", REQUEST))
    assert set(asyncio.run(quality.finished("k", ok=True))) == {"kv"}
    assert quality.absent == {"attention": "measured in the telemetry pass"}
    blind = Probing.of(spec, "quality", setup, workers=False)
    assert blind.absent == {"attention": "this engine gives no access to its workers"}


def test_the_telemetry_pass_runs_every_probe() -> None:
    probing = Probing.of(suite("calm", "nosy"), "telemetry", setup, workers=True)
    asyncio.run(probing.sent("k", REQUEST))
    findings = asyncio.run(probing.finished("k", ok=True))
    assert {name: finding.fields for name, finding in findings.items()} == {
        "kv": {"seen": 1},
        "attention": {"seen": 1},
    }


def test_two_worker_extensions_are_refused_by_name() -> None:
    assert worker_extension(suite("calm")) is None
    assert worker_extension(suite("nosy")) == "a.Worker"
    with pytest.raises(SuiteError, match="nosy and other"):
        worker_extension(suite("nosy", "other"))


def test_wrong_parameters_are_found_with_their_place() -> None:
    spec = suite("calm", ProbeSpec(use="nosy", params={"queries": "none"}))
    ((index, error),) = check_probes(spec)
    assert (index, error.where) == (1, "params.queries")
    ((_, error),) = check_probes(suite(ProbeSpec(use="calm", params={"x": 1})))
    assert "takes no parameters: x" in error.message


def test_the_telemetry_pass_sends_each_request_once_under_a_salt_of_its_own() -> None:
    spec = suite("nosy", repeats=3)
    rooms = {"a": Room(ByteTokenizer(), ChatTemplate())}
    quality = list(plan(spec, "a", rooms))
    telemetry = list(plan(spec, "a", rooms, "telemetry"))
    assert len(quality) == planned(spec) == 3 * len(telemetry)
    assert len(quality) + len(telemetry) == planned(spec, ("quality", "telemetry"))
    assert {request.pass_ for request in telemetry} == {"telemetry"}
    salts = [request.cache_salt for request in quality + telemetry]
    assert len(set(salts)) == len(salts)
    assert {r.prompt_token_ids for r in quality} == {r.prompt_token_ids for r in telemetry}
