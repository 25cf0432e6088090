"""The tokenizer seam: text to token ids and back, with a hash that names the vocabulary."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stressbench.errors import SetupError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as FastTokenizer


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

    def __init__(self, file: Path, *, name: str | None = None) -> None:
        from tokenizers import Tokenizer as FastTokenizer

        try:
            data = file.read_bytes()
        except OSError as error:
            raise SetupError(
                f"cannot read the tokenizer: {error.strerror}",
                where=str(file),
                hint="name a directory that holds a tokenizer.json",
            ) from error
        try:
            self._fast: FastTokenizer = FastTokenizer.from_buffer(data)
            self._special: FastTokenizer = FastTokenizer.from_buffer(data)
        except Exception as error:  # tokenizers raises bare Exception
            raise SetupError(f"not a tokenizer.json: {error}", where=str(file)) from error
        for fast in (self._fast, self._special):
            fast.no_truncation()
            fast.no_padding()
        self._fast.encode_special_tokens = True
        self.name = name or file.parent.name
        self.sha256 = hashlib.sha256(data).hexdigest()

    def encode(self, text: str) -> list[int]:
        return self._fast.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        batch = self._fast.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in batch]

    def decode(self, ids: Sequence[int]) -> str:
        return self._fast.decode(list(ids), skip_special_tokens=False)

    def encode_special(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        """Token ids of ``text`` where spelled special tokens become themselves."""
        return self._special.encode(text, add_special_tokens=add_special_tokens).ids


class ByteTokenizer:
    """One token a UTF-8 byte: the control against which every vocabulary is measured."""

    name = "bytes"
    sha256 = hashlib.sha256(b"stressbench bytes tokenizer, ids are UTF-8 bytes").hexdigest()

    def encode(self, text: str) -> list[int]:
        return list(text.encode("utf-8", "surrogatepass"))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode("utf-8", "replace")


def open_tokenizer(spec: str) -> Tokenizer:
    """Open the tokenizer that ``spec`` names: ``bytes``, a ``tokenizer.json``, or its directory.

    Raises ``SetupError`` saying what is missing.
    """
    if spec == "bytes":
        return ByteTokenizer()
    path = Path(spec).expanduser()
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file():
        return HuggingFaceTokenizer(file)
    raise SetupError(
        f"there is no tokenizer {spec!r}",
        hint="name 'bytes', a tokenizer.json, or a model directory that holds one",
    )
