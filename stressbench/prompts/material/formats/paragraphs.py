"""Text files, and folders of them: a row for each paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stressbench.prompts.material.formats.row import FileRow
from stressbench.prompts.material.formats.text import LONGEST, lines, too_long

ENDINGS: Final = (".txt", ".md", ".rst")


def paragraphs(file: Path, text_field: str) -> Iterator[FileRow]:
    """Yield the paragraphs of a text file: what stands between blank lines."""
    found: list[str] = []
    start = chars = 0
    for number, line in lines(file):
        if line.strip():
            start = start if found else number
            found.append(line.rstrip("\r\n"))
            chars += len(line)
            if chars > LONGEST:
                raise too_long("paragraph", f"{file}:{start}")
        elif found:
            yield FileRow({text_field: "\n".join(found)}, str(file), start)
            found, chars = [], 0
    if found:
        yield FileRow({text_field: "\n".join(found)}, str(file), start)


def text_files(folder: Path) -> Sequence[Path]:
    """Return the files of a folder that holds nothing but text, in the order of their paths.

    Hidden files do not count. Empty if there is any other file.
    """
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.is_file() and not any(p.startswith(".") for p in file.relative_to(folder).parts)
    )
    return files if all(_stem(file).suffix.lower() in ENDINGS for file in files) else []


def _stem(file: Path) -> Path:
    return file.with_suffix("") if file.suffix.lower() == ".gz" else file
