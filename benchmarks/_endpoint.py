"""A server that does nothing, as fast as it can: what a client costs shows against it.

Speaks as much HTTP/1.1 and OpenAI completions as clients need: every request is answered
with ``max_tokens`` events, each written for itself, then usage and the end. Runs in a
process of its own: python -m benchmarks._endpoint.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

MODEL: Final = "reference-dense"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MAX_TOKENS: Final = re.compile(rb'"max(?:_completion)?_tokens": *(\d+)')
_IDS: Final = re.compile(rb'"prompt": *\[([\d, ]*)\]')
_TEXT_TOKENS: Final = 128
"""What a prompt that is text is said to count."""


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def page(body: bytes) -> bytes:
    fields = b"Content-Type: application/json\r\nContent-Length: %d" % len(body)
    return b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (fields, body)


HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
PAGES: Final = {
    b"/health": page(b"{}"),
    b"/v1/models": page(
        b'{"object":"list","data":[{"id":"%b","object":"model"}]}' % MODEL.encode()
    ),
}
NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_FRAME: Final = (
    b'{"id":"cmpl-0","object":"text_completion","created":1,"model":"%b","choices":'
    b'[{"index":0,"text":" word","logprobs":null,"finish_reason":%b,"stop_reason":null%b}]}'
)
_IDS_FIELD: Final = b',"token_ids":[7]'


def output(*, last: bool, ids: bool) -> bytes:
    """One token, as vLLM 0.32 writes it."""
    finish = b'"length"' if last else b"null"
    return chunk(event(_FRAME % (MODEL.encode(), finish, _IDS_FIELD if ids else b"")))


OUTPUTS: Final = {
    (last, ids): output(last=last, ids=ids) for last in (False, True) for ids in (False, True)
}


class Endpoint(asyncio.Protocol):
    """One connection; requests on it are answered one after the other."""

    def __init__(self) -> None:
        self._in = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is no subclass

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._in += data
        end = self._in.find(b"\r\n\r\n")
        if end < 0:
            return
        found = _LENGTH.search(self._in, 0, end + 2)
        size = end + 4 + (int(found[1]) if found else 0)
        if len(self._in) < size:
            return
        request, self._in = self._in[:size], self._in[size:]
        self._answer(request[:end], request[end + 4 :])

    def _answer(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None
        if head.startswith(b"GET "):
            path = head.split(b" ", 2)[1]
            self._transport.write(PAGES.get(path, NOT_FOUND))
            return
        found = _MAX_TOKENS.search(body)
        tokens = int(found[1]) if found else 16
        prompt = _IDS.search(body)
        prompt_tokens = prompt[1].count(b",") + 1 if prompt else _TEXT_TOKENS
        self._transport.write(HEAD)
        asyncio.get_running_loop().call_soon(
            self._token, tokens, prompt_tokens, tokens, b'"return_token_ids":true' in body
        )

    def _token(self, left: int, prompt_tokens: int, tokens: int, ids: bool) -> None:  # noqa: FBT001 - a callback
        if self._transport is None:
            return
        if left:
            self._transport.write(OUTPUTS[left == 1, ids])
            asyncio.get_running_loop().call_soon(self._token, left - 1, prompt_tokens, tokens, ids)
            return
        usage = b'{"id":"cmpl-0","choices":[],"usage":{"prompt_tokens":%d,"total_tokens":%d,'
        usage += b'"completion_tokens":%d}}'
        counts = usage % (prompt_tokens, prompt_tokens + tokens, tokens)
        end = chunk(event(counts) + event(b"[DONE]")) + b"0\r\n\r\n"
        self._transport.write(end)


@contextmanager
def endpoint() -> Iterator[str]:
    """Run the server in a process of its own; yields its address, without ``/v1``."""
    command = [sys.executable, "-m", "benchmarks._endpoint"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop  # comes with vLLM; the server must never be what is measured

    uvloop.run(serve())
