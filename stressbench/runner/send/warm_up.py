"""Warming up an engine that this run has started, before its first request counts.

The first batches of a fresh engine allocate memory, choose kernels and compile them: a
first batch of eight has had a TTFT of 16 s where the next had 1 s. Requests of the load's
own lengths are therefore sent, as many at once as the load will, in rounds, until a round
takes about as long as the one before it. None of them is recorded; what they took is, in
the ``model`` line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from stressbench.clock import Clock
from stressbench.engines.base import Engine
from stressbench.errors import RequestError
from stressbench.schema.case import Request
from stressbench.schema.results.run import WarmUp

MOST_ROUNDS: Final = 8
MOST_AT_ONCE: Final = 64
LIMIT_S: Final = 120.0
"""Longer than any start seen, and short against a run whose requests take minutes."""
STEADY: Final = 0.8
"""A round that takes at least this share of the time of the one before has gained little."""
_ANSWER_TOKENS: Final = 4
"""Enough to decode in a full batch, few enough to cost little."""
_SALT: Final = "warm-up"


async def warm_up(
    engine: Engine, requests: Sequence[Request], clock: Clock, *, at_once: int
) -> WarmUp:
    """Send rounds of ``at_once`` requests until steady, or until a limit is reached.

    ``requests`` are some of those that will be sent, whose lengths count. Raises
    ``EngineError`` when the engine is gone; a request that fails ends the warm-up.
    """
    chosen = _spread(requests, min(at_once, MOST_AT_ONCE))
    began_ns, took_s, failed = clock.now_ns(), list[float](), None
    try:
        async with asyncio.timeout(LIMIT_S):
            for number in range(MOST_ROUNDS if chosen else 0):
                round_ns = clock.now_ns()
                await _round(engine, chosen, number)
                took_s.append((clock.now_ns() - round_ns) / 1e9)
                if _steady(took_s):
                    break
    except TimeoutError:
        failed = f"not steady within {LIMIT_S:.0f} s"
    except RequestError as error:
        failed = f"a request failed: {error}"
    return WarmUp(
        rounds=len(took_s),
        requests_per_round=len(chosen),
        elapsed_s=round((clock.now_ns() - began_ns) / 1e9, 3),
        round_s=[round(each, 3) for each in took_s],
        steady=_steady(took_s),
        error=failed,
    )


def _steady(took_s: Sequence[float]) -> bool:
    return len(took_s) > 1 and took_s[-1] >= STEADY * took_s[-2]


def _spread(requests: Sequence[Request], number: int) -> list[Request]:
    """``number`` of the requests, from the shortest prompt to the longest."""
    by_length = sorted(requests, key=lambda each: len(each.prompt_token_ids))
    step = max(len(by_length) / number, 1.0) if number else 1.0
    places = (int(place * step) for place in range(number))
    picked = [by_length[place] for place in places if place < len(by_length)]
    if picked:
        picked[-1] = by_length[-1]
    return picked


async def _round(engine: Engine, requests: Sequence[Request], number: int) -> None:
    names = [f"{_SALT}-{number}-{place}" for place in range(len(requests))]
    sent = [
        asyncio.ensure_future(engine.complete(_made_up(request, name), name))
        for request, name in zip(requests, names, strict=True)
    ]
    try:
        await asyncio.gather(*sent)
    finally:
        for each in sent:
            each.cancel()
        await asyncio.gather(*sent, return_exceptions=True)


def _made_up(request: Request, salt: str) -> Request:
    """A request as long as ``request`` that shares no cached prefix with any other."""
    return replace(
        request,
        # Backwards, so that not even an engine that ignores the salt caches a real prompt.
        prompt_token_ids=request.prompt_token_ids[::-1],
        cache_salt=salt,
        case=replace(
            request.case,
            max_tokens=min(request.case.max_tokens, _ANSWER_TOKENS),
            ignore_eos=True,
        ),
    )
