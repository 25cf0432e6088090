"""An OpenAI-compatible server, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from stressbench.engines.base import (
    Completion,
    EngineInfo,
    EngineSetup,
    EngineTraits,
    RemoteRequestError,
)
from stressbench.engines.ends import Ends, decoder, end_tokens
from stressbench.engines.openai.answer import Expected, StreamedAnswer
from stressbench.engines.openai.args import OpenAIArgs, read_address, read_args, read_key
from stressbench.engines.openai.http import Connection
from stressbench.engines.openai.request import UNCOUNTED
from stressbench.engines.openai.scrape import Scraper
from stressbench.engines.openai.server import Server, inspect_server
from stressbench.errors import EngineError, RequestError
from stressbench.schema.case import Request
from stressbench.schema.message import Message
from stressbench.seeds import derive_rng

_FACTS: Final = ("dtype", "max_model_len", "kv_blocks", "block_size")
_NOT_REPORTED: Final = "the server does not report it"


class OpenAIEngine:
    """Any server with the OpenAI API, such as `vllm serve`, over HTTP (streaming).

    Prompts are sent as token ids if the server takes them, else as chat messages.
    """

    traits: ClassVar[EngineTraits] = EngineTraits(remote=True, polled=True)

    @staticmethod
    def check(*args: Mapping[str, object]) -> None:
        """Refuse unknown arguments, an invalid address, and a key that cannot be sent."""
        given = read_args(*args)
        read_address(given.base_url)
        read_key(given.api_key_env)

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup
        self._args: OpenAIArgs = read_args(setup.engine.args, setup.args)
        self._address = read_address(self._args.base_url)
        self._connection = Connection(
            self._address,
            read_key(self._args.api_key_env),
            clock=setup.clock,
            retries=self._args.retries,
            connect_timeout_s=self._args.connect_timeout_s,
            rng=derive_rng(setup.seed, "back-off", setup.role),
        )
        self._ends = Ends(end_tokens(setup.tokenizer_path), decoder(setup.tokenizer_path))
        self._server: Server | None = None
        self._scraper: Scraper | None = None
        self._no_steps: dict[str, str] = {}

    async def start(self) -> EngineInfo:
        try:
            self._connection.open()
            server = await inspect_server(self._connection, self._address, self._args, self._setup)
            self._start_metrics(server)
        except (EngineError, asyncio.CancelledError):
            await self.stop()
            raise
        self._server = server
        return EngineInfo(
            dtype=None,
            max_model_len=server.max_model_len,
            kv_blocks=server.kv_blocks,
            block_size=server.block_size,
            args=server.described(self._args),
            why_null=dict.fromkeys(_FACTS, _NOT_REPORTED),
        )

    def _start_metrics(self, server: Server) -> None:
        if server.metrics is None:
            fields = ("usage_at_start", "usage_peak", "waiting_peak")
            self._no_steps = {f"kv.{field}": server.no_metrics for field in fields}
            return
        self._scraper = Scraper(
            self._connection,
            server.metrics,
            clock=self._setup.clock,
            interval_s=self._args.scrape_interval_s,
            on_step=self._setup.on_step,
        )
        self._scraper.start()

    async def complete(self, request: Request, request_id: str) -> Completion:
        server = self._server
        if server is None:
            raise EngineError("the engine is not running")
        if self._scraper is not None:
            self._scraper.check()
        dialect, case = server.dialect, request.case
        chat = dialect.api == "chat"
        if chat and case.forced_ids:
            raise RemoteRequestError(
                "this prompt consists of token ids, and the server only takes text",
                kind="rejected",
                why_null=UNCOUNTED["chat"],
            )
        prompt: Sequence[int] | str | Sequence[Message] = request.prompt_token_ids
        if chat:
            prompt = case.messages or case.text
        expected = Expected(
            prompt_tokens=None if chat else len(request.prompt_token_ids),
            max_tokens=case.max_tokens,
            ends=self._ends if case.ignore_eos else None,
        )
        try:
            body = dialect.body(
                prompt,
                max_tokens=case.max_tokens,
                seed=request.seed,
                cache_salt=request.cache_salt,
                ignore_eos=case.ignore_eos,
            )
            answer, sent_ns, retries = await self._connection.send(
                dialect.path,
                body,
                request_id,
                lambda: StreamedAnswer(expected, self._setup.clock.now_ns),
            )
        except RequestError as error:
            raise _with_reasons(error, UNCOUNTED[dialect.api]) from error
        done = answer.completion(sent_ns, retries, chat=chat)
        done.why_null.update(self._no_steps)
        return done

    async def settle(self) -> None:
        if self._scraper is not None:
            await self._scraper.read()

    async def stop(self) -> None:
        scraper, self._scraper = self._scraper, None
        if scraper is not None:
            await scraper.stop()
        await self._connection.close()


def _with_reasons(error: RequestError, why_null: Mapping[str, str]) -> RemoteRequestError:
    retries = error.retries if isinstance(error, RemoteRequestError) else ()
    return RemoteRequestError(error.message, kind=error.kind, retries=retries, why_null=why_null)


PLUGIN = OpenAIEngine
