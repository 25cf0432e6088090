"""A fast identity for model folders without a manifest.

Hashing a 140 GB checkpoint takes minutes. A fine-tune, a merge or a quantisation changes many
tensors throughout, so the first bytes of every tensor distinguish two checkpoints. They do not
prove that a file is undamaged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from stressbench.errors import SetupError

SAMPLE_BYTES: Final = 4096
"""How much is read at the start of each tensor: a thousand float32 values."""
BLOCKS: Final = 1024
"""How many evenly spaced samples are read from a weight file in another format."""
_MAX_HEADER_BYTES: Final = 100_000_000
"""The limit of the safetensors library."""
_WEIGHTS: Final = {".safetensors", ".bin", ".pt", ".pth", ".gguf"}
_SMALL: Final = ("config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model")


class _Tensor(msgspec.Struct):
    data_offsets: tuple[int, int] = (0, 0)
    """Absent in ``__metadata__``, the one entry that is not a tensor."""


def fingerprint(folder: Path) -> str:
    """SHA-256 over the configuration and tokenizer in full, and a sample of every weight file.

    The sample of a safetensors file is its size, its header (names, types, shapes) and the
    first ``SAMPLE_BYTES`` of each tensor; that of any other file is its size and ``BLOCKS``
    evenly spaced samples. The value depends on the folder's content, not on its path.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name in _SMALL:
            pieces: Iterator[bytes] = iter((path.read_bytes(),))
        elif path.suffix in _WEIGHTS:
            pieces = _weight_samples(path)
        else:
            continue
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        for piece in pieces:
            digest.update(piece)
    return digest.hexdigest()


def _weight_samples(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        header = _safetensors_header(file, size) if path.suffix == ".safetensors" else b""
        yield header
        offsets = _tensor_offsets(header, path) if header else _even_offsets(size)
        for offset in offsets:
            file.seek(offset)
            yield file.read(SAMPLE_BYTES)


def _safetensors_header(file: BinaryIO, size: int) -> bytes:
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(size, _MAX_HEADER_BYTES):
        raise _not_safetensors(file.name)
    return file.read(length)


def _tensor_offsets(header: bytes, path: Path) -> list[int]:
    try:
        tensors = msgspec.json.decode(header, type=dict[str, _Tensor])
    except msgspec.DecodeError:
        raise _not_safetensors(str(path)) from None
    data = 8 + len(header)
    return [data + tensor.data_offsets[0] for _, tensor in sorted(tensors.items())]


def _not_safetensors(where: str) -> SetupError:
    return SetupError(
        "this is not a safetensors file, or it is cut short",
        where=where,
        hint="download the model again",
    )


def _even_offsets(size: int) -> range:
    return range(0, size, max(SAMPLE_BYTES, size // BLOCKS))
