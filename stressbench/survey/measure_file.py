"""Measures one file: what the child process of a survey runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import msgspec

from stressbench.errors import ResultsError
from stressbench.survey.isolation import JsonObject
from stressbench.survey.measure import measure
from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.vocabulary import Vocabulary


def measure_file(request: JsonObject, progress: Callable[[int], None]) -> JsonObject:
    """Measure one file; a request without a path only opens the tokenizer.

    Raises ``ResultsError`` if the file cannot be read.
    """
    vocabulary = _opened(str(request["tokenizer"]))
    if "path" not in request:
        return {}
    path = Path(str(request["path"]))
    progress(0)
    try:
        with path.open("rb") as stream:
            found = measure(
                vocabulary,
                stream,
                hot_spots=msgspec.convert(request["hot_spots"], int),
                progress=progress,
            )
    except OSError as error:
        raise ResultsError(f"cannot read it: {error.strerror}", where=str(path)) from error
    answer: JsonObject = msgspec.to_builtins(found)
    return answer


@lru_cache(maxsize=1)
def _opened(spec: str) -> Vocabulary:
    return open_tokenizer(spec)
