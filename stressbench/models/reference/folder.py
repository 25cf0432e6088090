"""The small files of a reference model's folder: configuration and tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from stressbench.models.reference.gguf_source import BpeVocabulary, Geometry

_Json: TypeAlias = dict[str, object]

DENSE_CONFIG: Final[_Json] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "attention_bias": False,
    "mlp_bias": False,
}


def write_tokenizer(folder: Path, vocabulary: BpeVocabulary) -> None:
    """``tokenizer.json`` and ``tokenizer_config.json``, with the publisher's chat template.

    The pre-tokenizer is the one that GGUF calls ``smollm``: it splits off each digit, then
    applies GPT-2's byte-level split. The vocabulary lacks 21 bytes (some control characters, and
    bytes that UTF-8 never or rarely uses). Like the publisher's, the tokenizer has no unknown
    token for these, and drops them.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    tokenizer = Tokenizer(models.BPE(ids, list(vocabulary.merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [vocabulary.tokens[index] for index in vocabulary.special_ids]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(
        folder / "tokenizer_config.json",
        {
            # The generic class reads tokenizer.json unchanged; GPT2Tokenizer would
            # replace the pre-tokenizer by its own.
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": vocabulary.window_tokens,
            "clean_up_tokenization_spaces": False,
            "bos_token": vocabulary.tokens[vocabulary.bos_id],
            "eos_token": vocabulary.tokens[vocabulary.eos_id],
            "pad_token": vocabulary.tokens[vocabulary.pad_id],
            "unk_token": vocabulary.tokens[vocabulary.unk_id],
            "additional_special_tokens": special,
            "chat_template": vocabulary.chat_template,
        },
    )


def write_config(
    folder: Path, geometry: Geometry, vocabulary: BpeVocabulary, special: _Json
) -> None:
    """``config.json`` and ``generation_config.json``; ``special`` names the architecture."""
    ends: _Json = {
        "bos_token_id": vocabulary.bos_id,
        "eos_token_id": vocabulary.eos_id,
        "pad_token_id": vocabulary.pad_id,
    }
    shared: _Json = {
        "attention_dropout": 0.0,
        "dtype": "float32",
        "head_dim": geometry.head_dim,
        "hidden_act": "silu",
        "hidden_size": geometry.hidden,
        "initializer_range": 0.02,
        "intermediate_size": geometry.intermediate,
        "max_position_embeddings": geometry.window_tokens,
        "num_attention_heads": geometry.heads,
        "num_hidden_layers": geometry.layers,
        "num_key_value_heads": geometry.kv_heads,
        "rms_norm_eps": geometry.norm_eps,
        "rope_parameters": {"rope_theta": geometry.rope_theta, "rope_type": "default"},
        "rope_theta": geometry.rope_theta,
        "tie_word_embeddings": True,
        "use_cache": True,
        "vocab_size": geometry.vocabulary,
    }
    _write_json(folder / "config.json", shared | ends | special)
    _write_json(folder / "generation_config.json", ends)


def sparse_config(experts: int, top_k: int) -> _Json:
    """The fields of ``config.json`` that make it a Mixtral."""
    return {
        "architectures": ["MixtralForCausalLM"],
        "model_type": "mixtral",
        "num_local_experts": experts,
        "num_experts_per_tok": top_k,
        "output_router_logits": False,
        "router_aux_loss_coef": 0.0,
        "router_jitter_noise": 0.0,
        "sliding_window": None,
    }


def _write_json(path: Path, content: _Json) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
