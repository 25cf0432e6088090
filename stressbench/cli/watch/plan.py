"""What a run would send, as a table: the output of ``run --dry-run``."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from rich.console import Console

from stressbench.report.terminal.layout import table, text
from stressbench.report.words.kv import describe_kv
from stressbench.report.words.load import describe
from stressbench.runner.plan.requests import Plan
from stressbench.schema.results.kv import KvSetup
from stressbench.schema.suite.entry import entry_of, repeated_classes

_FACTS = ("requests", "prompt\ntokens", "min", "max", "answer\nlimit")


def print_plan(console: Console, plan: Plan) -> None:
    """Print what a run would send: requests and prompt tokens by role, entry and arm."""
    repeated = repeated_classes(msgspec.to_builtins(plan.suite))
    shown = table(left=("role", "class", "arm"), right=_FACTS, gap=2)
    for role in plan.suite.roles:
        lengths: dict[tuple[str, str], list[int]] = {}
        limits: dict[tuple[str, str], int] = {}
        for request in plan.of(role):
            case = request.case
            key = entry_of(case.prompt_class, case.label, repeated).name, case.arm
            lengths.setdefault(key, []).append(len(request.prompt_token_ids))
            limits[key] = max(limits.get(key, 0), case.max_tokens)
        for (entry, arm), tokens in lengths.items():
            row = len(tokens), sum(tokens), min(tokens), max(tokens), limits[entry, arm]
            shown.add_row(*map(text, (role, entry, arm, *(f"{value:,}" for value in row))))
        shown.add_section()
    console.print(shown)
    console.print(text("min, max: tokens of the shortest and the longest prompt", "dim"))
    console.print(text(f"load: {describe(plan.suite.load)}"))


def print_kv(console: Console, caches: Mapping[str, KvSetup]) -> None:
    """Print a line on the KV cache of every role."""
    for role, kv in caches.items():
        console.print(text(f"{role}: {describe_kv(kv)}"), soft_wrap=True)
