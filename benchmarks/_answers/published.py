"""Matching rules of other harnesses, written anew from their published definitions.

They compare the text of an answer with its references, as those harnesses do after generation.
Each function returns a score from 0 to 1.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Rule: TypeAlias = Callable[[str, Sequence[str]], float]

_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_ARTICLE: Final = re.compile(r"\b(?:a|an|the)\b")
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_NUMBER: Final = re.compile(r"-?[$0-9.,]{2,}|-?[0-9]+")
_LEFT_OUT: Final = re.compile(r",|\$|(?s:.*#### )|\.$")


def lm_eval_exact(answer: str, expected: Sequence[str]) -> float:
    """lm-evaluation-harness, ``exact_match`` with ``ignore_case`` and ``ignore_punctuation``.

    Both texts in lower case, without ASCII punctuation, must be equal. Blanks around the answer
    are taken away, as its filter ``remove_whitespace`` does.
    """

    def plain(text: str) -> str:
        return text.strip().lower().translate(_PUNCTUATION)

    return float(any(plain(answer) == plain(text) for text in expected))


def lm_eval_last_number(answer: str, expected: Sequence[str]) -> float:
    """lm-evaluation-harness, the filter ``flexible-extract`` of GSM8K, then ``exact_match``.

    The last number in the answer is taken; commas, dollar signs and a full stop at the end are
    ignored in both texts.
    """
    found = _NUMBER.findall(answer)
    if not found:
        return 0.0
    last = _LEFT_OUT.sub("", found[-1])
    return float(any(last == _LEFT_OUT.sub("", text) for text in expected))


def ruler_part(answer: str, expected: Sequence[str]) -> float:
    """RULER, ``string_match_part``: whether one reference is somewhere in the answer."""
    return max((_contains(answer, text) for text in expected), default=0.0)


def ruler_all(answer: str, expected: Sequence[str]) -> float:
    """RULER, ``string_match_all``: the share of the references that are in the answer."""
    return sum(_contains(answer, text) for text in expected) / max(len(expected), 1)


def _contains(answer: str, text: str) -> float:
    return float(text.lower() in _CONTROL.sub("\n", answer).strip().lower())


def squad_plain(text: str) -> str:
    """SQuAD 1.1's normal form: lower case, no ASCII punctuation, no articles, single blanks."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def squad_em(answer: str, expected: Sequence[str]) -> float:
    """SQuAD 1.1, exact match of the normal forms (Rajpurkar et al. 2016)."""
    return float(any(squad_plain(answer) == squad_plain(text) for text in expected))


def squad_f1(answer: str, expected: Sequence[str]) -> float:
    """SQuAD 1.1, F1 of the words of the normal forms; the best reference counts."""
    return max((_f1(squad_plain(answer), squad_plain(text)) for text in expected), default=0.0)


def _f1(answer: str, text: str) -> float:
    said, wanted = answer.split(), text.split()
    common = sum((Counter(said) & Counter(wanted)).values())
    return 2 * common / (len(said) + len(wanted)) if common else 0.0


def helm_quasi_exact(answer: str, expected: Sequence[str]) -> float:
    """HELM, ``quasi_exact_match``: SQuAD's normal forms are equal, and the answer is not empty."""
    return squad_em(answer, expected) if answer.strip() else 0.0


def helm_quasi_prefix(answer: str, expected: Sequence[str]) -> float:
    """HELM, ``quasi_prefix_exact_match``: the answer's normal form begins with a reference's."""
    if not answer.strip():
        return 0.0
    said = squad_plain(answer)
    return float(any(said.startswith(squad_plain(text)) for text in expected))


@dataclass(frozen=True, slots=True)
class Published:
    """A rule, and the scorers whose rows it is made for."""

    name: str
    rule: Rule
    scorers: tuple[str, ...]


_TEXT: Final = ("exact_match", "decode_match")
PUBLISHED: Final = (
    Published("lm-eval exact_match, case and punctuation ignored", lm_eval_exact, _TEXT),
    Published("SQuAD exact match", squad_em, _TEXT),
    Published("SQuAD F1", squad_f1, _TEXT),
    Published("HELM quasi-exact match", helm_quasi_exact, _TEXT),
    Published("HELM quasi-prefix match", helm_quasi_prefix, _TEXT),
    Published("RULER string_match_part", ruler_part, _TEXT),
    Published("lm-eval flexible-extract", lm_eval_last_number, ("numeric",)),
    Published("HELM quasi-exact match", helm_quasi_exact, ("numeric",)),
    Published("RULER string_match_part", ruler_part, ("numeric",)),
    Published("RULER string_match_all", ruler_all, ("set_f1",)),
)
