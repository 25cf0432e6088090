"""Long prompts with nothing in common, to fill the KV cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stressbench.prompts.base import Condition, PromptOutline, Traits
from stressbench.prompts.material.wording import controls
from stressbench.prompts.routing.moe_repeat import canary
from stressbench.schema.suite.suite import Arm


class KvSaturate:
    """A canary in prose of exactly the budget; every item has different prose.

    The suite's ``concurrency`` sets the number of requests in flight, its ``kv_blocks`` the
    size of the cache. Preemption begins where the sum of ceil((prompt + output) / block size)
    over the requests in flight exceeds the number of blocks. Quality must be the same with and
    without this pressure, because preempted requests are recomputed, not cut.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "no_context", "oracle_context"),
        sized=True,
        needs_budget=True,
        deep=True,
        max_tokens=96,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the canary in prose, no text, and the canary alone."""
        plain = canary(condition)
        asked = plain.question.removesuffix(" Answer with the code only.")
        return controls(replace(plain, question=asked + " Answer with the code first."))


PLUGIN = KvSaturate()
