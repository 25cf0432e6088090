"""The timing section of a record: when the outputs of one request arrived. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from stressbench.engines.base import Completion
from stressbench.schema.results.record import Timing

FAILED: Final = "the request failed"
UNTOLD: Final = "the engine does not report it"
_NO_TOKEN: Final = "no token was generated"
_ONE_TOKEN: Final = "only one token was generated"
_ONE_PIECE: Final = "the answer came in one piece"
_MERGED: Final = "the server sends several tokens at once, and not how many came first"
_NS_PER_MS: Final = 1e6


def output_tokens(done: Completion | None, why: Mapping[str, str]) -> int | None:
    """The tokens of an answer; None if it failed or the engine does not count them."""
    if done is None or "tokens.output" in why:
        return None
    return len(done.token_ids) if done.output_tokens is None else done.output_tokens


def timing(
    scheduled_ns: int, failed_ns: int | None, done: Completion | None, why: dict[str, str]
) -> Timing:
    """The times of a completion, or of a failure; adds the reason of each null to ``why``."""
    if done is None:
        return _failure(scheduled_ns, failed_ns, why)
    first = done.token_ns[0] if done.token_ns else None
    if first is None:
        for name in ("first_token_ns", "ttft_ms", "itl_ms"):
            why[f"timing.{name}"] = _NO_TOKEN
    if done.queue_ns is None:
        why.setdefault("timing.queue_ms", UNTOLD)
    gaps = [(after - before) / _NS_PER_MS for before, after in pairwise(done.token_ns)]
    return Timing(
        scheduled_ns=scheduled_ns,
        sent_ns=done.sent_ns,
        first_token_ns=first,
        finish_ns=done.finish_ns,
        ttft_ms=None if first is None else (first - scheduled_ns) / _NS_PER_MS,
        tpot_ms=_tpot_ms(done, why),
        itl_ms=None if first is None else gaps,
        e2el_ms=(done.finish_ns - scheduled_ns) / _NS_PER_MS,
        queue_ms=None if done.queue_ns is None else done.queue_ns / _NS_PER_MS,
    )


def _failure(scheduled_ns: int, failed_ns: int | None, why: dict[str, str]) -> Timing:
    for name in ("sent_ns", "first_token_ns", "ttft_ms", "tpot_ms", "itl_ms", "queue_ms"):
        why[f"timing.{name}"] = FAILED
    return Timing(
        scheduled_ns=scheduled_ns,
        sent_ns=None,
        first_token_ns=None,
        finish_ns=failed_ns,
        ttft_ms=None,
        tpot_ms=None,
        itl_ms=None,
        e2el_ms=None if failed_ns is None else (failed_ns - scheduled_ns) / _NS_PER_MS,
        queue_ms=None,
    )


def _tpot_ms(done: Completion, why: dict[str, str]) -> float | None:
    """(last - first) / (n - k), for n tokens of which k came with the first output."""
    outputs = output_tokens(done, why)
    reason: str | None = None
    if not done.token_ns:
        reason = _NO_TOKEN
    elif outputs is None:
        reason = why["tokens.output"]
    elif outputs <= 1:
        reason = _ONE_TOKEN
    elif len(done.token_ns) == 1:
        reason = _ONE_PIECE
    else:
        first = done.first_tokens
        if first is None and len(done.token_ns) >= outputs - 1:  # the last token, EOS, has no text
            first = 1
        if first is not None and first < outputs:
            return (done.token_ns[-1] - done.token_ns[0]) / (outputs - first) / _NS_PER_MS
        reason = _MERGED if first is None else _ONE_PIECE
    why["timing.tpot_ms"] = reason
    return None
