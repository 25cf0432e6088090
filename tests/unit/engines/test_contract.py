"""What every engine promises, whichever it is."""

from __future__ import annotations

import dataclasses
import inspect
from typing import cast

import pytest

from stressbench import catalog
from stressbench.engines.base import ColdEngine, Engine, EngineTraits, PolledEngine, WorkerEngine
from stressbench.errors import SuiteError

NAMES = catalog.names("engines")
CAN_START = {"openai": {"base_url": "http://127.0.0.1:1/v1"}}
"""The least that ``engine.args`` must hold."""


def kind_of(name: str) -> type[Engine]:
    return cast("type[Engine]", catalog.load("engines", name))


def methods(protocol: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(protocol, inspect.isfunction) if name[0] != "_"}


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_and_has_the_methods_of_an_engine(name: str) -> None:
    assert catalog.summary("engines", name)
    assert isinstance(kind_of(name).traits, EngineTraits)
    assert methods(Engine) <= methods(kind_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_its_traits_are_kept_by_its_methods(name: str) -> None:
    traits, found = kind_of(name).traits, methods(kind_of(name))
    for kept, protocol in (
        (traits.workers, WorkerEngine),
        (traits.polled, PolledEngine),
        (traits.cold, ColdEngine),
    ):
        own = methods(protocol) - methods(Engine)
        assert own <= found if kept else not own & found


@pytest.mark.parametrize("name", NAMES)
def test_its_traits_do_not_contradict_each_other(name: str) -> None:
    traits = kind_of(name).traits
    if traits.simulated or traits.remote:
        assert not traits.weights
        assert not traits.workers
    assert not (traits.simulated and traits.remote)


@pytest.mark.parametrize("name", NAMES)
def test_the_least_arguments_are_enough_and_mistakes_are_the_suites(name: str) -> None:
    kind = kind_of(name)
    kind.check({}, CAN_START.get(name, {}))
    if kind.traits.weights:
        return  # vLLM judges its arguments when it starts
    with pytest.raises(SuiteError):
        kind.check(CAN_START.get(name, {}), {"no such argument": 1})


def test_an_engine_has_no_trait_that_it_does_not_claim() -> None:
    assert not any(dataclasses.asdict(EngineTraits()).values())
