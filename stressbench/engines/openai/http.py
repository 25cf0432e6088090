"""HTTP to an OpenAI-compatible server: one connection pool, and attempts with back-off.

It uses aiohttp, whose C parser costs a fraction of httpx's time: a load generator that is the
bottleneck measures nothing. aiohttp is installed wherever vLLM is.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from stressbench.clock import Clock
from stressbench.engines.base import RemoteRequestError
from stressbench.engines.openai.answer import StreamedAnswer
from stressbench.engines.openai.args import Address, ApiKey
from stressbench.engines.openai.error_message import UNREADABLE, error_message, one_line
from stressbench.engines.openai.request import header_of
from stressbench.engines.openai.sse import EventStream
from stressbench.errors import EngineError, RequestError, SetupError
from stressbench.schema.results.record import Retry

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

Sleep: TypeAlias = Callable[[float], Awaitable[object]]

_BACK_OFF_S: Final = 0.5
_MOST_BACK_OFF_S: Final = 30.0
_LONGEST_WISH_S: Final = 120.0
"""A server that asks us to wait longer has refused the request."""
_KEEP_ALIVE_S: Final = 3.0
"""Less than the 5 s after which uvicorn, and so vLLM, closes an idle connection."""
_EOF_S: Final = 0.25
_LARGE_BODY_BYTES: Final = 1 << 20
_MOST_BYTES: Final = 64 << 20
_ERROR_BYTES: Final = 1 << 16
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_BUSY: Final = frozenset({429, 503})
_TIMED_OUT: Final = frozenset({408, 504})
_SERVER_ERRORS: Final = range(500, 600)


@dataclass(frozen=True, slots=True)
class HttpPage:
    """The response to a GET."""

    status: int
    body: bytes


class _TryAgainError(Exception):
    """An attempt that may be repeated."""

    def __init__(
        self,
        reason: str,
        *,
        kind: Literal["error", "rejected"] = "error",
        wish_s: float | None = None,
        gone: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind: Literal["error", "rejected"] = kind
        self.wish_s = wish_s
        self.gone = gone


class Connection:
    """Connections to a server, which are kept open.

    ``rng`` draws the length of a back-off, and ``sleep`` waits for it.
    """

    def __init__(  # noqa: PLR0913 - tests replace each of them
        self,
        address: Address,
        key: ApiKey,
        *,
        clock: Clock,
        retries: int,
        connect_timeout_s: float,
        rng: random.Random,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._address = address
        self._key = key
        self._clock = clock
        self._retries = retries
        self._connect_timeout_s = connect_timeout_s
        self._rng = rng
        self._sleep = sleep
        self._session: ClientSession | None = None

    def open(self) -> None:
        """Create the pool; no connection is made yet. Raises ``SetupError`` without aiohttp."""
        try:
            import aiohttp
        except ImportError as error:
            raise SetupError(
                f"the openai engine needs aiohttp: {error}",
                hint="pip install 'stressbench[endpoint]'",
            ) from error
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "application/json", **self._key.headers()},
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            auto_decompress=False,  # compressed streams arrive in lumps, and can be bombs
        )

    async def close(self) -> None:
        """Close every connection. Safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, url: str, *, timeout_s: float) -> HttpPage:
        """Fetch a whole page of the server. Raises ``EngineError`` if no server answers."""
        import aiohttp

        try:
            async with (
                asyncio.timeout(timeout_s),
                self._open_session().get(url, allow_redirects=False) as response,
            ):
                return HttpPage(response.status, await _read(response, _MOST_BYTES))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._no_server(url, error) from error

    async def send(
        self, path: str, body: bytes, request_id: str, new_answer: Callable[[], StreamedAnswer]
    ) -> tuple[StreamedAnswer, int, tuple[Retry, ...]]:
        """Post ``body`` until it is answered; returns the answer, the first send time, all retries.

        Requests that got 429 or 503, or lost their connection before the first output, are sent
        again after exponential back-off with full jitter (Brooker, "Exponential Backoff and
        Jitter", AWS 2015), or after the time that the server asks for. Raises ``RequestError``,
        and ``EngineError`` if the server cannot be reached any more.
        """
        sent_ns = self._clock.now_ns()
        retries: list[Retry] = []
        while True:
            answer = new_answer()
            try:
                await self._once(path, body, request_id, answer)
            except _TryAgainError as failure:
                t_ns = self._clock.now_ns()
                wait_s = self._wait_s(len(retries), failure)
                if wait_s is None:
                    raise self._gave_up(failure, tuple(retries)) from failure
                retries.append(Retry(t_ns=t_ns, reason=failure.reason, waited_ms=wait_s * 1e3))
                await self._sleep(wait_s)
            except RequestError as error:
                message = self._key.redact(error.message)
                raise RemoteRequestError(
                    message, kind=error.kind, retries=tuple(retries)
                ) from error
            else:
                return answer, sent_ns, tuple(retries)

    def _wait_s(self, attempt: int, failure: _TryAgainError) -> float | None:
        """How long to wait before the next attempt; None to give up."""
        if attempt >= self._retries:
            return None
        longest_s = min(_MOST_BACK_OFF_S, _BACK_OFF_S * 2**attempt)
        jitter_s = self._rng.uniform(0.0, longest_s)
        if failure.wish_s is None:
            return jitter_s
        # Never earlier than the server asks, and not all clients at the same moment.
        return failure.wish_s + min(jitter_s, 1.0) if failure.wish_s <= _LONGEST_WISH_S else None

    def _gave_up(self, failure: _TryAgainError, retries: tuple[Retry, ...]) -> EngineError:
        if failure.gone:
            return EngineError(
                f"the server at {self._address.api} is gone: {failure.reason}",
                hint="see the server's log",
            )
        tries = f"{len(retries) + 1} attempts: " if retries else ""
        return RemoteRequestError(tries + failure.reason, kind=failure.kind, retries=retries)

    async def _once(self, path: str, body: bytes, request_id: str, answer: StreamedAnswer) -> None:
        import aiohttp

        # aiohttp takes large bodies as files, which it sends in pieces.
        data = body if len(body) < _LARGE_BODY_BYTES else BytesIO(body)
        headers = {"X-Request-Id": header_of(request_id)}
        try:
            async with self._open_session().post(
                self._address.api + path, data=data, headers=headers, allow_redirects=False
            ) as response:
                if response.status != _OK:
                    await self._refused(response)
                await _stream(response, answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if (
                not answer.done
            ):  # else everything has arrived, and how the connection ends does not matter
                reason = f"connection lost: {one_line(error)}"
                if answer.started:
                    raise RequestError(reason) from error
                gone = isinstance(error, aiohttp.ClientConnectorError)
                raise _TryAgainError(self._key.redact(reason), gone=gone) from error
        if not answer.started and not answer.whole:
            raise _TryAgainError("connection lost: the stream ended before its first output")
        answer.check()

    async def _refused(self, response: ClientResponse) -> None:
        status = response.status
        reason = self._key.redact(
            f"HTTP {status}: {_message_of(await _read(response, _ERROR_BYTES))}"
        )
        if status in _BUSY:
            raise _TryAgainError(
                reason, kind="rejected", wish_s=_wish_s(response.headers.get("Retry-After"))
            )
        if status in _REDIRECTS:
            target = one_line(response.headers.get("Location", "nowhere"))
            raise RequestError(f"HTTP {status}: the server redirects to {target}; use that address")
        if status in _TIMED_OUT:
            raise RequestError(reason, kind="timeout")
        raise RequestError(reason, kind="error" if status in _SERVER_ERRORS else "rejected")

    def _open_session(self) -> ClientSession:
        if self._session is None:
            raise EngineError("the engine is not running")
        return self._session

    def _no_server(self, url: str, error: BaseException) -> EngineError:
        import aiohttp

        hint = "start the server, or correct --base-url"
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            hint = "the certificate is not trusted: set SSL_CERT_FILE to its certificate authority"
        return EngineError(f"no server answers at {url}: {one_line(error)}", hint=hint)


async def _stream(response: ClientResponse, answer: StreamedAnswer) -> None:
    """Read a whole stream, then the end of the response, so that the connection can be reused."""
    if response.content_type != "text/event-stream":
        raise RequestError(
            f"the server answers with {response.content_type}, and a stream was requested"
        )
    events = EventStream()
    content = response.content
    while chunk := await content.readany():
        if found := events.feed(chunk):
            answer.take(found)
        if answer.done:
            break
    if answer.done and not content.at_eof():
        with suppress(TimeoutError):
            async with asyncio.timeout(_EOF_S):
                answer.take(events.feed(await content.readany()))


async def _read(response: ClientResponse, most_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most_bytes:
            break
    return bytes(body[:most_bytes])


def _message_of(body: bytes) -> str:
    try:
        return error_message(msgspec.json.decode(body))
    except UNREADABLE:
        return error_message(body.decode("utf-8", "replace"))


def _wish_s(header: str | None) -> float | None:
    """Seconds from a ``Retry-After`` header: a number or a date (RFC 9110, section 10.2.3)."""
    if header is None:
        return None
    if header.isascii() and header.strip().isdigit():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # neither: treat it as absent
    return max(0.0, (until - datetime.now(UTC)).total_seconds()) if until.tzinfo else None
