"""Mistral's tokenizers, from the package ``mistral-common`` or from a ``tekken.json``.

``tekken`` files are byte-level BPE and run on tiktoken, as Mistral runs them; the older
``tokenizer.model`` files are SentencePiece.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from stressbench.errors import SetupError, UsageError
from stressbench.tokens.openai import TiktokenTokenizer
from stressbench.tokens.sentence_piece import SentencePieceTokenizer, open_model

_VERSIONS: Final = {
    "tekken": "tekken_240911.json",
    "tekken-240718": "tekken_240718.json",
    "tekken-240911": "tekken_240911.json",
    "v1": "tokenizer.model.v1",
    "v2": "mistral_instruct_tokenizer_240216.model.v2",
    "v3": "mistral_instruct_tokenizer_240323.model.v3",
    "v7": "mistral_instruct_tokenizer_241114.model.v7",
}


def open_mistral(version: str) -> TiktokenTokenizer | SentencePieceTokenizer:
    """Open the tokenizer of ``version`` (``tekken``, ``v3``, ...) that ``mistral-common`` holds."""
    if version not in _VERSIONS:
        raise UsageError(
            f"there is no Mistral tokenizer {version!r}", hint=f"one of: {', '.join(_VERSIONS)}"
        )
    package = find_spec("mistral_common")
    if package is None or not package.submodule_search_locations:
        raise SetupError(
            "the package mistral-common, which holds Mistral's vocabularies, is not installed",
            hint="pip install 'stressbench[tokenizers]'",
        )
    file = Path(next(iter(package.submodule_search_locations))) / "data" / _VERSIONS[version]
    name = f"mistral:{version}"
    return open_tekken(file, name=name) if "tekken" in version else open_model(file, name=name)


def open_tekken(file: Path, *, name: str) -> TiktokenTokenizer:
    """Open a ``tekken.json``; its special tokens have the ids below those of the plain tokens."""
    import tiktoken

    try:
        data = file.read_bytes()
        tekken = json.loads(data)
        config = tekken["config"]
        special = int(config["default_num_special_tokens"])
        size = int(config["default_vocab_size"]) - special
        ranks = {base64.b64decode(t["token_bytes"]): t["rank"] for t in tekken["vocab"][:size]}
        encoding = tiktoken.Encoding(
            name, pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={}
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"not a tekken file: {error}", where=str(file)) from error
    sha256 = hashlib.sha256(data).hexdigest()
    return TiktokenTokenizer(encoding, name=name, sha256=sha256, first_id=special)
