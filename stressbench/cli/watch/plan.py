"""What a run would send, as a table: the output of ``run --dry-run``."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from stressbench.report.model.load import describe
from stressbench.runner.plan.requests import Plan


def print_plan(console: Console, plan: Plan) -> None:
    """Print what a run would send: requests and prompt tokens by role, class and arm."""
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="bold")
    for heading in ("role", "class", "arm"):
        table.add_column(heading)
    for heading in ("requests", "prompt tokens", "shortest", "longest", "answer limit"):
        table.add_column(heading, justify="right")
    for role in plan.suite.roles:
        lengths: dict[tuple[str, str], list[int]] = {}
        limits: dict[tuple[str, str], int] = {}
        for request in plan.of(role):
            key = request.case.label, request.case.arm
            lengths.setdefault(key, []).append(len(request.prompt_token_ids))
            limits[key] = max(limits.get(key, 0), request.case.max_tokens)
        for (label, arm), tokens in lengths.items():
            row = len(tokens), sum(tokens), min(tokens), max(tokens), limits[label, arm]
            table.add_row(role, label, arm, *(f"{value:,}" for value in row))
        table.add_section()
    console.print(table)
    console.print(f"load: {describe(plan.suite.load)}")
