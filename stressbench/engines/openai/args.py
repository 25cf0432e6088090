"""What ``engine.args`` may hold for an OpenAI-compatible server, and its API key."""

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
"""Shorter keys are placeholders such as "none"; redacting those would garble ordinary text."""


class OpenAIArgs(Strict, frozen=True, kw_only=True):
    """How to reach a server, and how to use it."""

    base_url: str = ""
    """``http://host:8000/v1``; ``/v1`` is added to an address without a path."""
    model: str | None = None
    """The server's name for the model, if it differs from the suite's."""
    api: Literal["auto", "completions", "chat"] = "auto"
    """``completions`` sends token ids, ``chat`` text; ``auto`` tries which the server accepts."""
    api_key_env: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] = DEFAULT_KEY_NAME
    """The environment variable with the API key. The key itself is never written anywhere."""
    retries: Annotated[int, Meta(ge=0, le=20)] = 5
    """How often to resend a request after 429, 503 or a lost connection."""
    connect_timeout_s: Annotated[float, Meta(gt=0)] = 10.0
    metrics: Literal["auto", "off"] = "auto"
    """``auto`` reads ``/metrics`` if the server has it."""
    scrape_interval_s: Annotated[float, Meta(ge=0.01)] = 0.1
    extra_body: dict[str, Value] = field(default_factory=dict)
    """Fields to add to every request, unchanged."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server's addresses: ``api`` ends in ``/v1``; ``/metrics`` is below ``root``."""

    api: str
    root: str


@dataclass(frozen=True, slots=True, repr=False)
class ApiKey:
    """An API key. Its ``repr`` does not show it; only ``headers`` gives it away."""

    name: str
    secret: str | None

    def headers(self) -> dict[str, str]:
        """The header that authenticates a request; empty without a key."""
        return {"Authorization": f"Bearer {self.secret}"} if self.secret else {}

    def redact(self, text: str) -> str:
        """``text`` with the key replaced, in case a server repeated it."""
        if self.secret and len(self.secret) >= _SHORTEST_KEY:
            return text.replace(self.secret, _HIDDEN)
        return text


def read_args(*given: Mapping[str, object]) -> OpenAIArgs:
    """The arguments; later mappings override earlier. Raises ``SuiteError``, without values."""
    merged: dict[str, object] = {}
    for arguments in given:
        merged |= arguments
    try:
        return msgspec.convert(merged, OpenAIArgs)
    except msgspec.ValidationError as error:
        raise SuiteError(
            str(error),
            where="engine.args",
            hint=f"arguments of the openai engine: {', '.join(OpenAIArgs.__struct_fields__)}",
        ) from None


def read_key(name: str) -> ApiKey:
    """The key from the environment. Raises ``SuiteError`` if a header cannot carry it."""
    secret = os.environ.get(name, "").strip()
    if not secret:
        return ApiKey(name, None)
    if not (secret.isascii() and secret.isprintable()):
        raise SuiteError(f"the key in ${name} contains characters that an HTTP header cannot carry")
    return ApiKey(name, secret)


def read_address(base_url: str) -> Address:
    """Split a base URL. Raises ``SuiteError`` if it is not one, or may hold a secret."""
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
        # The message does not repeat these parts: they are likely to be secret.
        raise SuiteError(
            "the base URL contains more than an address: a user, password, query or fragment",
            where=where,
            hint=f"export the key as {DEFAULT_KEY_NAME}, or name a variable in api_key_env",
        )
    path = parts.path.rstrip("/") or "/v1"
    api = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    return Address(api=api, root=api.removesuffix("/v1"))
