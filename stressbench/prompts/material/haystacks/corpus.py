"""A user's own text as filler: a text file, a JSONL or CSV column, a Hugging Face data set.

The corpus is read as a stream and only as far as needed: however large it is, memory holds
only its first 32,768 sentences.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, islice
from typing import Final

from stressbench.errors import SuiteError
from stressbench.prompts.material.haystacks import lexicon
from stressbench.prompts.material.rows import read_rows

_PER_CHUNK: Final = 8
_MOST_CHUNKS: Final = 4096
_LEAST_PHRASES: Final = 16
_LONGEST_CHARS: Final = 400
_PADDING: Final = 128
_SENTENCE: Final = re.compile(r"[^.!?\u3002\uff01\uff1f]+(?:[.!?\u3002\uff01\uff1f]+|$)")


@dataclass(frozen=True)
class Corpus:
    """Sentences of a corpus; eight consecutive ones make a chunk."""

    name: str
    phrases: tuple[str, ...]

    def chunks(self, tokens: int) -> int:  # noqa: ARG002 - a corpus is as large as it is
        """Return the number of chunks that the corpus has."""
        return max(1, len(self.phrases) // _PER_CHUNK)

    def chunk(self, index: int) -> Sequence[str]:
        """Return eight consecutive sentences."""
        return self.phrases[index * _PER_CHUNK : (index + 1) * _PER_CHUNK]

    @cached_property
    def padding(self) -> Sequence[str]:
        """Short English sentences, and the first sentences of the corpus."""
        return [*(" " + short for short in lexicon.SHORT), *self.phrases[:_PADDING]]


@cache
def open_corpus(path: str, field: str, *, where: str) -> Corpus:
    """Read the first sentences of a corpus; each corpus is read once.

    Raises ``SuiteError`` if there is no such file or column, or too little text.
    """
    if not path:
        raise SuiteError(
            "haystack corpus needs a file or data set",
            where=where,
            hint="params: {haystack: corpus, corpus: book.txt}",
        )
    texts = _texts(path, field, where)
    phrases = tuple(islice(chain.from_iterable(map(_sentences, texts)), _MOST_CHUNKS * _PER_CHUNK))
    if len(phrases) < _LEAST_PHRASES:
        raise SuiteError(
            f"the corpus {path!r} has {len(phrases)} sentences; it needs {_LEAST_PHRASES} or more",
            where=where,
        )
    digest = hashlib.sha256("\n".join(phrases).encode("utf-8", "surrogatepass")).hexdigest()
    return Corpus(f"corpus-{digest[:16]}", phrases)


def _texts(path: str, field: str, where: str) -> Iterator[str]:
    for row in read_rows(path, where=where, text_field=field):
        yield row.text(field)


def _sentences(text: str) -> Iterator[str]:
    for found in _SENTENCE.findall(" ".join(text.split())):
        for start in range(0, len(found), _LONGEST_CHARS):
            phrase = found[start : start + _LONGEST_CHARS].strip()
            # Sentences join without merging tokens only before a letter or a digit.
            if phrase and phrase[0].isalnum():
                yield " " + phrase
