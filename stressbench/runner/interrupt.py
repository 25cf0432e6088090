"""Ctrl-C: the first lets requests in flight finish, the second cancels them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn, TypeVar

from stressbench.errors import ExitCode

_T = TypeVar("_T")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818 - an outcome, not an error
    """The run was asked to end before all its requests were sent."""


@contextmanager
def leaving() -> Iterator[None]:
    """Exit with ``ExitCode.INTERRUPTED`` on Ctrl-C, SIGTERM, or SIGHUP of a terminal that closes.

    A signal that was ignored when the process began (``nohup``) stays ignored. This raises
    ``SystemExit`` and not ``KeyboardInterrupt``, because Python kills itself by SIGINT if a
    ``KeyboardInterrupt`` interrupts an import.
    """
    kept = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, was in kept.items():
        if was in {signal.SIG_DFL, signal.default_int_handler}:
            signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, was in kept.items():
            signal.signal(number, was)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(ExitCode.INTERRUPTED)


class Interrupt:
    """Counts SIGINT, SIGTERM and SIGHUP, and cancels work after as many as it tolerates."""

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._count = 0
        self._cancel_at = 1
        self._task: asyncio.Task[object] | None = None

    @property
    def wanted(self) -> bool:
        """Whether the run was asked to end."""
        return self._count > 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle these signals while the context lasts; needs a running event loop."""
        loop = asyncio.get_running_loop()
        kept = {number: signal.getsignal(number) for number in _SIGNALS}
        taken = [number for number, was in kept.items() if was is not signal.SIG_IGN]
        for number in taken:
            loop.add_signal_handler(number, self._signalled)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)
                signal.signal(number, kept[number])

    async def run(self, work: Coroutine[object, object, _T], *, patience: int) -> _T:
        """Await ``work``; cancel it at signal ``patience + 1`` and raise ``Interrupted``."""
        if self._count > patience:
            work.close()
            raise Interrupted
        task = asyncio.ensure_future(work)
        self._cancel_at, self._task = patience + 1, task
        try:
            return await task
        except asyncio.CancelledError:
            raise Interrupted from None
        finally:
            self._task = None

    def _signalled(self) -> None:
        self._count += 1
        if self._count == 1:
            self._on_first()
        if self._task is not None and self._count >= self._cancel_at:
            self._task.cancel()
