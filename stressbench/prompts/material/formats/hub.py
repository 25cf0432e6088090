"""Data sets of Hugging Face, and folders that ``datasets`` can read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

from stressbench.errors import SetupError, SuiteError, one_line
from stressbench.prompts.material.formats.row import FileRow
from stressbench.prompts.material.formats.values import plain

_NAME: Final = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


def data_set_rows(path: str, where: str) -> Iterator[FileRow]:
    """Yield the rows of a data set as a stream: of ``train``, or else of its first split.

    Raises ``SuiteError`` naming ``where`` if there is none, or if it cannot be read.
    """
    try:
        from datasets import IterableDatasetDict, load_dataset
    except ImportError as error:
        raise SetupError(
            "reading this data needs the package datasets, which is not installed",
            hint="pip install 'stressbench[datasets]'",
        ) from error
    number = 0
    try:
        found = load_dataset(path, streaming=True)
        if isinstance(found, IterableDatasetDict):
            found = found["train"] if "train" in found else next(iter(found.values()))
        for row in found:
            number += 1
            values = cast("Mapping[str, object]", plain(row))
            yield FileRow(values, path, number, "row")
    except Exception as error:  # datasets raises its own, the hub's and fsspec's errors
        why = f"{path!r} is neither a file nor a data set"
        if number:
            why = f"row {number + 1} of {path!r} cannot be read"
        raise SuiteError(
            f"{why}: {one_line(error)}",
            where=where,
            hint="name a local file or folder, or a Hugging Face data set id",
        ) from error


def may_be_named(path: str) -> bool:
    """Whether ``path`` could be the id of a data set: ``name`` or ``owner/name``."""
    return _NAME.fullmatch(path) is not None
