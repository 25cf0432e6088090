"""Server-sent events, as far as a stream of completions uses them."""

from __future__ import annotations

from typing import Final

from stressbench.errors import RequestError

_MAX_EVENT_BYTES: Final = 4 << 20
"""Far more than an event of a completion has; a server that sends more is broken or hostile."""


class EventStream:
    """Cuts a byte stream into the ``data`` of its events (WHATWG HTML, section 9.2.6).

    Only the field ``data`` matters here: ``event``, ``id``, ``retry`` and comments
    (``: ping``) are skipped. Each byte is looked at once.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._held_bytes = 0
        self._held_return = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that ``chunk`` completes. Raises ``RequestError`` for an event without end."""
        if b"\r" in chunk or self._held_return:
            chunk = self._with_newlines(chunk)
        first, *others = chunk.split(b"\n")
        self._held_bytes += len(chunk)
        if not others:
            self._rest += first
            self._check()
            return []
        lines = [self._rest + first, *others]
        self._rest = lines.pop()
        events: list[bytes] = []
        ended = False
        for line in lines:
            if not line:
                ended = True
                self._end(events)
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        if ended:
            self._held_bytes = len(self._rest)
        self._check()
        return events

    def _with_newlines(self, chunk: bytes) -> bytes:
        """``chunk`` with newlines as its only line ends. A return at its end may be half of one."""
        if self._held_return:
            chunk = b"\r" + chunk
        self._held_return = chunk.endswith(b"\r")
        whole = chunk[:-1] if self._held_return else chunk
        return whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _end(self, events: list[bytes]) -> None:
        if self._data:
            events.append(b"\n".join(self._data))
            self._data = []

    def _check(self) -> None:
        if self._held_bytes > _MAX_EVENT_BYTES:
            raise RequestError(f"the server sent an event of more than {_MAX_EVENT_BYTES} bytes")
