"""Tokenizers of every family, opened once, and prompt formats with them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.template import ChatTemplate
from stressbench.tokens.tokenizer import Tokenizer

TEMPLATE = ChatTemplate((1, 2, 3), (4, 5))


class GreedyTokenizer:
    """A vocabulary with tokens across words and sentences: no seam is safe.

    Cuts text into pairs of characters from the start, so that one character more
    changes every token after it.
    """

    name = "pairs"
    sha256 = "0" * 64

    def encode(self, text: str) -> list[int]:
        pairs = (text[start : start + 2] for start in range(0, len(text), 2))
        return [sum(ord(char) << (21 * place) for place, char in enumerate(pair)) for pair in pairs]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        mask = (1 << 21) - 1
        return "".join(
            chr(token & mask) + (chr(token >> 21) if token >> 21 else "") for token in ids
        )


@pytest.fixture(scope="session")
def tokenizers() -> dict[str, Tokenizer]:
    """Raw bytes, byte-pair encoding with a pre-tokenizer, and a vocabulary without safe seams."""
    opened: dict[str, Tokenizer] = {"bytes": ByteTokenizer(), "pairs": GreedyTokenizer()}
    for name in ("o200k_base", "cl100k_base"):
        opened[name] = open_tokenizer(name)
    return opened


@pytest.fixture(scope="session")
def prompt_formats(tokenizers: dict[str, Tokenizer]) -> dict[str, PromptFormat]:
    return {name: PromptFormat(tokenizer, TEMPLATE) for name, tokenizer in tokenizers.items()}


@pytest.fixture
def bytes_format() -> PromptFormat:
    return PromptFormat(ByteTokenizer(), TEMPLATE)
