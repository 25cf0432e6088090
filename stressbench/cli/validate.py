"""``stressbench validate``."""

from __future__ import annotations

from typing import Annotated

import typer


def validate(
    suites: Annotated[
        list[str],
        typer.Argument(metavar="SUITE", help="Suite files, or names of shipped suites."),
    ],
    *,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Replace any field, as in run."),
    ] = None,
) -> None:
    """Check suites without running them: keys, names, budgets, windows, gates.

    Example: stressbench validate suites/smoke.yaml
    """
    from stressbench.cli._planned import counted, planned_gates
    from stressbench.cli._sent import first_of_each_source
    from stressbench.cli.watch.preparing import preparing
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.compare.decidable import told
    from stressbench.metrics.families import known
    from stressbench.runner.plan.gates import check_gate_keys, check_gates
    from stressbench.runner.plan.models import open_models
    from stressbench.runner.plan.prepare import check_names, check_prompts, open_prompt_formats
    from stressbench.runner.plan.probes import passes
    from stressbench.runner.plan.requests import Plan
    from stressbench.safe_text import safe_text
    from stressbench.schema.suite.parse import load_suite
    from stressbench.schema.suite.shipped import find_suite

    for name in suites:
        suite = load_suite(find_suite(name), overrides=set_ or ())
        check_names(suite)
        check_gates(suite, known())
        with stderr_console() as console, preparing(console) as progress:
            models = open_models(suite.spec, progress, weights=False)
        plan = Plan(suite.spec, open_prompt_formats(suite, models))
        notes = check_prompts(suite, plan, models)
        check_gate_keys(suite, known(), plan)
        requests = counted(suite.spec, list(models), passes(suite.spec, workers=True))
        typer.echo(f"{suite.source}: valid; {requests}")
        for line in told(planned_gates(plan)):
            typer.echo(f"  {line}")
        for line in first_of_each_source(plan):
            typer.echo(f"  {line}")
        for note in notes:
            typer.echo(safe_text(note), err=True)
