"""Requests are built before the first one is due, within bounds."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from stressbench.runner.send.traffic import PREFETCHED_TOKENS, prefetched
from stressbench.schema.case import Request
from tests.cases import REQUEST


def building(n: int, built: list[int], tokens: int = 64) -> Iterator[Request]:
    ids = tuple(range(tokens))
    for index in range(n):
        built.append(index)
        yield replace(REQUEST, repeat=index, prompt_token_ids=ids)


async def test_a_short_suite_is_built_whole_and_keeps_its_order() -> None:
    built: list[int] = []
    ready = await prefetched(building(200, built), lambda: False)
    assert len(built) == 200
    assert [request.repeat for request in ready] == list(range(200))


async def test_a_long_one_is_built_as_far_as_memory_allows() -> None:
    built: list[int] = []
    tokens = PREFETCHED_TOKENS // 4
    ready = await prefetched(building(10, built, tokens), lambda: False)
    assert len(built) == 4
    assert [request.repeat for request in ready] == list(range(10))


async def test_a_signal_ends_the_building() -> None:
    built: list[int] = []
    await prefetched(building(200, built), lambda: len(built) == 5)
    assert len(built) == 5
