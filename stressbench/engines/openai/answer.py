"""Streamed answers of the OpenAI API, and the checks that each must pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from stressbench.engines.base import Completion
from stressbench.engines.ends import Ends
from stressbench.engines.openai.error_message import UNREADABLE, error_message, one_line
from stressbench.engines.openai.request import OWN_TEMPLATE
from stressbench.errors import RequestError
from stressbench.schema.results.record import Retry
from stressbench.schema.suite.suite import Value

Count = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]

_DONE: Final = b"[DONE]"
_OUTPUTS_PER_TOKEN: Final = 16
"""A server that sends no token ids may split a token's text, but hardly into more pieces."""

_LONGEST_MS: Final = 1e9
"""Eleven days. A server that reports a longer time has not measured it."""

_NO_CACHED: Final = "the server does not report it (vLLM: --enable-prompt-tokens-details)"
_NO_SUCH_CACHE: Final = "the server reports more cached tokens than the prompt has"
_NO_QUEUE: Final = "the server does not report it (vLLM: --enable-per-request-metrics)"
_NO_SUCH_QUEUE: Final = "the server reports an impossible waiting time"
_NO_PREEMPTIONS: Final = "a server does not report the preemptions of a single request"
_NO_USAGE: Final = "the server does not report token counts"
_NO_END: Final = "ignore_eos: where the answer ends in these tokens is not known"
_NO_LOGPROBS: Final = "the server sends no log-probabilities"


class _Wire(msgspec.Struct, frozen=True, gc=False):
    """A struct that ignores unknown fields, because servers add their own."""


class _CachedTokens(_Wire, frozen=True):
    cached_tokens: Count | None = None


class _Usage(_Wire, frozen=True):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: _CachedTokens | None = None


class _TokenLogprob(_Wire, frozen=True):
    logprob: float | None = None


class _Logprobs(_Wire, frozen=True):
    token_logprobs: list[float | None] | None = None
    """In the completions API."""
    content: list[_TokenLogprob] | None = None
    """In the chat API."""


