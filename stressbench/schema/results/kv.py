"""The KV cache of a model as it was set up, and where preemption is predicted to begin."""

from __future__ import annotations

from stressbench.schema.base import Open


class KvLevel(Open, frozen=True, kw_only=True):
    """What a closed loop of the plan's requests is predicted to do to the cache."""

    concurrency: int
    preemptions: int
    preempted: int
    """Requests preempted at least once."""
    recomputed_tokens: int
    blocks_peak: int
    waiting_peak: int


class KvPrediction(Open, frozen=True, kw_only=True):
    """Where preemption begins, from the requests' exact lengths, every answer at its limit."""

    requests: int
    """How many requests of the plan it is made from, the first ones where there are more:
    nothing is said of the others then."""
    planned: int
    """How many there are, at one level of the load."""
    exact: bool
    """Whether every answer does reach its limit (``ignore_eos``); else it is an upper bound."""
    largest_demand_blocks: int
    """Blocks that the largest request holds at its end."""
    safe_concurrency: int
    """Up to so many requests in flight none is ever preempted, in whatever order they come."""
    onset_concurrency: int | None
    """Smallest concurrency of a closed loop at which these requests in this order are preempted,
    by simulation of vLLM's scheduler; null where ``tried_concurrency`` is not enough."""
    tried_concurrency: int
    levels: list[KvLevel]
    """At the first concurrencies of this run; empty where its load is no plain closed loop."""


class KvSetup(Open, frozen=True, kw_only=True):
    """The KV cache: its size, and what it is predicted to hold."""

    block_size: int | None
    """Tokens a block holds."""
    blocks: int | None
    """Usable blocks: one fewer than ``kv_blocks``, because vLLM keeps one."""
    capacity_tokens: int | None
    bytes_per_token: int | None
    """2 x layers x KV heads x head size x bytes of an element, over all devices."""
    bytes_per_block: int | None
    predicted: KvPrediction | None
    why_null: dict[str, str]
