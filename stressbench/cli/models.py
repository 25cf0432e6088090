"""``stressbench models``."""

from __future__ import annotations

from typing import Annotated

import typer

from stressbench.cli._output import FormatOption

app = typer.Typer(no_args_is_help=True, help="List and build the built-in reference models.")


@app.command("list")
def list_models(*, format_: FormatOption = "table") -> None:
    """List the built-in models, and whether they are built.

    Example: stressbench models list
    """
    from stressbench.cli.listing import print_models

    print_models(json=format_ == "json")


@app.command()
def build(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Which models. Default: all not yet built."),
    ] = None,
) -> None:
    """Build the reference models now, not at the first run that needs them.

    Example: stressbench models build
    """
    from stressbench.cli.watch.preparing import preparing
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.models.reference import pair as reference

    with stderr_console() as console, preparing(console) as progress:
        paths = reference.build(names or reference.NAMES, progress)
    for path in paths:
        typer.echo(path)
