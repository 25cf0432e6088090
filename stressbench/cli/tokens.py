"""``stressbench tokens``: what a text costs in tokens, where, and what would make it cheaper."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from stressbench.cli._output import FormatOption, TableOrJson, print_json
from stressbench.errors import UsageError

if TYPE_CHECKING:
    from stressbench.levers.suggest import Suggestion
    from stressbench.survey.files import Document, FileCost, Survey

DocumentProgress: TypeAlias = Callable[[str, str, int], None]
"""Called with the tokenizer, the document, and how many bytes of it are read."""

_DEFAULT: Final = ("o200k_base",)
_STDIN: Final = "-"
_LEVER: Final = "lever:"
_SNIFFED_BYTES: Final = 8192
_EXAMPLE: Final = """
Examples:

  stressbench tokens prompt.txt

  stressbench tokens docs/ -t o200k_base -t mistral:tekken -t deepseek -t bytes

  cat dump.json | stressbench tokens - --suggest --heat

  stressbench tokens attacked.txt --against benign.txt --format json

  stressbench tokens --glitch reference-dense --verify 40 --format json > glitch.json

A tokenizer is a tiktoken encoding (o200k_base), tiktoken:MODEL, mistral:tekken, mistral:v3,
deepseek, gguf:FILE, a tokenizer.json, a model directory, a built-in model, a model id in the
Hugging Face cache, or bytes.
"""


def tokens(  # noqa: PLR0913  one parameter an option
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE|-", help="Files or directories; - is stdin."),
    ] = None,
    *,
    tokenizer: Annotated[
        list[str] | None,
        typer.Option(
            "--tokenizer",
            "-t",
            metavar="SPEC",
            help="Count with this tokenizer. May be repeated. Default: o200k_base.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="TWIN", help="Measure inflation against this text: a file, or lever:NAME."
        ),
    ] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Rank the levers that would make each text cheaper.")
    ] = False,
    heat: Annotated[
        bool, typer.Option("--heat", help="Show the most expensive lines token by token.")
    ] = False,
    top: Annotated[
        int, typer.Option(min=0, metavar="N", help="Find the N most expensive lines.")
    ] = 5,
    window: Annotated[
        int | None,
        typer.Option(min=1, metavar="TOKENS", help="Context window, if not the tokenizer's own."),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1, metavar="SECONDS", help="Give up on a tokenizer after this long silence."
        ),
    ] = 60.0,
    glitch: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="List the tokens that MODEL hardly saw in training. Reads no files.",
        ),
    ] = None,
    verify: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="With --glitch: ask the model to repeat N of them."),
    ] = 0,
    format_: FormatOption = "table",
) -> None:
    """Count the tokens of files with each tokenizer, and show where they go."""
    if glitch is not None:
        from stressbench.cli._glitch import glitch as find_glitch_tokens

        if files:
            raise UsageError("--glitch reads a model, not files", where=files[0])
        find_glitch_tokens(glitch, verify=verify, format_=format_)
        return
    if verify:
        raise UsageError("--verify needs --glitch MODEL")
    from stressbench.survey.measuring import measuring_process

    resolved = {spec: _resolved(spec) for spec in tokenizer or _DEFAULT}
    with (
        measuring_process(timeout) as worker,
        tempfile.TemporaryDirectory(prefix="stressbench-") as scratch,
        _progress() as progress,
    ):
        # Opening a vocabulary takes longest, so it starts while this process imports the rest.
        worker.warm_up({"tokenizer": next(iter(resolved.values()))})
        from stressbench.survey.files import Survey

        survey = Survey(tokenizers=resolved, hot_spots=top, window_tokens=window, silence_s=timeout)
        documents = _documents(files or [_STDIN], against, Path(scratch), timeout)
        costs = survey.run(documents, progress, worker)
        advice = _advice(survey, documents, progress) if suggest else None
    _emit(costs, advice, format_, heat=heat)


tokens.__doc__ = f"{tokens.__doc__}\n{_EXAMPLE}"


def _resolved(spec: str) -> str:
    """The tokenizer to open: a built-in model's directory, else ``spec`` itself."""
    from stressbench.models.reference import pair as reference

    if spec not in reference.NAMES:
        return spec
    return str(reference.obtain_small_files(spec, lambda *_: None))


