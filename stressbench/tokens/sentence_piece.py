"""SentencePiece models: ``*.model`` files, and the ones that GGUF files carry."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from stressbench.errors import SetupError, UsageError
from stressbench.tokens.tokenizer import replace_surrogates
from stressbench.tokens.vocabulary import Cut, Offsets, TokenIds, TokenTable

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

_WORD_MARK: Final = "\u2581"


def open_model(file: Path, *, name: str) -> SentencePieceTokenizer:
    """Open a SentencePiece ``.model`` file."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read it: {error.strerror}", where=str(file)) from error
    return SentencePieceTokenizer(data, name=name, where=str(file))


class SentencePieceTokenizer:
    """A serialized SentencePiece model; encodes plain text without BOS or EOS."""

    window_tokens: int | None = None

    def __init__(self, model: bytes, *, name: str, where: str = "") -> None:
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError as error:
            raise SetupError(
                "the package sentencepiece is not installed",
                hint="pip install 'stressbench[tokenizers]'",
            ) from error
        try:
            self._model: SentencePieceProcessor = SentencePieceProcessor(model_proto=model)
        except (RuntimeError, ValueError) as error:
            raise UsageError(f"not a SentencePiece model: {error}", where=where) from error
        self.name = name
        self.sha256 = hashlib.sha256(model).hexdigest()
        self._pieces: list[str] = self._model.id_to_piece(list(range(len(self._model))))
        # Text can be cut at spaces if the model adds a dummy prefix, keeps repeated spaces, and
        # has no piece that crosses from one word to the next.
        spaces_kept = self._model.encode("a  b", out_type=str) != self._model.encode(
            "a b", out_type=str
        )
        across = any(_WORD_MARK in piece.lstrip(_WORD_MARK) for piece in self._pieces)
        prefixed = self._model.encode("a", out_type=str)[0].startswith(_WORD_MARK)
        self._prefixed = prefixed
        self.cut: Cut = "space" if spaces_kept and prefixed and not across else "nowhere"

    def encode(self, text: str) -> list[int]:
        return cast("list[int]", self._model.encode(replace_surrogates(text)))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        clean = [replace_surrogates(text) for text in texts]
        threads = max(1, min(len(clean), os.cpu_count() or 1))
        return cast("list[list[int]]", self._model.encode(clean, num_threads=threads))

    def encode_arrays(self, texts: Sequence[str]) -> list[TokenIds]:
        return [np.asarray(ids, np.uint32) for ids in self.encode_batch(texts)]

    def decode(self, ids: Sequence[int]) -> str:
        return cast("str", self._model.decode([int(i) for i in ids]))

    def starts(self, text: str, ids: TokenIds) -> Offsets:
        lengths = self._table.lengths[ids]
        if len(ids) and self._prefixed:
            lengths[0] -= 1  # the dummy prefix is not in the text
        if int(lengths.sum()) == len(text.encode()):
            starts: Offsets = np.cumsum(lengths) - lengths
            return starts
        # A normaliser changed the text, or the model has no byte pieces: ask the library for
        # offsets; it counts characters.
        mapping = self._model.encode(text, out_type="offset_mapping")
        first_bytes = np.cumsum([0, *(len(char.encode()) for char in text)])
        offsets: Offsets = first_bytes[[start for start, _ in mapping["offsets"]]]
        return offsets

    def table(self) -> TokenTable:
        return self._table

    @cached_property
    def _table(self) -> TokenTable:
        model = self._model
        raw = frozenset(i for i in range(len(self._pieces)) if model.is_byte(i))
        plain = [
            b""
            if model.is_control(i)
            else b"\0"
            if i in raw
            else piece.replace(_WORD_MARK, " ").encode()
            for i, piece in enumerate(self._pieces)
        ]
        return TokenTable(plain, byte_ids=raw, unk_id=model.unk_id())
