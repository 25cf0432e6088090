"""Suggests normalisers that save tokens in a document with one tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

import msgspec

from stressbench import catalog
from stressbench.errors import ResultsError, SetupError, UsageError
from stressbench.levers.base import SEVERITY, FirstDifference, Normaliser, RewriteLoss
from stressbench.survey.isolation import JsonObject
from stressbench.survey.measure import count_tokens
from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.vocabulary import Vocabulary

LARGEST_BYTES: Final = 1 << 26
"""Normalisers hold the whole document in memory; larger documents are refused."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What one normaliser saves on one document."""

    lever: str
    tokens: int | None
    """Tokens after the rewrite; null if the normaliser could not run (see ``why_null``)."""
    saved_tokens: int | None
    saved_share: float | None
    loss: RewriteLoss | None
    lossy: bool | None
    changes: int | None
    first_difference: FirstDifference | None
    skipped: list[str]
    why_null: str | None = None


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """Every normaliser that saves tokens, the best one first, and what they save together."""

    tokens: int
    advice: list[Advice]
    chain: list[str]
    """Normalisers in an order in which each saves tokens after the ones before it."""
    chain_tokens: int
    chain_loss: RewriteLoss


def suggest(text: str, vocabulary: Vocabulary, progress: Callable[[int], None]) -> Suggestion:
    """Try every normaliser alone, then the useful ones one after the other."""
    tokens = _count(text, vocabulary)
    advice: list[Advice] = []
    for name in _normalisers():
        advice.append(_advise(name, text, tokens, vocabulary))
        progress(0)
    useful = [item for item in advice if item.saved_tokens is None or item.saved_tokens > 0]
    useful.sort(key=_rank)
    chain: list[str] = []
    remaining = tokens
    loss: RewriteLoss = "none"
    for item in useful:
        if item.saved_tokens is None:
            continue
        rewrite = load_normaliser(item.lever).rewrite(text)
        after = _count(rewrite.text, vocabulary)
        progress(0)
        if after < remaining:
            chain.append(item.lever)
            text, remaining = rewrite.text, after
            loss = max(loss, rewrite.loss, key=SEVERITY.__getitem__)
    return Suggestion(
        tokens=tokens, advice=useful, chain=chain, chain_tokens=remaining, chain_loss=loss
    )


def suggest_file(request: JsonObject, progress: Callable[[int], None]) -> JsonObject:
    """Suggest normalisers for a file; runs in a child process."""
    vocabulary = _opened(str(request["tokenizer"]))
    progress(0)
    text = read_text(Path(str(request["path"])))
    answer: JsonObject = msgspec.to_builtins(suggest(text, vocabulary, progress))
    return answer


def rewrite_file(request: JsonObject, progress: Callable[[int], None]) -> JsonObject:
    """Rewrite a file with the named levers and write the result; runs in a child process."""
    text = read_text(Path(str(request["path"])))
    for name in msgspec.convert(request["levers"], list[str]):
        text = load_normaliser(name).rewrite(text).text
        progress(0)
    Path(str(request["target"])).write_text(text, "utf-8", errors="replace", newline="")
    return {}


def load_normaliser(name: str) -> Normaliser:
    """Load the normaliser ``name`` with its defaults. Raises ``UsageError`` if there is none."""
    plugin = catalog.load("levers", name)
    if not (isinstance(plugin, type) and issubclass(plugin, Normaliser)):
        raise UsageError(
            f"the lever {name!r} does not rewrite text",
            hint=f"one of: {', '.join(_normalisers())}",
        )
    made: Normaliser = plugin()
    return made


def read_text(path: Path) -> str:
    """Read a whole document; malformed UTF-8 becomes U+FFFD."""
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise ResultsError(
                f"the file has {size:,} bytes; normalisers take at most {LARGEST_BYTES:,}",
                where=str(path),
            )
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise ResultsError(f"cannot read it: {error.strerror}", where=str(path)) from error


def _advise(name: str, text: str, tokens: int, vocabulary: Vocabulary) -> Advice:
    try:
        rewrite = load_normaliser(name).rewrite(text)
    except SetupError as error:
        return _unknown(name, f"{error.message}: {error.hint}")
    after = _count(rewrite.text, vocabulary) if rewrite.changes else tokens
    return Advice(
        lever=name,
        tokens=after,
        saved_tokens=tokens - after,
        saved_share=(tokens - after) / tokens if tokens else None,
        loss=rewrite.loss,
        lossy=rewrite.lossy,
        changes=rewrite.changes,
        first_difference=rewrite.first_difference,
        skipped=rewrite.skipped[:5],
    )


def _unknown(name: str, why: str) -> Advice:
    return Advice(
        lever=name,
        tokens=None,
        saved_tokens=None,
        saved_share=None,
        loss=None,
        lossy=None,
        changes=None,
        first_difference=None,
        skipped=[],
        why_null=why,
    )


def _rank(item: Advice) -> tuple[int, int, str]:
    return (-(item.saved_tokens or 0), SEVERITY[item.loss or "content"], item.lever)


def _count(text: str, vocabulary: Vocabulary) -> int:
    return count_tokens(vocabulary, BytesIO(text.encode("utf-8", "replace")))


def _normalisers() -> list[str]:
    return [name for name in catalog.names("levers") if _is_normaliser(name)]


def _is_normaliser(name: str) -> bool:
    plugin = catalog.load("levers", name)
    return isinstance(plugin, type) and issubclass(plugin, Normaliser)


@lru_cache(maxsize=1)
def _opened(spec: str) -> Vocabulary:
    return open_tokenizer(spec)
