"""What ``engine.args`` may hold for an OpenAI-compatible server, and the key to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Meta, field

from stressbench.errors import SuiteError
from stressbench.schema.base import Strict
from stressbench.schema.suite.suite import Value

DEFAULT_KEY_NAME: Final = "OPENAI_API_KEY"
_HIDDEN: Final = "[API key]"
_SHORTEST_KEY: Final = 8
"""Shorter ones are placeholders ("none"), which would redact ordinary words."""


class OpenAIArgs(Strict, frozen=True, kw_only=True):
    """How to reach a server, and what to ask of it."""

    base_url: str = ""
    """``http://host:8000/v1``; ``/v1`` is added to an address without a path."""
    model: str | None = None
    """What the server calls the model, where that is not the suite's name for it."""
    api: Literal["auto", "completions", "chat"] = "auto"
    """``completions`` sends token ids, ``chat`` sends text; ``auto`` asks the server."""
    api_key_env: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] = DEFAULT_KEY_NAME
    """The environment variable that holds the key; the key itself stands nowhere."""
    retries: Annotated[int, Meta(ge=0, le=20)] = 5
    """How often a request is sent again after 429, 503 or a lost connection."""
    connect_timeout_s: Annotated[float, Meta(gt=0)] = 10.0
    metrics: Literal["auto", "off"] = "auto"
    """``auto`` reads ``/metrics`` where the server has it."""
    scrape_interval_s: Annotated[float, Meta(ge=0.01)] = 0.1
    extra_body: dict[str, Value] = field(default_factory=dict)
    """Fields to add to every request, sent as they are."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server's parts are: ``api`` ends in ``/v1``, ``root`` holds ``/metrics``."""

    api: str
    root: str


@dataclass(frozen=True, slots=True, repr=False)
class ApiKey:
    """An API key that shows itself to nobody but the server."""

    name: str
    secret: str | None

    def headers(self) -> dict[str, str]:
        """The header that authenticates a request; none without a key."""
        return {"Authorization": f"Bearer {self.secret}"} if self.secret else {}

    def redact(self, text: str) -> str:
        """``text`` without the key, should a server have repeated it."""
        if self.secret and len(self.secret) >= _SHORTEST_KEY:
            return text.replace(self.secret, _HIDDEN)
        return text


def read_args(*given: Mapping[str, object]) -> OpenAIArgs:
    """Check arguments, later ones first. Raises ``SuiteError``; no value is ever repeated."""
    merged: dict[str, object] = {}
    for arguments in given:
        merged |= arguments
    try:
        return msgspec.convert(merged, OpenAIArgs)
    except msgspec.ValidationError as error:
        raise SuiteError(
            str(error),
            where="engine.args",
            hint=f"the openai engine knows: {', '.join(OpenAIArgs.__struct_fields__)}",
        ) from None


def read_key(name: str) -> ApiKey:
    """The key from the environment; raises ``SuiteError`` for one that no header can carry."""
    secret = os.environ.get(name, "").strip()
    if not secret:
        return ApiKey(name, None)
    if not (secret.isascii() and secret.isprintable()):
        raise SuiteError(f"the key in ${name} holds characters that no HTTP header can carry")
    return ApiKey(name, secret)


def read_address(base_url: str) -> Address:
    """Split a base URL. Raises ``SuiteError`` for one that is none, or that holds a secret."""
    where, hint = "engine.args.base_url", "--base-url http://127.0.0.1:8000/v1"
    if not base_url:
        raise SuiteError("the openai engine needs the address of a server", where=where, hint=hint)
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, valid = urlsplit(""), False
    if not valid:
        raise SuiteError(
            "the base URL is not an http:// or https:// address", where=where, hint=hint
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        # Kept out of the message: what stands there is likely to be secret.
        raise SuiteError(
            "the base URL holds more than an address: user, password, query or fragment",
            where=where,
            hint=f"export the key as {DEFAULT_KEY_NAME}, or name a variable in api_key_env",
        )
    path = parts.path.rstrip("/") or "/v1"
    api = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    return Address(api=api, root=api.removesuffix("/v1"))