class _Delta(_Wire, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(_Wire, frozen=True):
    text: str | None = None
    delta: _Delta | None = None
    token_ids: list[Count] | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _RequestMetrics(_Wire, frozen=True):
    queue_time_ms: float | None = None


class _StreamChunk(_Wire, frozen=True):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    metrics: _RequestMetrics | None = None
    error: Value = None


_CHUNK: Final = msgspec.json.Decoder(_StreamChunk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an answer is checked against."""

    prompt_tokens: int | None
    """None if text was sent."""
    max_tokens: int
    ends: Ends | None = None
    """What ends the answer, if the server generates past the end."""


class StreamedAnswer:
    """Gathers one streamed answer. Raises ``RequestError`` as soon as the answer is invalid."""

    def __init__(self, expected: Expected, now_ns: Callable[[], int]) -> None:
        self._expected = expected
        self._now_ns = now_ns
        self._text: list[str] = []
        self._token_ids: list[int] = []
        self._token_ns: list[int] = []
        self._first_tokens: int | None = None
        self._logprobs: list[float] = []
        self._over = False
        self._finish_reason: str | None = None
        self._usage = _Usage()
        self._reported_queue_ms: float | None = None
        self._queue_ms: float | None = None
        self._finish_ns: int | None = None

    @property
    def started(self) -> bool:
        """Whether any output has arrived."""
        return bool(self._token_ns)

    @property
    def done(self) -> bool:
        """Whether the server has ended the stream."""
        return self._finish_ns is not None

    @property
    def whole(self) -> bool:
        """Whether the server has given a finish reason."""
        return self._finish_reason is not None

    def take(self, events: Sequence[bytes]) -> None:
        """Take in events that have just arrived."""
        t_ns = self._now_ns()
        for event in events:
            if self.done:
                raise RequestError("the server sends events after the end of its stream")
            if event == _DONE:
                self._finish_ns = t_ns
                continue
            try:
                chunk = _CHUNK.decode(event)
            except UNREADABLE as error:
                shown = one_line(event[:60].decode("utf-8", "replace"))
                raise RequestError(f"malformed event ({error}): {shown}") from error
            self._chunk(chunk, t_ns)

    def _chunk(self, chunk: _StreamChunk, t_ns: int) -> None:
        if chunk.error is not None:
            raise RequestError(f"the server reports: {error_message(chunk.error)}")
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.metrics is not None:
            self._reported_queue_ms = chunk.metrics.queue_time_ms
            self._queue_ms = _plausible(self._reported_queue_ms)
        if chunk.choices:
            self._choice(chunk.choices[0], t_ns)

    def _choice(self, choice: _Choice, t_ns: int) -> None:
        text, thought = choice.text or "", None
        if choice.delta is not None:
            text = choice.delta.content or ""
            thought = choice.delta.reasoning_content or choice.delta.reasoning
        ids = choice.token_ids or ()
        chosen = _chosen(choice.logprobs) if choice.logprobs is not None else []
        if text or thought or ids:
            if not self._token_ns:
                self._first_tokens = len(ids) or _counted(choice.logprobs)
            self._token_ns.append(t_ns)
        if not self._over:
            self._answer(text, ids, chosen)
        self._token_ids.extend(ids)
        if choice.finish_reason is not None:
            self._finish_reason = choice.finish_reason
        limit = self._expected.max_tokens
        if len(self._token_ids) > limit or len(self._token_ns) > _OUTPUTS_PER_TOKEN * limit:
            raise RequestError(f"the server generates more than the limit of {limit} tokens")

    def _answer(self, text: str, ids: Sequence[int], chosen: Sequence[float]) -> None:
        """Keep the part of an output that comes before the token that ends the answer."""
        ends = self._expected.ends
        end = ends.first(ids) if ends else None
        if ends and end is not None:
            self._over = True
            text, chosen = ends.text(self._token_ids, ids[:end], text), chosen[:end]
        self._text.append(text)
        self._logprobs.extend(chosen)

    def completion(self, sent_ns: int, retries: tuple[Retry, ...], *, chat: bool) -> Completion:
        """The whole answer. Call ``check`` first."""
        usage = self._usage
        return Completion(
            text="".join(self._text),
            token_ids=tuple(self._token_ids),
            finish_reason="stop" if self._over else self._finish_reason,
            sent_ns=sent_ns,
            token_ns=tuple(self._token_ns),
            first_tokens=self._first_tokens,
            finish_ns=self._finish_ns if self._finish_ns is not None else self._now_ns(),
            queue_ns=None if self._queue_ms is None else round(self._queue_ms * 1e6),
            cached_tokens=self._cached(),
            preemptions=None,
            logprobs=tuple(self._logprobs) or None,
            prompt_tokens=usage.prompt_tokens,
            output_tokens=len(self._token_ids) or usage.completion_tokens,
            retries=retries,
            why_null=self._why_null(chat=chat),
        )

    def check(self) -> None:
        """Raise ``RequestError`` for an answer that was cut, or whose tokens were miscounted."""
        if not self.whole:
            raise RequestError(f"the stream ended early, after {len(self._token_ns)} outputs")
        counted, sent = self._usage.prompt_tokens, self._expected.prompt_tokens
        if None not in {counted, sent} and counted != sent:
            raise RequestError(
                f"the server counted {counted} prompt tokens, and {sent} were sent:"
                " it cut the prompt, or encoded it again"
            )
        outputs, ids = self._usage.completion_tokens, len(self._token_ids)
        if outputs is None:
            return
        if ids and outputs != ids:
            raise RequestError(f"the server counted {outputs} output tokens and sent {ids}")
        if outputs > self._expected.max_tokens:
            raise RequestError(
                f"the server counted {outputs} output tokens,"
                f" more than the limit of {self._expected.max_tokens}"
            )

    def _cached(self) -> int | None:
        """Prompt tokens found in the cache; None if the server reports more than the prompt has."""
        details, sent = self._usage.prompt_tokens_details, self._usage.prompt_tokens
        found = details.cached_tokens if details else None
        return None if found is None or (sent is not None and found > sent) else found

    def _endless(self) -> bool:
        """Whether the answer continued past its end, and where it would have ended is not known."""
        ends = self._expected.ends
        known = bool(self._token_ids) and bool(ends and ends.tokens)
        return ends is not None and not known and self._finish_reason == "length"

    def _why_null(self, *, chat: bool) -> dict[str, str]:
        usage = self._usage
        why = {"kv.preemptions": _NO_PREEMPTIONS}
        if self._cached() is None:
            details = usage.prompt_tokens_details
            reported = details is not None and details.cached_tokens is not None
            why["kv.cached_tokens"] = _NO_SUCH_CACHE if reported else _NO_CACHED
        if self._queue_ms is None:
            why["timing.queue_ms"] = (
                _NO_QUEUE if self._reported_queue_ms is None else _NO_SUCH_QUEUE
            )
        if not self._logprobs:
            why["confidence"] = _NO_LOGPROBS
        if usage.completion_tokens is None and not self._token_ids:
            why["tokens.output"] = _NO_USAGE
        if self._endless():
            why["quality.score"] = _NO_END
        if chat:
            why["tokens.template"] = OWN_TEMPLATE
            if usage.prompt_tokens is None:
                why["tokens.prompt"] = _NO_USAGE
        return why


def _plausible(queue_ms: float | None) -> float | None:
    """The time, or None if no request can have waited that long."""
    return queue_ms if queue_ms is not None and 0 <= queue_ms <= _LONGEST_MS else None


def _counted(logprobs: _Logprobs | None) -> int | None:
    """The number of tokens of an output, if it has a log-probability for each."""
    by_token = logprobs and (logprobs.token_logprobs or logprobs.content)
    return len(by_token) if by_token else None


def _chosen(logprobs: _Logprobs) -> list[float]:
    found = logprobs.token_logprobs or [each.logprob for each in logprobs.content or ()]
    return [value for value in found if value is not None]
