"""Find out what a server is: its models, version and metrics, and the requests it accepts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final, Literal

import msgspec

from stressbench.catalog import nearest
from stressbench.engines.base import EngineSetup
from stressbench.engines.openai.answer import Expected, StreamedAnswer
from stressbench.engines.openai.args import Address, OpenAIArgs
from stressbench.engines.openai.error_message import UNREADABLE, one_line
from stressbench.engines.openai.http import Connection
from stressbench.engines.openai.metrics import (
    MetricNames,
    cache_config,
    is_vllm,
    names_of,
    read_sample,
)
from stressbench.engines.openai.request import OPTIONAL, Dialect
from stressbench.errors import EngineError, RequestError

_PAGE_S: Final = 30.0
_PROBE_S: Final = 300.0
"""Long, because the first forward pass of a server chooses and compiles kernels."""
_PROBE_IDS: Final = (0,) * 32
_PROBE_TEXT: Final = "Say yes."
_PROBE_TOKENS: Final = 2
_OK: Final = 200
_UNAUTHORISED: Final = frozenset({401, 403})


class _ListedModel(msgspec.Struct, frozen=True):
    id: str
    max_model_len: int | None = None


class _ModelList(msgspec.Struct, frozen=True):
    data: list[_ListedModel]


class _Version(msgspec.Struct, frozen=True):
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsPage:
    """The address of a server's metrics, and their names in its version."""

    url: str
    names: MetricNames
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What is known about a server."""

    dialect: Dialect
    version: str | None
    """The version of vLLM; None for another server."""
    max_model_len: int | None
    kv_blocks: int | None
    block_size: int | None
    metrics: MetricsPage | None
    no_metrics: str
    """Why there are no metrics; empty if there are."""
    refused: str
    """Why the server refused prompts as token ids; empty if it did not."""

    def described(self, args: OpenAIArgs) -> dict[str, object]:
        """For the run's files: how the server is used, and what it is."""
        facts: dict[str, object] = {
            "base_url": args.base_url,
            "api": self.dialect.api,
            "prompt": "token ids" if self.dialect.api == "completions" else "text",
            "served_model_name": self.dialect.model,
            "accepted": sorted(self.dialect.optional),
            "metrics": "vllm" if self.metrics else self.no_metrics,
            "retries": args.retries,
        }
        if self.version is not None:
            facts["server"] = f"vLLM {self.version}"
        if self.refused:
            facts["refused"] = self.refused
        if args.extra_body:
            facts["extra_body"] = args.extra_body
        return facts


async def inspect_server(
    connection: Connection, address: Address, args: OpenAIArgs, setup: EngineSetup
) -> Server:
    """Ask a server what it is and what it accepts, which also warms it up.

    Raises ``EngineError`` if no server answers, the key is refused, the model is not served,
    or none of its APIs can be used.
    """
    name = args.model or setup.model
    model = await _find_model(connection, address, name)
    version = await _version(connection, address)
    page, no_metrics = await _metrics_page(connection, address, args)
    dialect, refused = await _dialect(connection, args, name)
    metrics, config = None, {}
    if page is not None:
        names = names_of(version)
        read_sample(page, names, version)
        metrics = MetricsPage(url=f"{address.root}/metrics", names=names, version=version)
        config = cache_config(page)
    server = Server(
        dialect=dialect,
        version=version,
        max_model_len=model.max_model_len if model else None,
        kv_blocks=_whole(config.get("num_gpu_blocks")),
        block_size=_whole(config.get("block_size")),
        metrics=metrics,
        no_metrics=no_metrics,
        refused=refused,
    )
    _check_cache(server, setup)
    return server


async def _find_model(connection: Connection, address: Address, name: str) -> _ListedModel | None:
    """The model as the server lists it; None if the server lists no models."""
    page = await connection.get(f"{address.api}/models", timeout_s=_PAGE_S)
    if page.status in _UNAUTHORISED:
        raise EngineError(
            f"the server at {address.api} refuses the API key (HTTP {page.status})",
            hint="export OPENAI_API_KEY=..., or name another variable in engine.args.api_key_env",
        )
    try:
        models = msgspec.json.decode(page.body, type=_ModelList).data if page.status == _OK else []
    except UNREADABLE:
        models = []
    if not models:
        return None
    for model in models:
        if model.id == name:
            return model
    served = [one_line(model.id) for model in models]
    shown = ", ".join(served[:5]) + (f" and {len(served) - 5} more" if len(served) > 5 else "")  # noqa: PLR2004
    raise EngineError(
        f"the server at {address.api} does not serve {name!r}{nearest(name, served)};"
        f" it serves: {shown}",
        hint=f"--set engine.args.model={served[0]} if that is the same model under another name",
    )


