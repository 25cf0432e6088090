"""``stressbench tokens --glitch MODEL``: the tokens that a model has hardly ever seen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal, cast

from stressbench.errors import SetupError, UsageError

if TYPE_CHECKING:
    from stressbench.runner.plan.prepare import RunModel
    from stressbench.survey.glitch import GlitchCandidate

_MAX_TOKENS: Final = 24
_REPEATED: Final = {None: "not asked", True: "no", False: "yes"}


def glitch(model: str, *, verify: int, format_: Literal["table", "json"]) -> None:
    """Find the candidates, ask the model about the worst ``verify`` of them, print them all."""
    from stressbench.survey.glitch import candidates

    opened = _open(model)
    if opened.path is None:
        raise SetupError("the model has no folder with weights", where=model)
    found = candidates(opened.path)
    if verify:
        found = [*_verified(opened, found[:verify]), *found[verify:]]
    if format_ == "json":
        import msgspec

        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        sys.stdout.buffer.flush()
        return
    _show(found, opened.name, asked=min(verify, len(found)))


def _open(model: str) -> RunModel:
    from stressbench.cli.watch.preparing import preparing
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.runner.plan.prepare import open_model
    from stressbench.schema.suite.suite import ModelSpec

    with stderr_console() as console, preparing(console) as progress:
        return open_model("model", ModelSpec(model=model), progress, weights=True)


def _verified(model: RunModel, found: list[GlitchCandidate]) -> list[GlitchCandidate]:
    from stressbench import catalog
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.runner.ask import ask
    from stressbench.runner.session import EngineFactory
    from stressbench.survey.glitch import verify
    from stressbench.tokens.huggingface import HuggingFaceTokenizer

    tokenizer = model.prompt_format.tokenizer
    if not isinstance(tokenizer, HuggingFaceTokenizer):
        raise UsageError("only a model with a tokenizer.json can be asked", where=model.name)
    make = cast("EngineFactory", catalog.load("engines", "vllm"))
    with stderr_console() as console:
        console.print(f"asking {model.name} to repeat {len(found)} tokens, in two wordings each")
        return verify(
            found, tokenizer, lambda asked: ask(model, make, asked, max_tokens=_MAX_TOKENS)
        )


def _show(found: list[GlitchCandidate], model: str, *, asked: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from stressbench.cli._tokens_view import visible

    table = Table("token id", "text", "indicator", "repeated it", box=None, pad_edge=False)
    for name in (0, 2):
        table.columns[name].justify = "right"
    for token in found:
        table.add_row(
            f"{token.token_id}",
            Text(f"\u201c{visible(token.text)}\u201d"),
            f"{token.indicator:.4f}",
            _REPEATED[token.verified],
        )
    console = Console()
    console.print(table)
    failed = sum(token.verified is True for token in found)
    verdict = f"; {failed} of the {asked} asked about could not be repeated" if asked else ""
    console.print(
        f"{len(found)} candidates of {model}: the least trained first, by the indicator of"
        f" Land and Bartolo (2024){verdict}"
    )
