"""Requests of the OpenAI API, in the dialect of a server."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from stressbench.errors import RequestError
from stressbench.schema.suite.suite import Value

OPTIONAL: Final = (
    "stream_options",
    "seed",
    "logprobs",
    "penalties",
    "return_token_ids",
    "cache_salt",
)
"""Fields of a request that not every server takes, the most common first."""
_LONGEST_ID: Final = 200
_PLAIN: Final = "".join(map(chr, range(33, 127))).replace("%", "")
OWN_TEMPLATE: Final = "the server puts text into a chat template of its own"


UNCOUNTED: Final[Mapping[str, Mapping[str, str]]] = {
    "completions": {},
    "chat": {"tokens.template": OWN_TEMPLATE, "tokens.prompt": "the request failed"},
}
"""What is not known of a request that failed, by API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a server wants to be asked, found out by asking it."""

    api: Literal["completions", "chat"]
    model: str
    optional: frozenset[str] = frozenset(OPTIONAL)
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra: Mapping[str, Value] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Below the API's address."""
        return "/completions" if self.api == "completions" else "/chat/completions"

    def body(
        self,
        prompt: Sequence[int] | str,
        *,
        max_tokens: int,
        seed: int,
        cache_salt: str,
        ignore_eos: bool = False,
    ) -> bytes:
        """A request as JSON: greedy, streaming. Raises ``RequestError`` for unsendable text.

        ``ignore_eos`` is vLLM's own field; a server that does not know it may refuse, and had
        better: without it the load is another one than was asked for.
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
            fields["messages"] = [{"role": "user", "content": prompt}]
        else:
            fields["prompt"] = prompt
        choices: dict[str, dict[str, object]] = {
            "stream_options": {"stream_options": {"include_usage": True}},
            "seed": {"seed": seed},
            "logprobs": {"logprobs": True if chat else 0},
            # A model's generation_config.json may set these, and greedy decoding heeds them.
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
                f"the prompt is no Unicode text that JSON can carry: {error.reason}",
                kind="rejected",
            ) from error


def _salt(text: str) -> str:
    """A salt that servers take: vLLM wants 128 characters at most, and no ``/`` or ``@``."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def header_of(request_id: str) -> str:
    """``request_id`` as a header takes it: printable ASCII, bounded, still one of its kind."""
    text = quote(request_id, safe=_PLAIN, errors="surrogatepass")
    if len(text) <= _LONGEST_ID:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: _LONGEST_ID - len(digest) - 1]}-{digest}"
