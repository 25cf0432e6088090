"""Timers wake at their time: never before it, in real time and in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from stressbench.runner.send.timer import Timer
from stressbench.runner.send.virtual_time import clock_of, in_its_time

MS = 1_000_000


def never() -> bool:
    return False


@pytest.mark.parametrize("virtual", [True, False])
def test_nobody_is_woken_early(*, virtual: bool) -> None:
    async def wake() -> list[int]:
        clock = clock_of(asyncio.get_running_loop())
        early = []
        with Timer(clock) as timer:
            for _ in range(5):
                due_ns = clock.now_ns() + 2 * MS
                await timer.until(due_ns, never)
                early.append(due_ns - clock.now_ns())
        return early

    early = in_its_time(wake(), virtual=virtual)
    assert max(early) <= 0


@pytest.mark.parametrize("virtual", [True, False])
def test_a_time_that_has_passed_is_not_waited_for(*, virtual: bool) -> None:
    async def wake() -> None:
        clock = clock_of(asyncio.get_running_loop())
        with Timer(clock) as timer:
            await timer.until(clock.now_ns() - 5 * MS, never)

    in_its_time(wake(), virtual=virtual)


def test_a_sleeper_that_is_cancelled_leaves_a_working_timer() -> None:
    async def wake() -> bool:
        clock = clock_of(asyncio.get_running_loop())
        with Timer(clock) as timer:
            sleeper = asyncio.create_task(timer.until(clock.now_ns() + 10**12, never))
            await asyncio.sleep(0)
            sleeper.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sleeper
            await timer.until(clock.now_ns() + MS, never)
        return True

    assert in_its_time(wake(), virtual=False)


def test_virtual_time_passes_at_once() -> None:
    async def wake() -> int:
        clock = clock_of(asyncio.get_running_loop())
        with Timer(clock) as timer:
            await timer.until(10**7 * 1000 * MS, never)
        return clock.now_ns()

    assert in_its_time(wake(), virtual=True) == 10**7 * 1000 * MS


def test_a_sleeper_is_asked_whether_to_go_on() -> None:
    async def wake() -> int:
        clock = clock_of(asyncio.get_running_loop())
        asked = iter([False, True])
        with Timer(clock) as timer:
            await timer.until(clock.now_ns() + 10**12, lambda: next(asked))
        return clock.now_ns()

    assert in_its_time(wake(), virtual=False) < 10**12
