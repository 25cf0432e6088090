"""What a ``tokenizer.json`` says: the bytes of its tokens, and where text may be cut."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, cast

from stressbench.tokens.vocabulary import (
    Cut,
    TokenTable,
    byte_level_alphabet,
    byte_level_bytes,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer as FastTokenizer

_WORD_MARK: Final = "\u2581"
_BYTE_PIECE: Final = re.compile(r"<0x([0-9A-F]{2})>")
_CROSSES_WORD: Final = re.compile(r"[A-Za-z][ \t\r\n]|\n[A-Za-z]")
_CROSSES_LETTER: Final = re.compile(r"[A-Za-z][0-9]")

_UPPER: Final = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER: Final = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SUFFIX: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SAFE_ALTERNATIVES: Final = frozenset(
    {
        # None of these alternatives matches a letter followed by white space or a digit, or a
        # line feed followed by a letter. That is the condition for the cut named "letter".
        *("'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'(?i:[sdmt]|ll|ve|re)", _SUFFIX),
        *(r" ?\p{L}+", r" ?\p{N}+", r" ?[^\s\p{L}\p{N}]+", r"\s+(?!\S)", r"\s+", r"\s"),
        *(r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{N}", r"\p{N}{1,3}", r"\p{N}+", r"\s*[\r\n]+"),
        *(r"[^\r\n\p{L}\p{N}]?+\p{L}+", r" ?[^\s\p{L}\p{N}]++[\r\n]*", r"\s*[\r\n]"),
        *(r" ?[^\s\p{L}\p{N}]+[\r\n]*", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"[0-9]", r"\d", r"\d{1,3}"),
        *(
            rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}{first}{_LOWER}{second}{suffix}"
            for first, second in (("*", "+"), ("+", "*"))
            for suffix in ("", _SUFFIX + "?")
        ),
        # DeepSeek
        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+""",
        r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
        r" ?[\p{P}\p{S}]+[\r\n]*",
    }
)
_SAFE_NORMALIZERS: Final = frozenset({"NFC", "NFD", "NFKC", "NFKD"})


def cut_of(config: Mapping[str, object]) -> Cut:
    """Return where text may be cut for the tokenizer whose ``tokenizer.json`` is ``config``."""
    model = _mapping(config.get("model"))
    stages = list(_stages(config.get("pre_tokenizer"), "pretokenizers"))
    proven = (
        model.get("type") == "BPE"
        and bool(stages)
        and all(_is_safe_stage(stage) for stage in stages)
        and all(
            stage.get("type") in _SAFE_NORMALIZERS
            for stage in _stages(config.get("normalizer"), "normalizers")
        )
    )
    added = [token for token in _list(config.get("added_tokens")) if not token.get("special")]
    # A special token spelled out in plain text is encoded as plain text: only others matter.
    if not proven or any(_is_elastic(t) or _CROSSES_WORD.search(_content(t)) for t in added):
        return "nowhere"
    return "word" if any(_CROSSES_LETTER.search(_content(token)) for token in added) else "letter"


def table_of(fast: FastTokenizer, config: Mapping[str, object]) -> TokenTable:
    """Return the bytes of every token; exact for byte-level and SentencePiece vocabularies."""
    stages = _stages(config.get("pre_tokenizer"), "pretokenizers")
    byte_level = any(stage.get("type") == "ByteLevel" for stage in stages)
    alphabet = byte_level_alphabet()
    vocabulary = fast.get_vocab(with_added_tokens=True)
    added = {_content(token) for token in _list(config.get("added_tokens"))}
    tokens = [b""] * (max(vocabulary.values(), default=-1) + 1)
    raw = set()
    for token, index in vocabulary.items():
        piece = _BYTE_PIECE.fullmatch(token)
        if token in added:
            tokens[index] = token.encode()
        elif byte_level:
            tokens[index] = byte_level_bytes(token, alphabet)
        elif piece:
            tokens[index] = bytes.fromhex(piece[1])
            raw.add(index)
        else:
            tokens[index] = token.replace(_WORD_MARK, " ").encode("utf-8", "replace")
    unknown = _mapping(config.get("model")).get("unk_token")
    # A byte-level vocabulary covers every text, so it never produces its unknown token.
    unk_id = vocabulary.get(unknown) if isinstance(unknown, str) and not byte_level else None
    return TokenTable(tokens, byte_ids=frozenset(raw), unk_id=unk_id)


def _is_safe_stage(stage: Mapping[str, object]) -> bool:
    match stage.get("type"):
        case "ByteLevel":
            return stage.get("add_prefix_space") is False
        case "Digits":
            return True
        case "Split":
            pattern = _mapping(stage.get("pattern")).get("Regex")
            return (
                isinstance(pattern, str)
                and stage.get("behavior") in {"Isolated", "Removed"}
                and all(part in _SAFE_ALTERNATIVES for part in alternatives(_escaped(pattern)))
            )
        case _:
            return False


def _is_elastic(token: Mapping[str, object]) -> bool:
    """Whether the text around an added token decides if, or how far, the token matches."""
    return any(token.get(flag) for flag in ("lstrip", "rstrip", "single_word"))


def _content(token: Mapping[str, object]) -> str:
    return str(token.get("content"))


def alternatives(pattern: str) -> Iterator[str]:
    """Split a regular expression at its top-level ``|``, not inside brackets or groups."""
    start = depth = 0
    in_class = escaped = False
    for position, char in enumerate(pattern):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and depth == 0:
            yield pattern[start:position]
            start = position + 1
    yield pattern[start:]


def _escaped(pattern: str) -> str:
    """Write raw line breaks in ``pattern`` as escapes, which mean the same."""
    return pattern.replace("\r", r"\r").replace("\n", r"\n")


def _stages(component: object, members: str) -> Iterator[Mapping[str, object]]:
    """Yield a component, or its members if it is a ``Sequence``; nothing for null."""
    described = _mapping(component)
    if described.get("type") == "Sequence":
        for member in _list(described.get(members)):
            yield from _stages(member, members)
    elif described:
        yield described


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
