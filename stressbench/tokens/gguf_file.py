"""Tokenizers stored in the metadata of a GGUF model file.

This module reads the metadata itself, without the ``gguf`` package: that package builds a
NumPy view for every string and takes 5.8 s for the 98 MB file of a 49,000-token vocabulary,
where a plain walk over the same bytes takes 0.1 s. It would also become a dependency of an
analysis command. Format: GGUF specification, versions 2 and 3.
"""

from __future__ import annotations

import json
import mmap
import struct
from pathlib import Path
from typing import Final, TypeAlias

from stressbench.errors import SetupError, UsageError
from stressbench.tokens.huggingface import HuggingFaceTokenizer
from stressbench.tokens.vocabulary import Vocabulary

_Metadata: TypeAlias = dict[str, object]

_SCALARS: Final = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST: Final = 1 << 26
"""Most members of an array, bytes of a string, or keys; more means a damaged file."""
_NORMAL, _CONTROL, _USER_DEFINED = 1, 3, 4

_LLAMA3: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2: Final = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_CASED: Final = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+{s}"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*{s}"
    r"|{n}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_TEKKEN: Final = _CASED.replace("{s}", "").replace("{n}", r"\p{N}")
_GPT4O: Final = _CASED.replace("{s}", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?").replace(
    "{n}", r"\p{N}{1,3}"
)
_SPLITS: Final = {
    **dict.fromkeys(("llama3", "llama-v3", "llama-bpe", "falcon3"), _LLAMA3),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "megrez"), _QWEN2),
    "tekken": _TEKKEN,
    **dict.fromkeys(("gpt-4o", "llama4"), _GPT4O),
}
_DIGITS_FIRST: Final = frozenset({"smollm", "starcoder", "refact", "command-r", "codeshell"})
_PLAIN: Final = frozenset({"gpt-2", "gpt2", "default", "phi-2", "mpt", "olmo", "jais", "trillion"})


def open_gguf(file: Path) -> Vocabulary:
    """Open the tokenizer inside a GGUF file.

    Raises ``UsageError`` for a damaged file or an unknown pre-tokenizer: guessing one would
    give counts that look right and are wrong.
    """
    metadata = read_metadata(file)
    kind = metadata.get("tokenizer.ggml.model")
    window = metadata.get(f"{metadata.get('general.architecture')}.context_length")
    window_tokens = window if isinstance(window, int) else None
    name = f"gguf:{file.name}"
    try:
        if kind == "gpt2":
            data = json.dumps(_byte_level_json(metadata)).encode()
            return HuggingFaceTokenizer(data, name=name, window_tokens=window_tokens)
        if kind == "llama":
            from stressbench.tokens.sentence_piece import SentencePieceTokenizer

            opened = SentencePieceTokenizer(_sentencepiece_model(metadata), name=name)
            opened.window_tokens = window_tokens
            return opened
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"its tokenizer is incomplete: {error}", where=str(file)) from error
    raise UsageError(
        f"its tokenizer is of kind {kind!r}, which is not supported",
        where=str(file),
        hint="name the model's tokenizer.json instead",
    )


