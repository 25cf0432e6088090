"""Under-trained tokens are found in the weights, whatever type and file they are in."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.decoders import ByteLevel

from stressbench.errors import SetupError
from stressbench.survey.glitch import GlitchCandidate, candidates, verified
from stressbench.tokens.vocabulary import byte_level_alphabet

WORDS = tuple("abcdefghijklmnopqrst")
GLITCHES = ("q", "r")


def write_model(folder: Path, *, dtype: str = "F32", tied: bool = True) -> None:
    """A byte-level vocabulary with embeddings of which two were never trained."""
    fast = Tokenizer(models.BPE(vocab=byte_level_alphabet(), merges=[]))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = ByteLevel()
    fast.save(str(folder / "tokenizer.json"))
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(260, 16)).astype(np.float32)
    never = [0xC0, 0xC1, *range(0xF5, 0x100), 256, 257, 258, 259]
    untrained = rng.normal(size=16)
    for token in [*never, *(ord(word) for word in GLITCHES)]:
        rows[token] = 0.01 * (untrained + 0.02 * rng.normal(size=16))
    save(folder / "model.safetensors", {"model.embed_tokens.weight": rows}, dtype)
    if not tied:
        save(folder / "z.safetensors", {"lm_head.weight": rng.normal(size=(260, 16))}, dtype)


def save(file: Path, tensors: dict[str, np.ndarray], dtype: str) -> None:
    header, body = {}, b""
    for name, values in tensors.items():
        floats = values.astype(np.float32)
        data = {
            "F32": floats.tobytes(),
            "F16": floats.astype(np.float16).tobytes(),
            "BF16": (floats.view(np.uint32) >> 16).astype(np.uint16).tobytes(),
        }[dtype]
        header[name] = {
            "dtype": dtype,
            "shape": list(values.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + body)


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("embeddings", ["tied", "untied"])
def test_planted_tokens_come_first(dtype: str, embeddings: str, tmp_path: Path) -> None:
    write_model(tmp_path, dtype=dtype, tied=embeddings == "tied")
    found = candidates(tmp_path)
    assert {token.text for token in found[:2]} == set(GLITCHES)
    assert [token.indicator for token in found] == sorted(token.indicator for token in found)
    assert all(token.verified is None for token in found)


def test_reserved_special_tokens_serve_where_no_byte_does(tmp_path: Path) -> None:
    write_model(tmp_path)
    tree = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
    never = [piece for piece, token in tree["model"]["vocab"].items() if token >= 0xF5]
    never += [piece for piece, token in tree["model"]["vocab"].items() if token in {0xC0, 0xC1}]
    for piece in never:
        del tree["model"]["vocab"][piece]
    tree["added_tokens"] = [
        {"id": 256 + place, "content": f"<reserved_{place}>", "special": True, "lstrip": False,
         "rstrip": False, "normalized": False, "single_word": False}
        for place in range(4)
    ]  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree), "utf-8")
    assert {token.text for token in candidates(tmp_path)[:2]} == set(GLITCHES)


def test_only_tokens_that_text_can_reach_are_candidates(tmp_path: Path) -> None:
    write_model(tmp_path)
    found = candidates(tmp_path, share=1.0)
    assert all(token.token_id < 128 for token in found)


def test_a_token_that_the_model_can_repeat_is_not_verified() -> None:
    found = [GlitchCandidate(token_id=ord(w), text=f" {w}", indicator=0.0) for w in "qrs"]
    answers = {ord("q"): ["I cannot", "q!"], ord("r"): ["I cannot", ""], ord("s"): ["s", "s"]}
    assert [token.verified for token in verified(found, answers)] == [False, True, False]


def test_a_folder_without_weights_and_a_broken_file_are_named(tmp_path: Path) -> None:
    write_model(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"\xff" * 40)
    with pytest.raises(SetupError, match="not a safetensors file"):
        candidates(tmp_path)
    weights.unlink()
    with pytest.raises(SetupError, match="no safetensors files"):
        candidates(tmp_path)
