"""Signals: one is borne, two are not."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from stressbench.runner.interrupt import Interrupt, Interrupted


async def until(event: asyncio.Event) -> str:
    await event.wait()
    return "done"


def signal_me() -> None:
    os.kill(os.getpid(), signal.SIGINT)


class Heard:
    """An interrupt, and the moment at which its first signal has arrived."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.interrupt = Interrupt(self.arrived.set)

    async def signal(self) -> None:
        signal_me()
        await self.arrived.wait()


async def test_without_a_signal_work_is_done() -> None:
    interrupt = Interrupt(lambda: None)
    event = asyncio.Event()
    event.set()
    with interrupt.listening():
        assert await interrupt.run(until(event), patience=0) == "done"
    assert not interrupt.wanted


async def test_the_first_signal_cancels_impatient_work() -> None:
    interrupt = Interrupt(lambda: None)
    with interrupt.listening():
        asyncio.get_running_loop().call_soon(signal_me)
        with pytest.raises(Interrupted):
            await interrupt.run(until(asyncio.Event()), patience=0)


async def test_patient_work_bears_one_signal_and_not_two() -> None:
    heard = Heard()

    async def twice() -> None:
        await heard.signal()
        signal_me()

    with heard.interrupt.listening():
        task = asyncio.create_task(twice())
        with pytest.raises(Interrupted):
            await heard.interrupt.run(until(asyncio.Event()), patience=1)
        await task


async def test_patient_work_may_still_finish() -> None:
    heard = Heard()
    event = asyncio.Event()

    async def once() -> None:
        await heard.signal()
        event.set()

    with heard.interrupt.listening():
        task = asyncio.create_task(once())
        assert await heard.interrupt.run(until(event), patience=1) == "done"
        await task
    assert heard.interrupt.wanted


async def test_work_that_comes_too_late_is_not_begun() -> None:
    heard = Heard()
    with heard.interrupt.listening():
        await heard.signal()
        with pytest.raises(Interrupted):
            await heard.interrupt.run(until(asyncio.Event()), patience=0)
