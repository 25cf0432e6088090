"""The command line: every command, and the only place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from stressbench import __version__
from stressbench.cli import (
    compare,
    generate,
    history,
    listing,
    models,
    predict,
    report,
    run,
    schema,
    show,
    thrash,
    tokens,
    validate,
)
from stressbench.cli import doctor as doctor_command
from stressbench.errors import ExitCode, StressbenchError
from stressbench.safe_text import safe_text

app = typer.Typer(
    name="stressbench",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_MEASURE = "Measure (needs an engine)"
_ANALYSE = "Analyse (needs nothing but result files)"
_LOOK = "Look around"


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            envvar="STRESSBENCH_DEBUG",
            help="Show tracebacks. Works anywhere on the command line.",
        ),
    ] = False,
) -> None:
    """Stress-test language models and show why they degrade.

    First steps:  stressbench doctor  |  stressbench list  |  stressbench run smoke
    """
    del version, debug


app.command("run", rich_help_panel=_MEASURE)(run.run)
app.command("generate", rich_help_panel=_MEASURE)(generate.generate)
app.add_typer(models.app, name="models", rich_help_panel=_MEASURE)
app.command("compare", rich_help_panel=_ANALYSE)(compare.compare)
app.command("history", rich_help_panel=_ANALYSE)(history.history)
app.command("predict", rich_help_panel=_ANALYSE)(predict.predict)
app.command("thrash", rich_help_panel=_ANALYSE)(thrash.thrash)
app.command("tokens", rich_help_panel=_ANALYSE)(tokens.tokens)
app.command("report", rich_help_panel=_ANALYSE)(report.report)
app.command("show", rich_help_panel=_ANALYSE)(show.show)
app.command("validate", rich_help_panel=_LOOK)(validate.validate)
app.command("list", rich_help_panel=_LOOK)(listing.list_kind)
app.command("schema", rich_help_panel=_LOOK)(schema.schema)
app.command("doctor", rich_help_panel=_LOOK)(doctor_command.doctor)


def main() -> NoReturn:
    """Run the command line and exit with the contract's exit code."""
    debug = "--debug" in sys.argv or os.environ.get("STRESSBENCH_DEBUG", "") not in {"", "0"}
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        code = app(arguments, prog_name="stressbench", standalone_mode=False)
    except StressbenchError as error:
        if debug:
            raise
        _report(str(error), error.hint)
        sys.exit(error.exit_code)
    except TyperException as error:
        sys.exit(_refuse(error))
    except BrokenPipeError:  # the reader of our output has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # whatever else goes wrong is a bug of ours
        if debug:
            raise
        _report(
            f"internal error: {type(error).__name__}: {error}",
            "this is a bug in stressbench; run it again with --debug and report what it shows",
        )
        sys.exit(ExitCode.ENVIRONMENT)
    sys.exit(code if isinstance(code, int) else ExitCode.PASS)


def _refuse(error: TyperException) -> ExitCode:
    """Say what is wrong with the command line."""
    from stressbench.cli._refusal import refusal

    message, hint = refusal(error)
    if message:
        _report(message, hint)
    return ExitCode.USAGE


def _report(message: str, hint: str | None) -> None:
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(safe_text(message), err=True)
    if hint:
        typer.echo(f"  {safe_text(hint)}", err=True)
