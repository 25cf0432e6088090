"""A small OpenAI-compatible server for tests: it answers well, or as badly as it is told to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

MODEL = "reference-dense"


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, object]


Behave = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


def event(data: object) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def token(token_id: int, text: str, finish: str | None = None, **more: object) -> bytes:
    """One output of the completions API, as vLLM streams it."""
    choice = {"index": 0, "text": text, "token_ids": [token_id], "finish_reason": finish}
    choice["logprobs"] = {"token_logprobs": [-0.25], "tokens": [text]}
    return event({"object": "text_completion", "choices": [choice | more]})


def usage(prompt: int, output: int, **more: object) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": output} | more
    return event({"choices": [], "usage": counts})


def good(asked: Asked, outputs: int = 2) -> bytes:
    """A right answer to a request with token ids: ``t0t1...``."""
    outputs = min(outputs, int(str(asked.body["max_tokens"])))
    prompt = asked.body["prompt"]
    assert isinstance(prompt, list)
    last = outputs - 1
    parts = [token(n, f"t{n}", "stop" if n == last else None) for n in range(outputs)]
    return b"".join([*parts, usage(len(prompt), outputs), DONE])


def head(status: int, kind: str = "application/json", *lines: str) -> bytes:
    fields = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", *lines]
    return ("\r\n".join(fields) + "\r\n\r\n").encode()


def plain(status: int, body: bytes, *lines: str, kind: str = "application/json") -> bytes:
    return head(status, kind, f"Content-Length: {len(body)}", *lines) + body


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


STREAM = head(200, "text/event-stream; charset=utf-8", "Transfer-Encoding: chunked")
END = chunk(b"")


async def answer_well(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM + chunk(good(asked)) + END)


@dataclass
class Endpoint:
    """What the server does: ``behave`` for requests of a run, right answers to the probe."""

    behave: Behave = answer_well
    models: list[str] | None = field(default_factory=lambda: [MODEL])
    version: str | None = None
    metrics: Callable[[], str] | None = None
    takes: Callable[[Asked], int] = lambda _asked: 200
    """The status for a request, before ``behave`` is asked."""
    asked: list[Asked] = field(default_factory=list)
    """The requests of the run, probes left out."""
    port: int = 0
    server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _get(self, path: str, writer: asyncio.StreamWriter) -> None:
        pages = {
            "/v1/models": self.models and {"data": [{"id": m} for m in self.models]},
            "/version": self.version and {"version": self.version},
        }
        if path == "/metrics" and self.metrics is not None:
            writer.write(plain(200, self.metrics().encode(), kind="text/plain"))
        elif page := pages.get(path):
            writer.write(plain(200, json.dumps(page).encode()))
        else:
            writer.write(plain(404, b'{"detail": "Not Found"}'))

    async def _post(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if (status := self.takes(asked)) != 200:
            writer.write(plain(status, b'{"error": {"message": "not that"}}'))
        elif asked.headers.get("x-request-id") == "probe":
            if "prompt" in asked.body:
                await answer_well(asked, writer)
            else:
                writer.write(STREAM + chunk(chat("yes")) + END)
        else:
            self.asked.append(asked)
            await self.behave(asked, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split(" ")
                headers = {}
                while (line := await reader.readline()) not in {b"\r\n", b""}:
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if method == "GET":
                    await self._get(path, writer)
                else:
                    data = json.loads(body)
                    await self._post(Asked(method, path, headers, data), writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # what a client does when it has had enough
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Endpoint]:
        """Serve on a free port of this machine, in the running event loop."""
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", self.port)
        self.port, self.server = server.sockets[0].getsockname()[1], server
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()

    @contextmanager
    def in_a_thread(self) -> Iterator[Endpoint]:
        """Serve from a thread, for tests that run commands."""
        ready, stop = threading.Event(), asyncio.Event()
        loop = asyncio.new_event_loop()

        async def serve() -> None:
            async with self.listening():
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()


def chat(*texts: str, prompt: int = 40) -> bytes:
    """A right answer of the chat API."""
    parts = [event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})]
    for text in texts:
        content = {"content": [{"token": text, "logprob": -0.5}]}
        choice = {"index": 0, "delta": {"content": text}, "logprobs": content}
        parts.append(event({"choices": [choice]}))
    parts.append(event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    return b"".join([*parts, usage(prompt, len(texts)), DONE])
