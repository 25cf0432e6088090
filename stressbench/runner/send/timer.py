"""Waking up on time. Event loops round to whole milliseconds; a Linux timer is more exact."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import TracebackType
from typing import Final, Self

from stressbench.clock import Clock
from stressbench.runner.send.virtual_time import VirtualTimeLoop

_CLOCK_MONOTONIC: Final = 1
_TFD_TIMER_ABSTIME: Final = 1
_NS_PER_S: Final = 1_000_000_000
_NAP_NS: Final = 250_000_000
"""A sleeper wakes up at least this often to see whether the run is ending."""


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class Timer:
    """Sleeps until a time on a run's clock; one sleeper at a time.

    On Linux it uses a kernel timer (``timerfd``), which wakes within some tens of
    microseconds; ``asyncio.sleep`` takes up to a millisecond longer. Elsewhere, and in
    virtual time, it uses ``asyncio.sleep``.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._fd = -1 if isinstance(self._loop, VirtualTimeLoop) else _timer()
        self._waiting: asyncio.Future[None] | None = None
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._rang)

    async def until(self, time_ns: int, unless: Callable[[], bool]) -> None:
        """Sleep until ``time_ns``, or until ``unless`` is true, which is checked now and then."""
        while (left_ns := time_ns - self._clock.now_ns()) > 0 and not unless():
            if isinstance(self._loop, VirtualTimeLoop):
                await asyncio.sleep(left_ns / _NS_PER_S)
            elif self._fd < 0:
                await asyncio.sleep(min(left_ns, _NAP_NS) / _NS_PER_S)
            else:
                await self._wake_at(time_ns - max(0, left_ns - _NAP_NS))

    async def _wake_at(self, time_ns: int) -> None:
        at_ns = time_ns + self._clock.origin_ns
        value = _Itimerspec(_Timespec(0, 0), _Timespec(*divmod(at_ns, _NS_PER_S)))
        self._waiting = self._loop.create_future()
        _libc().timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(value), None)
        await self._waiting

    def _rang(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._fd, 8)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _timer() -> int:
    """The descriptor of a non-blocking timer; -1 if the system has none."""
    create = getattr(_libc(), "timerfd_create", None)
    return create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC) if create else -1
