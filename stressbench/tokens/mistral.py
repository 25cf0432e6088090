"""Mistral's tokenizers, from the files that ``mistral-common`` carries or from a given file.

``tekken`` files are byte-level BPE and run on tiktoken, as Mistral runs them; the older
``tokenizer.model`` files are SentencePiece.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from stressbench.errors import SetupError, UsageError
from stressbench.tokens.openai import TiktokenTokenizer
from stressbench.tokens.tokenizer import replace_surrogates
from stressbench.tokens.vocabulary import Cut, Ids, Offsets, TokenTable

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

_WORD_MARK: Final = "\u2581"
_VERSIONS: Final = {
    "tekken": "tekken_240911.json",
    "tekken-240718": "tekken_240718.json",
    "tekken-240911": "tekken_240911.json",
    "v1": "tokenizer.model.v1",
    "v2": "mistral_instruct_tokenizer_240216.model.v2",
    "v3": "mistral_instruct_tokenizer_240323.model.v3",
    "v7": "mistral_instruct_tokenizer_241114.model.v7",
}


def open_mistral(version: str) -> TiktokenTokenizer | SentencePieceTokenizer:
    """The tokenizer that ``mistral-common`` carries under ``version`` (``tekken``, ``v3``, ...)."""
    if version not in _VERSIONS:
        raise UsageError(
            f"there is no Mistral tokenizer {version!r}", hint=f"one of: {', '.join(_VERSIONS)}"
        )
    package = find_spec("mistral_common")
    if package is None or not package.submodule_search_locations:
        raise SetupError(
            "mistral-common, which carries Mistral's vocabularies, is not installed",
            hint="pip install 'stressbench[tokenizers]'",
        )
    file = Path(next(iter(package.submodule_search_locations))) / "data" / _VERSIONS[version]
    name = f"mistral:{version}"
    return open_tekken(file, name=name) if "tekken" in version else open_model(file, name=name)


def open_tekken(file: Path, *, name: str) -> TiktokenTokenizer:
    """A ``tekken.json``: ranks, split pattern and how many special ids come before them."""
    import tiktoken

    try:
        data = file.read_bytes()
        tekken = json.loads(data)
        config = tekken["config"]
        special = int(config["default_num_special_tokens"])
        size = int(config["default_vocab_size"]) - special
        ranks = {base64.b64decode(t["token_bytes"]): t["rank"] for t in tekken["vocab"][:size]}
        encoding = tiktoken.Encoding(
            name, pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={}
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"not a tekken file: {error}", where=str(file)) from error
    sha256 = hashlib.sha256(data).hexdigest()
    return TiktokenTokenizer(encoding, name=name, sha256=sha256, first_id=special)


def open_model(file: Path, *, name: str) -> SentencePieceTokenizer:
    """A SentencePiece ``.model`` file."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read it: {error.strerror}", where=str(file)) from error
    return SentencePieceTokenizer(data, name=name, where=str(file))


class SentencePieceTokenizer:
    """A serialized SentencePiece model, encoding plain text without BOS or EOS."""

    window_tokens: int | None = None

    def __init__(self, model: bytes, *, name: str, where: str = "") -> None:
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError as error:
            raise SetupError(
                "sentencepiece is not installed", hint="pip install 'stressbench[tokenizers]'"
            ) from error
        try:
            self._model: SentencePieceProcessor = SentencePieceProcessor(model_proto=model)
        except (RuntimeError, ValueError) as error:
            raise UsageError(f"not a SentencePiece model: {error}", where=where) from error
        self.name = name
        self.sha256 = hashlib.sha256(model).hexdigest()
        self._pieces: list[str] = self._model.id_to_piece(list(range(len(self._model))))
        # A dummy prefix that the text's own spaces survive next to, and no piece across words.
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

    def encode_arrays(self, texts: Sequence[str]) -> list[Ids]:
        return [np.asarray(ids, np.uint32) for ids in self.encode_batch(texts)]

    def decode(self, ids: Sequence[int]) -> str:
        return cast("str", self._model.decode([int(i) for i in ids]))

    def starts(self, text: str, ids: Ids) -> Offsets:
        lengths = self._table.lengths[ids]
        if len(ids) and self._prefixed:
            lengths[0] -= 1  # the dummy prefix is no byte of the text
        if int(lengths.sum()) == len(text.encode()):
            starts: Offsets = np.cumsum(lengths) - lengths
            return starts
        # A normaliser, or no byte pieces: ask the library, which counts in characters.
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
