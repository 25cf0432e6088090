"""``stressbench tokens --glitch MODEL``: tokens that a model hardly saw in training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from stressbench.cli._output import TableOrJson, print_json
from stressbench.errors import SetupError

if TYPE_CHECKING:
    from stressbench.runner.plan.models import RunModel
    from stressbench.schema.suite.suite import ModelSpec
    from stressbench.survey.glitch import GlitchCandidate

_MAX_TOKENS: Final = 24
_WINDOW: Final = 512
_REPEATED: Final = {None: "not asked", True: "no", False: "yes"}


def glitch(model: str, *, verify: int, format_: TableOrJson) -> None:
    """Find candidates, ask the model to repeat the worst ``verify`` of them, print them all."""
    from stressbench.survey.glitch import candidates

    opened = _open(model)
    if opened.path is None:
        raise SetupError("the model has no directory with weights", where=model)
    found = candidates(opened.path)
    if verify:
        found = [*_verified(model, found[:verify]), *found[verify:]]
    if format_ == "json":
        print_json(found)
        return
    _show(found, opened.name, asked=min(verify, len(found)))


def _open(model: str) -> RunModel:
    from stressbench.cli.watch.preparing import preparing
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.runner.plan.models import open_model
    from stressbench.schema.suite.suite import ModelSpec

    with stderr_console() as console, preparing(console) as progress:
        return open_model("model", ModelSpec(model=model), progress, weights=True)


def _verified(model: str, found: list[GlitchCandidate]) -> list[GlitchCandidate]:
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.schema.suite.suite import ModelSpec
    from stressbench.survey.glitch import verified

    with stderr_console() as console:
        console.print(
            f"asking {model} to repeat {len(found)} tokens, twice each in different words"
        )
        answers = repeat(ModelSpec(model=model), [token.token_id for token in found])
    return verified(found, answers)


def repeat(
    model: ModelSpec, token_ids: Sequence[int], *, engine: str = "vllm"
) -> dict[int, list[str]]:
    """Ask a model to repeat each token, in every wording; its answers by token id.

    The answer to a request that failed is an empty text. Raises ``EngineError`` if the engine
    does not start or dies.
    """
    from stressbench.errors import ExitCode
    from stressbench.runner.interrupt import leaving
    from stressbench.runner.plan.prepare import prepare
    from stressbench.runner.run import run
    from stressbench.runner.send.virtual_time import in_its_time
    from stressbench.schema.suite.parse import parse_suite
    from stressbench.store import read_run

    suite = parse_suite(json.dumps(_suite(model, token_ids)).encode(), source="--verify")
    with leaving(), TemporaryDirectory(prefix="stressbench-") as scratch:
        prepared = prepare(suite, engine=engine, limit=None, progress=lambda *_: None)
        directory = Path(scratch) / "run"
        running = run(prepared, directory)
        result = in_its_time(running, virtual=prepared.traits.simulated)
        if result.error is not None:
            raise result.error
        if result.status == "interrupted":
            raise SystemExit(ExitCode.INTERRUPTED)
        answers: dict[int, list[str]] = {token_id: [] for token_id in token_ids}
        for record in read_run(directory).records():
            token_id = record.params["token_id"]
            assert isinstance(token_id, int)
            answers[token_id].append(record.output.text or "")
    return answers


def _suite(model: ModelSpec, token_ids: Sequence[int]) -> dict[str, object]:
    """A suite that asks for each token once in each wording."""
    prompt = {
        "use": "glitch_token",
        "items": len(token_ids),
        "arms": ["stress"],
        "params": {"ids": ",".join(map(str, token_ids)), "wording": ["string", "word"]},
        "max_tokens": _MAX_TOKENS,
    }
    return {
        "schema": 1,
        "name": "glitch",
        "models": {"model": {"model": model.model, "args": model.args}},
        "engine": {"max_model_len": _WINDOW},
        "probes": [],
        "prompts": [prompt],
    }


def _show(found: list[GlitchCandidate], model: str, *, asked: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from stressbench.safe_text import exposed_text

    table = Table("token id", "text", "indicator", "repeated", box=None, pad_edge=False)
    for name in (0, 2):
        table.columns[name].justify = "right"
    for token in found:
        table.add_row(
            f"{token.token_id}",
            Text(f"\u201c{exposed_text(token.text)}\u201d"),
            f"{token.indicator:.4f}",
            _REPEATED[token.verified],
        )
    console = Console()
    console.print(table)
    failed = sum(token.verified is True for token in found)
    verdict = f"; the model could not repeat {failed} of {asked}" if asked else ""
    console.print(
        f"{len(found)} candidates of {model}, least trained first, by the indicator of"
        f" Land and Bartolo (2024){verdict}"
    )