def read_metadata(file: Path) -> _Metadata:
    """Read every key and value of a GGUF file's header; the tensors are not read."""
    try:
        with (
            file.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            return _Cursor(data).header()
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise UsageError(f"not a readable GGUF file: {error}", where=str(file)) from error
    except OSError as error:
        raise UsageError(f"cannot read it: {error.strerror}", where=str(file)) from error


class _Cursor:
    """Reads little-endian GGUF data from its current position on."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def header(self) -> _Metadata:
        if self._bytes(4) != b"GGUF" or self._count("I") not in {2, 3}:
            raise ValueError("no GGUF header of version 2 or 3")
        self._count("Q")  # tensors
        return {self._string(): self._value(self._count("I")) for _ in range(self._count("Q"))}

    def _scalars(self, form: str, count: int = 1) -> list[object]:
        packed = struct.Struct(f"<{count}{form}")
        self._at += packed.size
        return list(packed.unpack_from(self._data, self._at - packed.size))

    def _count(self, form: str) -> int:
        value = self._scalars(form)[0]
        if not isinstance(value, int) or value > _LONGEST:
            raise ValueError(f"a count of {value}")
        return value

    def _bytes(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise ValueError("the file ends too early")
        self._at += size
        return self._data[self._at - size : self._at]

    def _string(self) -> str:
        return self._bytes(self._count("Q")).decode("utf-8", "surrogateescape")

    def _value(self, kind: int) -> object:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._scalars(_SCALARS[kind])[0]
        member, count = self._count("I"), self._count("Q")
        if member in _SCALARS:
            return self._scalars(_SCALARS[member], count)
        return [self._value(member) for _ in range(count)]


def _byte_level_json(metadata: _Metadata) -> dict[str, object]:
    """Build the ``tokenizer.json`` equivalent of the GGUF's tokens, merges and pre-tokenizer."""
    tokens = _strings(metadata, "tokenizer.ggml.tokens")
    kinds = metadata.get("tokenizer.ggml.token_type") or [_NORMAL] * len(tokens)
    if not isinstance(kinds, list) or len(kinds) != len(tokens):
        raise ValueError("token types and tokens differ in number")
    pairs = [pair.split(" ", 1) for pair in _strings(metadata, "tokenizer.ggml.merges")]
    return {
        "version": "1.0",
        "added_tokens": [
            _added(index, token, special=kind == _CONTROL)
            for index, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
            if kind in {_CONTROL, _USER_DEFINED}
        ],
        "normalizer": None,
        "pre_tokenizer": _pre_tokenizer(metadata),
        "decoder": {"type": "ByteLevel"} | _byte_level_options(use_regex=True),
        "model": {
            "type": "BPE",
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": pairs,
        },
    }


def _pre_tokenizer(metadata: _Metadata) -> dict[str, object]:
    name = metadata.get("tokenizer.ggml.pre", "default")
    if name in _PLAIN:
        return {"type": "ByteLevel"} | _byte_level_options(use_regex=True)
    if name in _DIGITS_FIRST:
        first: dict[str, object] = {"type": "Digits", "individual_digits": True}
        byte_level = {"type": "ByteLevel"} | _byte_level_options(use_regex=True)
    elif name in _SPLITS:
        pattern = {"Regex": _SPLITS[str(name)]}
        first = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
        byte_level = {"type": "ByteLevel"} | _byte_level_options(use_regex=False)
    else:
        raise ValueError(f"unknown pre-tokenizer {name!r}")
    return {"type": "Sequence", "pretokenizers": [first, byte_level]}


def _byte_level_options(*, use_regex: bool) -> dict[str, object]:
    return {"add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _added(index: int, token: str, *, special: bool) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": token, "special": special, **flags}


def _sentencepiece_model(metadata: _Metadata) -> bytes:
    """Build a SentencePiece model (protocol buffer) of the GGUF's pieces, scores and types."""
    from importlib import import_module

    # Generated by protoc at import time: its names are not visible to a type checker.
    try:
        proto = import_module("sentencepiece.sentencepiece_model_pb2")
    except ModuleNotFoundError as error:
        raise SetupError(
            f"a GGUF file of the llama kind needs a package that is not installed ({error})",
            hint="pip install sentencepiece protobuf",
        ) from error

    pieces = _strings(metadata, "tokenizer.ggml.tokens")
    scores, kinds = metadata["tokenizer.ggml.scores"], metadata["tokenizer.ggml.token_type"]
    if not isinstance(scores, list) or not isinstance(kinds, list):
        raise TypeError("scores and token types must be arrays")
    model = proto.ModelProto()
    for piece, score, kind in zip(pieces, scores, kinds, strict=True):
        model.pieces.add(piece=piece, score=score, type=kind)
    model.trainer_spec.model_type = proto.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.vocab_size = len(pieces)
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = bool(
        metadata.get("tokenizer.ggml.add_space_prefix", True)
    )
    model.normalizer_spec.remove_extra_whitespaces = False
    return bytes(model.SerializeToString())


def _strings(metadata: _Metadata, key: str) -> list[str]:
    values = metadata[key]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{key} is not a list of strings")
    return values