async def _version(connection: Connection, address: Address) -> str | None:
    try:
        page = await connection.get(f"{address.root}/version", timeout_s=_PAGE_S)
        return msgspec.json.decode(page.body, type=_Version).version if page.status == _OK else None
    except (*UNREADABLE, EngineError):
        return None


async def _metrics_page(
    connection: Connection, address: Address, args: OpenAIArgs
) -> tuple[bytes | None, str]:
    if args.metrics == "off":
        return None, "engine.args.metrics is off"
    try:
        page = await connection.get(f"{address.root}/metrics", timeout_s=_PAGE_S)
    except EngineError as error:
        return None, f"the server has no /metrics ({error.message})"
    if page.status != _OK:
        return None, f"the server has no /metrics (HTTP {page.status})"
    if not is_vllm(page.body):
        return None, "the server's /metrics are not vLLM's"
    return page.body, ""


async def _dialect(connection: Connection, args: OpenAIArgs, model: str) -> tuple[Dialect, str]:
    """Find, by trying, an API and the optional fields that the server accepts.

    Also returns why another API was refused.
    """
    apis: tuple[Literal["completions", "chat"], ...]
    apis = ("completions", "chat") if args.api == "auto" else (args.api,)
    refusals: list[str] = []
    for api in apis:
        dialect = Dialect(api=api, model=model, extra=args.extra_body)
        try:
            return await _negotiate(connection, dialect), "; ".join(refusals)
        except RequestError as error:
            refusals.append(f"{dialect.path}: {error.message}")
    raise EngineError(
        f"the server answers no request: {'; '.join(refusals)}",
        hint="see the server's log; engine.args.api chooses one of its APIs, engine.args.model the"
        " name of the model",
    )


async def _negotiate(connection: Connection, dialect: Dialect) -> Dialect:
    """``dialect`` with every optional field that the server accepts. Raises ``RequestError``."""
    try:
        return await _try(connection, dialect)
    except RequestError as error:
        if error.kind != "rejected":
            raise
    bare = replace(dialect, optional=frozenset())
    try:
        await _try(connection, bare)
    except RequestError as error:
        if dialect.api == "completions" or error.kind != "rejected":
            raise
        bare = replace(bare, limit_field="max_completion_tokens")
        await _try(connection, bare)
    for name in OPTIONAL:
        try:
            bare = await _try(connection, replace(bare, optional=bare.optional | {name}))
        except RequestError:
            continue
    return bare


async def _try(connection: Connection, dialect: Dialect) -> Dialect:
    chat = dialect.api == "chat"
    body = dialect.body(
        _PROBE_TEXT if chat else _PROBE_IDS, max_tokens=_PROBE_TOKENS, seed=0, cache_salt="probe"
    )
    expected = Expected(prompt_tokens=None if chat else len(_PROBE_IDS), max_tokens=_PROBE_TOKENS)
    try:
        async with asyncio.timeout(_PROBE_S):
            await connection.send(
                dialect.path, body, "probe", lambda: StreamedAnswer(expected, lambda: 0)
            )
    except TimeoutError as error:
        raise EngineError(
            f"the server does not answer a request of {_PROBE_TOKENS} tokens in {_PROBE_S:g} s",
            hint="see the server's log",
        ) from error
    return dialect


def _check_cache(server: Server, setup: EngineSetup) -> None:
    """Refuse a server if its KV cache is known to differ from the one that the suite asks for."""
    for field in ("kv_blocks", "block_size"):
        wanted, found = getattr(setup.engine, field), getattr(server, field)
        if None not in {wanted, found} and wanted != found:
            flag = "--num-gpu-blocks-override" if field == "kv_blocks" else "--block-size"
            raise EngineError(
                f"the suite asks for engine.{field}={wanted} and the server has {found}",
                hint=f"start the server with {flag} {wanted}, or leave out engine.{field}",
            )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
