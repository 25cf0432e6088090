"""The reference pair, built for real: balanced, led by content, true to their source."""

import hashlib
import json

import numpy as np
import pytest

from benchmarks._routing_report import (
    calibration_mixture,
    held_out_mixture,
    routing_report,
)
from stressbench.models import cache
from stressbench.models.reference import pair as reference
from stressbench.models.reference.gguf_source import open_source
from stressbench.models.reference.llama import router_inputs

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    # Raised inside torch and transformers while they import each other.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
]


def silent(phase, fraction):
    pass


@pytest.fixture(scope="module")
def dense():
    return reference.obtain(reference.DENSE, silent)


@pytest.fixture(scope="module")
def sparse():
    return reference.obtain(reference.SPARSE, silent)


@pytest.fixture(scope="module")
def encode(dense):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(dense[0] / "tokenizer.json"))
    return lambda text: tokenizer.encode(text).ids


@pytest.mark.parametrize("mixture", [calibration_mixture, held_out_mixture])
def test_every_layer_is_balanced_and_follows_content(sparse, encode, mixture):
    report = routing_report(sparse[0], mixture(encode))
    assert len(report) == 30
    for row in report:
        assert row.prose_base64_distance >= 0.3, row
        assert row.peak_load <= 2.0, row


def test_the_two_mixtures_share_no_text(encode):
    def windows(mixture):
        return {
            tuple(ids[start : start + 24])
            for batch in mixture(encode).values()
            for ids in batch
            for start in range(len(ids) - 24)
        }

    assert not windows(calibration_mixture) & windows(held_out_mixture)


def test_the_numpy_forward_pass_is_transformers_forward_pass(dense, encode):
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(dense[0], dtype=torch.float64).eval()
    seen = []
    for layer in network.model.layers:
        layer.mlp.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][0]))
    ids = encode("The capital of France is Paris. eyJhIjogMSwgImIiOiBbMiwgM119")
    with torch.inference_mode():
        network(torch.tensor([ids]))
    source = open_source()
    ours = list(router_inputs(dict(source.weights()), source.geometry, [ids]))
    assert len(ours) == len(seen) == 30
    for mine, theirs in zip(ours, seen, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-4, atol=1e-4)


def test_the_sparse_model_answers_like_the_dense_one(dense, sparse):
    """Next-token distributions after short questions differ by noise alone."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(dense[0])
    questions = [
        "What is the capital of France?",
        "What is 2+2?",
        "Name the largest planet in the solar system.",
        "How many days are in a week?",
        "What is the opposite of hot?",
        "Which month comes after March?",
    ]
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": question}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )["input_ids"]
        for question in questions
    ]

    def log_probabilities(folder):
        network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        with torch.inference_mode():
            last = [network(prompt).logits[0, -1].double() for prompt in prompts]
        return torch.log_softmax(torch.stack(last), dim=-1)

    one, two = log_probabilities(dense[0]), log_probabilities(sparse[0])
    divergence = (one.exp() * (one - two)).sum(dim=-1)
    assert divergence.max() < 0.01
    assert divergence.mean() > 0  # the experts are not plain copies


def test_the_chat_template_and_special_tokens_are_the_publishers(dense):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(dense[0])
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi 2024"}], add_generation_prompt=True, tokenize=False
    )
    assert text == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n<|im_start|>user\nHi 2024<|im_end|>\n<|im_start|>assistant\n"
    )
    ids = tokenizer.encode(text)
    assert ids[0] == tokenizer.bos_token_id == 1
    assert ids.count(tokenizer.eos_token_id) == ids.count(2) == 2
    assert [tokenizer.decode([i]) for i in tokenizer.encode(" 2024")] == [" ", "2", "0", "2", "4"]
    assert tokenizer.decode(ids) == text


def test_both_folders_say_what_they_are(dense, sparse):
    configs = [json.loads((folder / "config.json").read_text()) for folder, _ in (dense, sparse)]
    assert [config["architectures"] for config in configs] == [
        ["LlamaForCausalLM"],
        ["MixtralForCausalLM"],
    ]
    assert (configs[1]["num_local_experts"], configs[1]["num_experts_per_tok"]) == (8, 2)
    shared = set(configs[0]) & set(configs[1]) - {"architectures", "model_type"}
    assert {key: configs[0][key] for key in shared} == {key: configs[1][key] for key in shared}
    for folder, manifest in (dense, sparse):
        assert cache.damage(folder, manifest) is None
        listed = manifest.files["config.json"].sha256
        assert hashlib.sha256((folder / "config.json").read_bytes()).hexdigest() == listed