def _documents(
    files: list[str], against: str | None, scratch: Path, timeout: float
) -> list[Document]:
    from stressbench.survey.files import Document

    found = [item for file in files for item in _expanded(file, scratch)]
    if against is None:
        return found
    if not against.startswith(_LEVER):
        twin = Path(against)
        if not twin.is_file():
            raise UsageError(
                "there is no such file", where=against, hint="--against FILE, or lever:NAME"
            )
        return [Document(item.name, item.path, twin) for item in found]
    levers = against.removeprefix(_LEVER).split(",")
    return [
        Document(item.name, item.path, _rewritten(item, levers, scratch / f"twin{index}", timeout))
        for index, item in enumerate(found)
    ]


def _rewritten(document: Document, levers: list[str], target: Path, timeout: float) -> Path:
    from stressbench.errors import ResultsError
    from stressbench.levers.suggest import load_normaliser
    from stressbench.survey.isolation import Isolated, UnfinishedError

    for lever in levers:
        load_normaliser(lever)  # refuse a wrong name before any work is done
    request: dict[str, object] = {
        "path": str(document.path),
        "levers": levers,
        "target": str(target),
    }
    with Isolated("stressbench.levers.suggest:rewrite_file", silence_s=timeout) as worker:
        try:
            worker.call(request)
        except UnfinishedError as error:
            raise ResultsError(
                f"{','.join(levers)} could not rewrite it: {error}", where=document.name
            ) from error
    return target


def _expanded(name: str, scratch: Path) -> Iterator[Document]:
    from stressbench.survey.files import Document

    path = Path(name)
    if name == _STDIN:
        if sys.stdin.isatty():
            typer.echo("reading standard input; end it with Ctrl-D", err=True)
        spooled = scratch / "stdin"
        with spooled.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        yield Document("-", spooled)
    elif path.is_dir():
        yield from _folder(path)
    elif path.exists():
        yield Document(name, path)
    else:
        raise UsageError("there is no such file", where=name)


def _folder(folder: Path) -> Iterator[Document]:
    """Text files below a directory, sorted; hidden and binary ones are left out."""
    from stressbench.survey.files import Document

    binary = 0
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if not path.is_file():
            continue
        with path.open("rb") as stream:
            if b"\0" in stream.read(_SNIFFED_BYTES):
                binary += 1
                continue
        yield Document(str(path), path)
    if binary:
        typer.echo(f"{folder}: left out {binary} binary files; name one to measure it", err=True)


def _advice(
    survey: Survey, documents: list[Document], progress: DocumentProgress
) -> list[list[Suggestion | str]]:
    """A suggestion for each document and tokenizer, or the reason for having none."""
    import msgspec

    from stressbench.errors import ResultsError
    from stressbench.levers.suggest import Suggestion
    from stressbench.survey.isolation import Isolated, UnfinishedError

    rows: list[list[Suggestion | str]] = [[] for _ in documents]
    for name, spec in survey.tokenizers.items():
        with Isolated(
            "stressbench.levers.suggest:suggest_file", silence_s=survey.silence_s
        ) as worker:
            for row, document in zip(rows, documents, strict=True):
                progress(f"{name}, suggestions", document.name, 0)
                try:
                    answer = worker.call({"tokenizer": spec, "path": str(document.path)})
                    row.append(msgspec.convert(answer, Suggestion))
                except (UnfinishedError, ResultsError) as error:
                    row.append(str(error))
    return rows


def _emit(
    costs: list[FileCost],
    advice: list[list[Suggestion | str]] | None,
    format_: TableOrJson,
    *,
    heat: bool,
) -> None:
    if format_ == "json":
        from stressbench.cli._tokens_view import as_json

        print_json(as_json(costs, advice))
        return
    from rich.console import Console

    from stressbench.cli._tokens_view import show

    show(Console(), costs, advice, heat=heat)


@contextmanager
def _progress() -> Iterator[DocumentProgress]:
    """Show on stderr what is being read; nothing if stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console

    from stressbench.safe_text import exposed_text

    with Console(stderr=True).status("") as status:

        def hear(tokenizer: str, document: str, done_bytes: int) -> None:
            status.update(f"{tokenizer}: {exposed_text(document)}, {done_bytes / 1e6:.1f} MB")

        yield hear
