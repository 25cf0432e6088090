"""Options that stand for changes of a suite: ``--model``, ``--seed``, ``--set``, ``--base-url``."""

from __future__ import annotations

import json

from stressbench.errors import UsageError


def overrides(models: list[str] | None, seed: int | None, given: list[str] | None) -> list[str]:
    """The suite overrides that ``--model``, ``--seed`` and ``--set`` stand for."""
    changes = list(given or [])
    for pair in models or []:
        role, found, spec = pair.partition("=")
        if not found or not role or not spec:
            raise UsageError(
                f"expected ROLE=SPEC, not {pair!r}", hint="--model dense=reference-dense"
            )
        changes.append(f"models.{role}.model={json.dumps(spec)}")
    if seed is not None:
        changes.append(f"seed={seed}")
    return changes


def served_at(
    base_url: str | None, engine: str | None, changes: list[str]
) -> tuple[str | None, list[str]]:
    """The engine and the suite overrides that ``--base-url`` stands for."""
    if base_url is None:
        return engine, changes
    if engine not in {None, "openai"}:
        raise UsageError(f"--base-url is for --engine openai, not for {engine!r}")
    from stressbench.engines.openai.args import read_address

    read_address(base_url)  # refused here, an address with a key in it is repeated nowhere
    return "openai", [*changes, f"engine.args.base_url={json.dumps(base_url)}"]
