"""Hugging Face tokenizers: a ``tokenizer.json``, from a file or from the local cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stressbench.errors import UsageError
from stressbench.tokens.tokenizer import replace_surrogates

if TYPE_CHECKING:
    from tokenizers import Tokenizer as FastTokenizer

    from stressbench.tokens.vocabulary import Cut, Offsets, TokenIds, TokenTable


class HuggingFaceTokenizer:
    """A ``tokenizer.json``, run by Hugging Face ``tokenizers``.

    Only ``encode_special`` produces special tokens; chat templates need it.
    """

    def __init__(
        self, source: Path | bytes, *, name: str | None = None, window_tokens: int | None = None
    ) -> None:
        """Open ``source``, which is the file or its content.

        The context window is read from a ``config.json`` in the same folder.
        """
        if isinstance(source, Path):
            data = _read(source)
            window_tokens = window_tokens or window_of(source)
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
        """Return the token ids of ``text``, turning spelled-out special tokens into themselves."""
        return self._special.encode(text, add_special_tokens=add_special_tokens).ids

    @property
    def cut(self) -> Cut:
        """Where text may be cut, as far as the ``tokenizer.json`` proves it."""
        from stressbench.tokens.tokenizer_json import cut_of

        return cut_of(self._config)

    def encode_arrays(self, texts: Sequence[str]) -> list[TokenIds]:
        import numpy as np

        return [np.asarray(ids, np.uint32) for ids in self.encode_batch(texts)]

    def starts(self, text: str, ids: TokenIds) -> Offsets:
        import numpy as np

        starts = self._table.starts(ids, len(text.encode()))
        if starts is not None:
            return starts
        # A normaliser changed the text, so ask the library for offsets; it counts characters.
        encoding = self._fast.encode(text, add_special_tokens=False)
        first_bytes = np.cumsum([0, *(len(char.encode()) for char in text)])
        begins = [start for start, _ in encoding.offsets]
        offsets: Offsets = first_bytes[begins].astype(np.int64)
        return offsets

    def table(self) -> TokenTable:
        return self._table

    @cached_property
    def _table(self) -> TokenTable:
        from stressbench.tokens.tokenizer_json import table_of

        return table_of(self._fast, self._config)


def cached_file(repository: str) -> Path | None:
    """Find a model id's ``tokenizer.json`` in the local Hugging Face cache; download nothing."""
    if repository.count("/") > 1 or not repository.replace("/", "").strip("."):
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(repository, "tokenizer.json")
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def window_of(tokenizer_file: Path) -> int | None:
    """Read the longest prompt from the ``config.json`` in the folder of a ``tokenizer.json``."""
    try:
        data = tokenizer_file.with_name("config.json").read_bytes()
        return msgspec.json.decode(data, type=_ModelConfig).max_position_embeddings
    except (OSError, msgspec.MsgspecError):
        return None


class _ModelConfig(msgspec.Struct):
    max_position_embeddings: int | None = None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the tokenizer: {error.strerror}",
            where=str(file),
            hint="name a directory that holds a tokenizer.json",
        ) from error
