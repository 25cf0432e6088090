"""``stressbench models``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The built-in reference models: list and build them.")


class Format(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"


@app.command("list")
def list_models(
    *, format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE
) -> None:
    """List the built-in models, and whether they are built.

    Example: stressbench models list
    """
    from stressbench.cli.listing import print_models

    print_models(json=format_ is Format.JSON)


@app.command()
def build(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which ones; default: all that are not built.")
    ] = None,
) -> None:
    """Build the reference pair now instead of at the first run.

    Example: stressbench models build
    """
    from stressbench.cli.watch.preparing import preparing
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.models.reference import pair as reference

    with stderr_console() as console, preparing(console) as progress:
        paths = reference.build(names or reference.NAMES, progress)
    for path in paths:
        typer.echo(path)
