"""``stressbench generate``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from stressbench.cli._output import cannot_write


def generate(
    suite: Annotated[str, typer.Argument(help="A suite file, or the name of a shipped suite.")],
    *,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="ROLE=SPEC", help="Replace the model of a role."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Use at most N items of each prompt entry."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here, not to stdout.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Replace any field, as in run."),
    ] = None,
) -> None:
    """Write a suite's requests as JSON lines, without an engine.

    Each line is one request of one role: text, token ids, spans, expected answers and
    hashes, as `stressbench schema case` describes. Memory does not grow with their number.

    Example: stressbench generate smoke --limit 1 --out cases.jsonl
    """
    import jsonlines
    import msgspec

    from stressbench.cli._overrides import overrides
    from stressbench.cli.watch.preparing import preparing
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.metrics.families import known
    from stressbench.runner.plan.gates import check_gate_keys, check_gates
    from stressbench.runner.plan.models import open_models
    from stressbench.runner.plan.prepare import check_names, check_prompts, open_prompt_formats
    from stressbench.runner.plan.requests import Plan, limited
    from stressbench.safe_text import safe_text
    from stressbench.schema.suite.parse import load_suite
    from stressbench.schema.suite.shipped import find_suite

    changed = overrides(model, None, set_)
    loaded = load_suite(find_suite(suite), overrides=changed.changes)
    changed.check_roles(loaded)
    check_names(loaded)
    check_gates(loaded, known())
    spec = limited(loaded.spec, limit)
    with stderr_console() as console, preparing(console) as progress:
        models = open_models(spec, progress, weights=False)
    plan = Plan(spec, open_prompt_formats(loaded, models))
    for note in check_prompts(loaded, plan, models):
        typer.echo(safe_text(note), err=True)
    check_gate_keys(loaded, known(), plan)
    try:
        with out.open("wb") if out else nullcontext(sys.stdout.buffer) as file:
            writer = jsonlines.Writer(file, dumps=msgspec.json.encode)
            for role in spec.roles:
                writer.write_all(plan.of(role))
    except BrokenPipeError:
        raise  # the reader has closed the pipe; typer ends quietly
    except OSError as error:
        raise cannot_write(out or Path("stdout"), error) from error
