"""Requests of the OpenAI API, in the dialect that a server understands."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from stressbench.errors import RequestError
from stressbench.schema.message import Message
from stressbench.schema.suite.suite import Value

OPTIONAL: Final = (
    "stream_options",
    "seed",
    "logprobs",
    "penalties",
    "return_token_ids",
    "cache_salt",
)
"""Fields of a request that not every server accepts, the most common first."""
_LONGEST_ID: Final = 200
_PLAIN: Final = "".join(map(chr, range(33, 127))).replace("%", "")
OWN_TEMPLATE: Final = "the server applies its own chat template to the text"


UNCOUNTED: Final[Mapping[str, Mapping[str, str]]] = {
    "completions": {},
    "chat": {"tokens.template": OWN_TEMPLATE, "tokens.prompt": "the request failed"},
}
"""Why fields of a failed request are null, by API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Which API and which fields a server accepts, found out by trying."""

    api: Literal["completions", "chat"]
    model: str
    optional: frozenset[str] = frozenset(OPTIONAL)
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra: Mapping[str, Value] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path below the API's address."""
        return "/completions" if self.api == "completions" else "/chat/completions"

    def body(
        self,
        prompt: Sequence[int] | str | Sequence[Message],
        *,
        max_tokens: int,
        seed: int,
        cache_salt: str,
        ignore_eos: bool = False,
    ) -> bytes:
        """A greedy, streaming request as JSON. Raises ``RequestError`` for text JSON cannot carry.

        ``ignore_eos`` is a field of vLLM's. A server that does not know it may refuse the
        request, and should: without it, the load is not the one that the suite asks for.
        """
        chat = self.api == "chat"
        fields: dict[str, object] = {
            "model": self.model,
            self.limit_field: max_tokens,
            "temperature": 0.0,
            "stream": True,
        }
        if ignore_eos:
            fields["ignore_eos"] = True
        if chat:
            fields["messages"] = _turns(prompt)
        else:
            fields["prompt"] = prompt
        choices: dict[str, dict[str, object]] = {
            "stream_options": {"stream_options": {"include_usage": True}},
            "seed": {"seed": seed},
            "logprobs": {"logprobs": True if chat else 0},
            # A model's generation_config.json may set these, and they affect greedy decoding.
            "penalties": {
                "repetition_penalty": 1.0,
                "presence_penalty": 0.0,
                "frequency_penalty": 0.0,
            },
            "return_token_ids": {"return_token_ids": True},
            "cache_salt": {"cache_salt": _salt(cache_salt)} if cache_salt else {},
        }
        for name in self.optional:
            fields |= choices[name]
        try:
            return msgspec.json.encode(fields | dict(self.extra))
        except UnicodeEncodeError as error:
            raise RequestError(
                f"the prompt is not Unicode text that JSON can carry: {error.reason}",
                kind="rejected",
            ) from error


def _turns(prompt: Sequence[int] | str | Sequence[Message]) -> list[dict[str, object]]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [turn.sent() for turn in prompt if isinstance(turn, Message)]


def _salt(text: str) -> str:
    """A salt that servers accept: vLLM allows 128 characters, without ``/`` and ``@``."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def header_of(request_id: str) -> str:
    """``request_id`` as a header can carry it: short printable ASCII, and still unique."""
    text = quote(request_id, safe=_PLAIN, errors="surrogatepass")
    if len(text) <= _LONGEST_ID:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: _LONGEST_ID - len(digest) - 1]}-{digest}"
