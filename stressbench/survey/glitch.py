"""Glitch tokens: tokens that are in the vocabulary but rarely or never in the training data.

They are found in a model's weights (Land and Bartolo 2024, Fishing for Magikarp,
arXiv:2405.05417, section 3) and confirmed by asking the model to repeat them. This module
reads ``tokenizer.json`` and, through a memory map, the embedding tensors of a safetensors
folder; it reads no other weights and does not need torch.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from stressbench.errors import SetupError
from stressbench.tokens.huggingface import HuggingFaceTokenizer
from stressbench.tokens.vocabulary import byte_level_alphabet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHARE: Final = 0.02
"""Share of the reachable tokens that are listed as candidates (section 3.3)."""

_INPUT: Final = ("model.embed_tokens.weight", "transformer.wte.weight", "embed_tokens.weight")
_OUTPUT: Final = ("lm_head.weight", "output.weight")
_NEVER_BYTES: Final = (0xC0, 0xC1, *range(0xF5, 0x100))
"""Bytes that never occur in UTF-8 (RFC 3629, section 3)."""
_ROWS: Final = 16_384
_ALIKE: Final = 0.99
"""Two embeddings with a larger cosine count as equal; trained ones are rarely above 0.8."""
_LEAST_ALIKE: Final = 3


class GlitchCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate: the lower ``indicator``, the less the token was trained."""

    token_id: int
    text: str
    indicator: float
    verified: bool | None = None
    """Whether the model failed to repeat it; None if it was not asked."""


def candidates(model: Path, *, share: float = SHARE) -> list[GlitchCandidate]:
    """List the ``share`` of reachable tokens that look least trained, worst first.

    The indicator for untied embeddings is the L2 norm of a token's input embedding, which
    weight decay draws to 0. For tied embeddings it is the cosine distance to the mean
    embedding of tokens that cannot have been trained: bytes that never occur in UTF-8 and rows
    beyond the vocabulary or, if there are none, reserved special tokens that are all alike.
    A token is reachable if its text is encoded as this one token. Raises ``SetupError``.
    """
    import numpy as np

    tokenizer = HuggingFaceTokenizer(model / "tokenizer.json")
    embedding = _tensor(model, _INPUT)
    if embedding is None:
        raise SetupError(
            "no safetensors file in the folder holds input embeddings",
            where=str(model),
            hint=f"expected a tensor named {' or '.join(_INPUT)}",
        )
    if _tensor(model, _OUTPUT) is None:
        indicator = _cosine_distance(embedding, _untrained(model, embedding))
    else:
        indicator = np.concatenate([np.linalg.norm(rows, axis=1) for rows in _blocks(embedding)])
    reachable = _reachable(tokenizer, _vocabulary(model))
    ids = np.array(sorted(reachable))
    worst = ids[np.argsort(indicator[ids], kind="stable")][: max(1, round(share * len(ids)))]
    return [
        GlitchCandidate(
            token_id=int(token), text=reachable[int(token)], indicator=float(indicator[token])
        )
        for token in worst
    ]


def verified(
    found: Sequence[GlitchCandidate], answers: Mapping[int, Sequence[str]]
) -> list[GlitchCandidate]:
    """Set ``verified`` of each candidate: true if none of its answers repeats the token.

    ``answers`` holds the model's answers for each token id, one for each wording of the request
    to repeat the token. This replaces the probability threshold of section 3.4, which needs
    logits.
    """
    return [
        msgspec.structs.replace(
            token, verified=not any(token.text.strip() in each for each in answers[token.token_id])
        )
        for token in found
    ]


def _cosine_distance(embedding: _Stored, untrained: NDArray[np.float32]) -> NDArray[np.float64]:
    import numpy as np

    mean = untrained.mean(axis=0)
    mean /= np.linalg.norm(mean)
    parts = []
    for rows in _blocks(embedding):
        norms = np.linalg.norm(rows, axis=1)
        parts.append(1.0 - rows @ mean / np.where(norms > 0, norms, 1.0))
    return np.concatenate(parts)


def _untrained(model: Path, embedding: _Stored) -> NDArray[np.float32]:
    """Return embeddings that no training text can have changed."""
    import numpy as np

    vocabulary = _vocabulary(model)
    spelled = [char for char, byte in byte_level_alphabet().items() if byte in _NEVER_BYTES]
    spelled += [f"<0x{byte:02X}>" for byte in _NEVER_BYTES]
    never = [vocabulary[piece] for piece in spelled if piece in vocabulary]
    special = _special(model)
    beyond = range(max([*vocabulary.values(), *special]) + 1, len(embedding))
    ids = sorted({*never, *beyond}) or _alike(embedding, special)
    if not ids:
        raise SetupError(
            "the model has tied embeddings and no token that is certainly untrained, "
            "so there is nothing to compare its tokens with",
            where=str(model),
        )
    return np.concatenate([embedding.rows(token, token + 1) for token in ids])


