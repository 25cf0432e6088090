"""Vocabularies from installed packages: opened offline, exact, identified by a hash."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stressbench.errors import SetupError, UsageError
from stressbench.tokens import gguf_file
from stressbench.tokens.huggingface import HuggingFaceTokenizer
from stressbench.tokens.open import open_tokenizer
from tests.conftest import examples
from tests.unit.tokens.vocabularies import PACKAGED, opened

TEXTS = st.text(max_size=60) | st.text(
    st.sampled_from(list("aB z\n\t.,'!0129éЖ的\u200b\u0301\U0001f600<|>_ {}\"")), max_size=80
)


@pytest.mark.parametrize("name", PACKAGED)
def test_same_vocabulary_same_hash(name):
    assert len(opened(name).sha256) == 64
    assert len({opened(other).sha256 for other in PACKAGED}) == len(PACKAGED)


@pytest.mark.parametrize("name", PACKAGED)
@settings(max_examples=examples(40), deadline=None)
@given(text=TEXTS)
@example(text="\x160")  # SmolLM2 drops the first character, so its first token begins at byte 1
def test_arrays_batches_and_starts_agree_with_encode(name, text):
    vocabulary = opened(name)
    ids = vocabulary.encode(text)
    assert vocabulary.encode_batch([text, "x"]) == [ids, vocabulary.encode("x")]
    [array] = vocabulary.encode_arrays([text])
    assert array.tolist() == ids
    starts = vocabulary.starts(text, array)
    assert len(starts) == len(ids)
    assert np.all(np.diff(starts) >= 0)
    if len(ids):
        dropped = text.encode()[: starts[0]].decode()
        assert dropped == "" or vocabulary.encode(dropped) == []
        assert starts[-1] < len(text.encode())
    if name != "smollm2":
        assert vocabulary.decode(ids) == text


def test_smollm2_lacks_bytes_and_that_shows():
    """Its vocabulary has no token for the byte F1: the library drops it silently."""
    smollm2 = opened("smollm2")
    assert b"\xf1" not in smollm2.table().token_bytes
    assert smollm2.decode(smollm2.encode("\U00040000")) != "\U00040000"


@pytest.mark.parametrize("name", PACKAGED)
def test_spelled_special_tokens_are_plain_text(name):
    vocabulary = opened(name)
    for special in (
        "<|endoftext|>",
        "<s>",
        "</s>",
        "<|im_start|>",
        "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
    ):
        assert len(vocabulary.encode(special)) > 1
        assert vocabulary.decode(vocabulary.encode(special)).replace(
            "\u2581", " "
        ) == special.replace("\u2581", " ")


@pytest.mark.parametrize("name", PACKAGED)
def test_lone_surrogates_are_counted_not_refused(name):
    assert opened(name).encode("a\ud800b")


def test_a_model_name_opens_its_encoding():
    assert open_tokenizer("tiktoken:gpt-4o").sha256 == opened("o200k_base").sha256


def test_gguf_metadata_equals_the_gguf_packages_reading(tmp_path):
    gguf = pytest.importorskip("gguf")
    file = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(77)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b", "ab", "<s>"])
    writer.add_token_types([1, 1, 1, 3])
    writer.add_token_merges(["a b"])
    writer.add_float32("stressbench.number", 0.5)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    read = gguf_file.read_metadata(file)
    fields = gguf.GGUFReader(file).fields
    for key, value in read.items():
        assert fields[key].contents() == value
    tokenizer = gguf_file.open_gguf(file)
    assert tokenizer.window_tokens == 77
    assert tokenizer.encode("abba") == [2, 1, 0]


def test_gguf_equals_the_same_models_tokenizer_json(tmp_path):
    """Built here from the metadata as the gguf package reads it, by the model's own recipe."""
    llama = pytest.importorskip("stressbench.models.reference.pair")
    folder = llama.obtain_small_files("reference-dense", lambda *_: None)
    other, own = open_tokenizer(str(folder)), opened("smollm2")
    texts = [
        "Hello  world 2024!",
        "naïve café \n\n x=1;",
        "a\u200bb 的 \U0001f600\t\t",
        "'ll don't",
    ]
    assert [own.encode(text) for text in texts] == [other.encode(text) for text in texts]
    assert own.window_tokens == 8192


def test_gguf_of_the_llama_kind_equals_its_sentencepiece_model(tmp_path):
    gguf = pytest.importorskip("gguf")
    sentencepiece = opened("mistral:v3")._model
    size = sentencepiece.get_piece_size()
    kinds = [
        2 if sentencepiece.is_unknown(i)
        else 3 if sentencepiece.is_control(i)
        else 6 if sentencepiece.is_byte(i)
        else 1
        for i in range(size)
    ]  # fmt: skip
    file = tmp_path / "mistral.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list([sentencepiece.id_to_piece(i) for i in range(size)])
    writer.add_token_scores([sentencepiece.get_score(i) for i in range(size)])
    writer.add_token_types(kinds)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    tokenizer = gguf_file.open_gguf(file)
    for text in ("Hello  wörld 123\n", "  two", "的 \U0001f600 \x00"):
        assert tokenizer.encode(text) == opened("mistral:v3").encode(text)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"GGUF\x03\x00\x00\x00" + b"\xff" * 64,
        b"GGUF\x03\0\0\0" + (2).to_bytes(8, "little") * 2 + b"\x09",
    ],
)
def test_a_damaged_gguf_is_an_error_not_a_crash(tmp_path, content):
    file = tmp_path / "damaged.gguf"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"not a readable GGUF|incomplete"):
        open_tokenizer(str(file))


def test_an_unknown_gguf_pre_tokenizer_is_refused():
    with pytest.raises(ValueError, match="unknown pre-tokenizer"):
        gguf_file._pre_tokenizer({"tokenizer.ggml.pre": "invented"})


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("o200k_bse", "did you mean 'o200k_base'"),
        ("mistral:v99", "no Mistral tokenizer"),
        ("tiktoken:no-such-model", "no encoding or model"),
        ("../nowhere/at/all", "no tokenizer"),
    ],
)
def test_what_cannot_be_opened_says_what_can(spec, said):
    with pytest.raises(UsageError, match=said) as caught:
        open_tokenizer(spec)
    assert caught.value.hint


def test_a_directory_without_a_tokenizer_and_broken_json_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"holds no tokenizer\.json"):
        open_tokenizer(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UsageError, match=r"not a tokenizer\.json"):
        open_tokenizer(str(tmp_path))


def test_the_window_comes_from_the_models_config(tmp_path):
    data = json.dumps(gguf_file._byte_level_json({
        "tokenizer.ggml.tokens": ["a", "b"], "tokenizer.ggml.merges": [],
    }))  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(data)
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 1234, "x": []}')
    assert open_tokenizer(str(tmp_path)).window_tokens == 1234
    assert HuggingFaceTokenizer(data.encode(), name="x").window_tokens is None


def test_a_wrong_vocabulary_file_is_not_used(tmp_path, monkeypatch):
    """tiktoken itself checks the packaged file against the publisher's hash."""
    tiktoken = pytest.importorskip("tiktoken")
    from stressbench.tokens import openai

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    monkeypatch.setattr(tiktoken.load, "read_file", lambda _: b"forged")
    monkeypatch.setattr(openai, "_from_bpe_openai", lambda _: lambda: b"forged")
    with pytest.raises(SetupError, match="is not installed and cannot be downloaded") as caught:
        openai.open_openai("cl100k_base")
    assert "stressbench[tokenizers]" in caught.value.hint
