"""The ``bytes`` tokenizer: the control against which every vocabulary is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stressbench.tokens.vocabulary import Cut, Offsets, TokenIds, TokenTable


class ByteTokenizer:
    """Makes one token of every UTF-8 byte; the token id is the byte's value."""

    name = "bytes"
    sha256 = hashlib.sha256(b"stressbench bytes tokenizer, ids are UTF-8 bytes").hexdigest()
    cut: Cut = "anywhere"
    window_tokens: int | None = None

    def encode(self, text: str) -> list[int]:
        return list(text.encode("utf-8", "surrogatepass"))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode("utf-8", "replace")

    def encode_arrays(self, texts: Sequence[str]) -> list[TokenIds]:
        import numpy as np

        encoded = (text.encode("utf-8", "surrogatepass") for text in texts)
        return [np.frombuffer(data, np.uint8).astype(np.uint32) for data in encoded]

    def starts(self, text: str, ids: TokenIds) -> Offsets:  # noqa: ARG002 - one token a byte
        import numpy as np

        return np.arange(len(ids), dtype=np.int64)

    def table(self) -> TokenTable:
        from stressbench.tokens.vocabulary import TokenTable

        return TokenTable([bytes([value]) for value in range(256)])