def _alike(embedding: _Stored, special: list[int]) -> list[int]:
    """Return the largest group of special tokens whose embeddings are equal.

    Vocabularies reserve special tokens that training never used. Their embeddings started
    different, received only weight decay and the common gradient of absent tokens, and became
    equal.
    """
    import numpy as np

    if not special:
        return []
    rows = np.concatenate([embedding.rows(token, token + 1) for token in special])
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    near = rows @ rows.T >= _ALIKE
    group = near[int(near.sum(axis=1).argmax())]
    found = [token for token, member in zip(special, group, strict=True) if member]
    return found if len(found) >= _LEAST_ALIKE else []


def _reachable(tokenizer: HuggingFaceTokenizer, vocabulary: dict[str, int]) -> dict[int, str]:
    ids = sorted(vocabulary.values())
    texts = [tokenizer.decode([token]) for token in ids]
    encoded = tokenizer.encode_batch(texts)
    return {
        token: text
        for token, text, back in zip(ids, texts, encoded, strict=True)
        if back == [token] and text.strip()
    }


class _Added(msgspec.Struct, frozen=True):
    id: int
    content: str


class _TokenizerModel(msgspec.Struct, frozen=True):
    vocab: dict[str, int] | list[tuple[str, float]]


class _TokenizerFile(msgspec.Struct, frozen=True):
    model: _TokenizerModel
    added_tokens: tuple[_Added, ...] = ()


@lru_cache(maxsize=1)
def _tokenizer_file(model: Path) -> _TokenizerFile:
    file = model / "tokenizer.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=_TokenizerFile)
    except (OSError, msgspec.DecodeError) as error:
        raise SetupError(f"cannot read the vocabulary: {error}", where=str(file)) from error


def _vocabulary(model: Path) -> dict[str, int]:
    """Read the ordinary tokens, by their spelling in ``tokenizer.json``; no special tokens."""
    file = _tokenizer_file(model)
    vocabulary = file.model.vocab
    if isinstance(vocabulary, list):  # a unigram model: [piece, score] by id
        vocabulary = {piece: token for token, (piece, _) in enumerate(vocabulary)}
    special = {added.content for added in file.added_tokens}
    return {piece: token for piece, token in vocabulary.items() if piece not in special}


def _special(model: Path) -> list[int]:
    return sorted(added.id for added in _tokenizer_file(model).added_tokens)


class _Stored:
    """A matrix in a safetensors file, converted to float32 block by block."""

    def __init__(self, file: Path, offset: int, shape: tuple[int, int], dtype: str) -> None:
        import numpy as np

        kind = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}.get(dtype)
        if kind is None:
            raise SetupError(
                f"embeddings of type {dtype} are not supported",
                where=str(file),
                hint="use a checkpoint in F32, F16 or BF16",
            )
        self._bits = dtype == "BF16"
        self._data = np.memmap(file, dtype=kind, mode="r", offset=offset, shape=shape)

    def __len__(self) -> int:
        return len(self._data)

    def rows(self, start: int, end: int) -> NDArray[np.float32]:
        """Return rows as float32; a bfloat16 is the upper half of a float32."""
        import numpy as np

        block = self._data[start:end]
        if self._bits:
            return (block.astype(np.uint32) << 16).view(np.float32)
        return block.astype(np.float32)


def _blocks(matrix: _Stored) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(matrix), _ROWS):
        yield matrix.rows(start, start + _ROWS)


def _tensor(model: Path, names: Sequence[str]) -> _Stored | None:
    """Find the first of these tensors in the folder's safetensors files."""
    files = sorted(model.glob("*.safetensors"))
    if not files:
        raise SetupError(
            "no safetensors files in the folder",
            where=str(model),
            hint="name a model folder with weights, for example from `stressbench models build`",
        )
    for file in files:
        try:
            with file.open("rb") as data:
                (length,) = struct.unpack("<Q", data.read(8))
                header = json.loads(data.read(length))
        except (OSError, ValueError, struct.error, OverflowError, MemoryError) as error:
            raise SetupError(f"not a safetensors file: {error}", where=str(file)) from error
        for name in names:
            if name in header:
                entry = header[name]
                rows, columns = entry["shape"]
                offset = 8 + length + entry["data_offsets"][0]
                return _Stored(file, offset, (rows, columns), entry["dtype"])
    return None
