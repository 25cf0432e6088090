"""The size of a model's KV cache, and the concurrency at which preemption is predicted."""

from __future__ import annotations

from stressbench.schema.base import Open


class KvLevel(Open, frozen=True, kw_only=True):
    """Prediction for a closed loop over the planned requests at one concurrency."""

    concurrency: int
    preemptions: int
    preempted: int
    """Requests preempted at least once."""
    recomputed_tokens: int
    """Tokens recomputed after preemptions."""
    blocks_peak: int
    """Most KV blocks in use at one time."""
    waiting_peak: int
    """Most requests waiting in the scheduler at one time."""


class KvPrediction(Open, frozen=True, kw_only=True):
    """When preemption begins, from exact prompt lengths and answers that reach their limit."""

    requests: int
    """Number of planned requests that the prediction covers: the first ones of the plan."""
    planned: int
    """Number of planned requests at one load level."""
    exact: bool
    """True if every answer reaches its limit (``ignore_eos``); else an upper bound."""
    largest_demand_blocks: int
    """Blocks that the largest request holds when it finishes."""
    safe_concurrency: int
    """With at most this many requests in flight, no preemption can occur, in any order."""
    onset_concurrency: int | None
    """Smallest closed-loop concurrency at which these requests, in this order, are preempted, by
    simulation of vLLM's scheduler; null if none up to ``tried_concurrency`` is."""
    tried_concurrency: int
    """Largest concurrency that was simulated."""
    levels: list[KvLevel]
    """One prediction for each of the run's first concurrencies; empty unless the load is a plain
    closed loop."""


class KvSetup(Open, frozen=True, kw_only=True):
    """The size of the KV cache, and the predicted onset of preemption."""

    block_size: int | None
    """Tokens per block."""
    blocks: int | None
    """Usable blocks: one fewer than ``kv_blocks``, because vLLM reserves one."""
    capacity_tokens: int | None
    """Tokens that the usable blocks hold."""
    bytes_per_token: int | None
    """2 x layers x KV heads x head size x bytes per element, over all devices."""
    bytes_per_block: int | None
    """Bytes per block, over all devices."""
    predicted: KvPrediction | None
    """Null if there is no prediction; ``why_null`` has the reason."""
    why_null: dict[str, str]
