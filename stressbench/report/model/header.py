"""A run's header and end as facts: what ran, on what, and how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from stressbench import store
from stressbench.report.model.view import Fact, Model
from stressbench.report.words.kv import describe_kv
from stressbench.report.words.machine import describe_machine
from stressbench.schema.results.run import ModelRun, WarmUp


def ending(run: store.Run) -> str:
    """How the run ended, in a few words."""
    if run.end is None:
        return "the run was killed or is still going on"
    recorded = sum(n for status, n in run.end.counts.items() if status != "not_sent")
    text = f"{run.end.status}, {recorded:,} of {run.end.planned:,} requests"
    text += f" in {run.end.elapsed_s:,.0f} s"
    return f"{text}: {run.end.error}" if run.end.error else text


def facts(run: store.Run) -> Iterator[Fact]:
    """What ran, when, with what, on which machine."""
    header, machine = run.header, run.header.machine
    pairs = {
        "run id": header.run_id,
        "file": str(run.path),
        "started": header.started_at,
        "ended": ending(run),
        "suite": f"{header.suite} (sha256 {header.suite_sha256[:16]})",
        "seed": str(header.seed),
        "limit": "none" if header.limit is None else str(header.limit),
        "engine": header.engine + (" (simulated)" if header.simulated else ""),
        "stressbench": f"{header.stressbench}, git {header.git_revision or 'unknown'}",
        "machine": describe_machine(machine),
        "driver": machine.driver or "none",
        "instructions": ", ".join(machine.isa) or "not known",
        "system": f"{machine.os}, Python {machine.python}",
        "packages": ", ".join(f"{name} {v}" for name, v in machine.packages.items()),
    }
    pairs |= {
        f"warm-up of {line.role_name}": _warmed(line.warm_up)
        for line in run.models
        if line.warm_up is not None
    }
    return (Fact(name=name, value=value) for name, value in pairs.items())


def _warmed(warm_up: WarmUp) -> str:
    """How a model was warmed up, in words: ``2 rounds of 8 requests, steady: 16.2, 1.1 s``."""
    how = "steady" if warm_up.steady else f"not steady ({warm_up.error or 'still gaining'})"
    seconds = ", ".join(f"{each:.1f}" for each in warm_up.round_s)
    rounds = f"{warm_up.rounds} rounds of {warm_up.requests_per_round} requests"
    return f"{rounds}, {how}: {seconds} s" if seconds else f"{rounds}, {how}"


def model_facts(role: str, model: ModelRun) -> Model:
    """A role's model, its tokenizer and its KV cache; what is null comes with its reason."""
    why = model.why_null
    facts = {
        "model": model.model,
        "revision": model.revision or f"null: {why.get('revision', 'no reason was recorded')}",
        "weights sha256": model.sha256 or f"null: {why.get('sha256', 'no reason was recorded')}",
        "architecture": model.architecture or "not known",
        "dtype": model.dtype or "not known",
        "tokenizer": f"{model.tokenizer} (sha256 {model.tokenizer_sha256[:16]})",
        "window": f"{model.max_model_len:,} tokens" if model.max_model_len else "not known",
        "KV cache": _cache(model),
    }
    return Model(
        role=role,
        model=model.model,
        tokenizer=model.tokenizer,
        set_up=_set_up(model),
        kv_capacity_tokens=model.kv.capacity_tokens if model.kv else None,
        facts=[Fact(name=name, value=value) for name, value in facts.items()],
    )


def _set_up(model: ModelRun) -> str:
    known = [
        model.architecture,
        model.dtype,
        f"window {model.max_model_len}" if model.max_model_len else None,
        f"KV {model.kv_blocks} blocks of {model.block_size}" if model.kv_blocks else None,
    ]
    return ", ".join(fact for fact in known if fact) or "not started"


def _cache(model: ModelRun) -> str:
    if model.kv is not None:
        return describe_kv(model.kv)
    blocks = model.kv_blocks
    return f"{blocks:,} blocks of {model.block_size} tokens" if blocks else "not known"


def reproduce(run: store.Run) -> list[str]:
    """Commands that make the run again: its file holds the whole suite, overrides included."""
    header = run.header
    revision = (header.git_revision or "").partition("+")[0]
    lines = [shlex.join(["git", "checkout", revision])] if revision else []
    return [*lines, shlex.join(["stressbench", "run", "--from", str(run.directory)])]
