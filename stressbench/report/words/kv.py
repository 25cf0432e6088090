"""The KV cache in a sentence: what fits, and where preemption is predicted to begin."""

from __future__ import annotations

from typing import Final

from stressbench.report.model.engine.view import KvPressure
from stressbench.schema.results.kv import KvSetup

_UNREPORTED: Final = "the engine does not report it"


def describe_kv(kv: KvSetup) -> str:
    """One line: size of the cache, bytes a token, and where preemption should begin."""
    if kv.bytes_per_token is None:
        token = f"bytes a token not known ({kv.why_null.get('bytes_per_token', _UNREPORTED)})"
    else:
        token = f"{kv.bytes_per_token:,} bytes a token"
    if kv.blocks is None or kv.capacity_tokens is None:
        return f"KV cache: {token}; its size: {kv.why_null.get('blocks', _UNREPORTED)}"
    size = f"KV {kv.blocks:,} blocks of {kv.block_size} = {kv.capacity_tokens:,} tokens"
    return f"{size}, {token}; {_expected(kv)}"


def _expected(kv: KvSetup) -> str:
    predicted = kv.predicted
    if predicted is None:
        return f"onset of preemption not predicted: {kv.why_null.get('predicted', _UNREPORTED)}"
    text = f"a request holds up to {predicted.largest_demand_blocks} blocks: "
    if predicted.safe_concurrency == predicted.requests:
        text += f"all {predicted.requests:,} fit together"
    elif predicted.onset_concurrency is None:
        text += f"no preemption predicted up to {predicted.tried_concurrency} in flight"
    else:
        text += f"no preemption up to {predicted.safe_concurrency} in flight, "
        text += f"predicted from {predicted.onset_concurrency}"
    if not predicted.exact:
        text += ", even if" if predicted.safe_concurrency == predicted.requests else ", if"
        text += " every answer reaches its limit"
    if predicted.requests < predicted.planned:
        text += f" (from the first {predicted.requests:,} of {predicted.planned:,} requests)"
    return text


def onset(pressure: KvPressure) -> str:
    """Where preemption was predicted to begin for a role, and where it was measured."""
    if pressure.onset_concurrency is None:
        foreseen = f"not up to {pressure.tried_concurrency} in flight"
    else:
        foreseen = f"from {pressure.onset_concurrency} in flight"
    levels = [(each.predicted.concurrency, each.measured) for each in pressure.levels]
    hit = [n for n, measured in levels if measured.preemptions]
    none = [n for n, measured in levels if measured.requests and not measured.preemptions]
    below = ", ".join(str(n) for n in none if not hit or n < min(hit))
    if hit:
        found = f"measured from {min(hit)}" + (f", none at {below}" if below else "")
    else:
        found = f"none measured at {below}" if below else "not measured"
    limit = "" if pressure.exact else " (predicted with every answer at its limit)"
    return f"{pressure.role}: preemption predicted {foreseen}; {found}{limit}"
