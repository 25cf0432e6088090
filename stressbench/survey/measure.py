"""Counts a stream of text with one tokenizer, in one pass and constant memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from stressbench.survey.hotspots import AlignedText, HotSpots
from stressbench.survey.inflation import HotSpot, KindCost, Measurement, TextCounts
from stressbench.survey.kinds import KINDS, KindArray, kind_array
from stressbench.survey.pieces import TextPiece, TextStream, pieces
from stressbench.tokens.vocabulary import Offsets, TokenIds, Vocabulary, utf8_char_index


def count_tokens(vocabulary: Vocabulary, stream: BinaryIO) -> int:
    """Count the tokens of a UTF-8 stream and nothing else, as fast as the library can."""
    batches = _batches(pieces(TextStream(stream), vocabulary.cut))
    return sum(
        len(ids)
        for batch in batches
        for ids in vocabulary.encode_arrays([piece.text for piece in batch])
    )


def measure(
    vocabulary: Vocabulary,
    stream: BinaryIO,
    *,
    hot_spots: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Measurement:
    """Measure a UTF-8 stream; after every batch, ``progress`` gets the number of bytes read.

    ``hot_spots`` is the largest number of hot spots to find. In a document of several batches
    they are compared with the density up to that batch, so a hot spot near the start may be
    missed if the rest is much cheaper. Raises ``UncutError``, and whatever the tokenizer
    raises.
    """
    source = TextStream(stream)
    tally = _RunningCounts(vocabulary)
    costs = _Costs(hot_spots)
    for batch, encoded, took_s in _encoded(vocabulary, pieces(source, vocabulary.cut)):
        tally.encode_s += took_s
        for piece, ids in zip(batch, encoded, strict=True):
            tally.add(piece, ids)
            costs.add(piece, ids, vocabulary.starts(piece.text, ids))
        progress(source.bytes_read)
    return Measurement(
        tokenizer=vocabulary.name,
        tokenizer_sha256=vocabulary.sha256,
        window_tokens=vocabulary.window_tokens,
        counts=tally.counts(source),
        kinds=costs.kinds(),
        hot_spots=costs.hottest(),
    )


def _encoded(
    vocabulary: Vocabulary, stream: Iterable[TextPiece]
) -> Iterator[tuple[list[TextPiece], list[TokenIds], float]]:
    """Yield batches with their ids and the seconds of encoding, one batch ahead of the caller.

    The libraries encode without holding the interpreter lock, so one batch is attributed to
    kinds while the next one is encoded.
    """

    def encode(batch: list[TextPiece]) -> tuple[list[TextPiece], list[TokenIds], float]:
        began_s = time.perf_counter()
        ids = vocabulary.encode_arrays([piece.text for piece in batch])
        return batch, ids, time.perf_counter() - began_s

    with ThreadPoolExecutor(1) as ahead:
        pending: Future[tuple[list[TextPiece], list[TokenIds], float]] | None = None
        for batch in _batches(stream):
            following = ahead.submit(encode, batch)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()


def _batches(stream: Iterable[TextPiece]) -> Iterator[list[TextPiece]]:
    # Four pieces for each core keep all cores busy although pieces differ in cost.
    size = 4 * (os.cpu_count() or 1)
    remaining = iter(stream)
    while batch := list(islice(remaining, size)):
        yield batch


@dataclass
class _RunningCounts:
    """The counts up to the current piece."""

    vocabulary: Vocabulary
    encode_s: float = 0.0
    characters: int = 0
    words: int = 0
    line_feeds: int = 0
    text_bytes: int = 0
    tokens: int = 0
    byte_tokens: int = 0
    unk_tokens: int = 0
    roundtrip_ok: bool = True
    last: str = "\n"

    def add(self, piece: TextPiece, ids: TokenIds) -> None:
        """Count one piece; a word that a cut has divided counts once."""
        text = piece.text
        table = self.vocabulary.table()
        self.tokens += len(ids)
        self.byte_tokens += int(np.count_nonzero(table.fragments[ids]))
        if table.unk_id is not None:
            self.unk_tokens += int(np.count_nonzero(ids == table.unk_id))
        encoded = text.encode()
        spelled = b"".join(map(table.token_bytes.__getitem__, ids.tolist()))
        # For byte-level vocabularies joining bytes is decoding, and faster; others must decode.
        self.roundtrip_ok &= spelled == encoded or self.vocabulary.decode(ids.tolist()) == text
        self.characters += len(piece.separator) + len(text)
        self.text_bytes += len(piece.separator) + len(encoded)
        self.line_feeds += text.count("\n")
        self.words += len(text.split())
        if text:
            parted = not (piece.separator or self.last.isspace() or text[0].isspace())
            self.words -= parted
            self.last = text[-1]

    def counts(self, source: TextStream) -> TextCounts:
        """Return the totals."""
        return TextCounts(
            bytes=source.bytes_read,
            characters=self.characters,
            words=self.words,
            lines=self.line_feeds + (self.last != "\n"),
            invalid_sequences=source.invalid_sequences,
            text_bytes=self.text_bytes,
            tokens=self.tokens,
            byte_tokens=self.byte_tokens,
            unk_tokens=self.unk_tokens,
            roundtrip_ok=self.roundtrip_ok and not source.invalid_sequences,
            encode_s=self.encode_s,
        )


class _Costs:
    """Tokens by kind of content, and the most expensive lines."""

    def __init__(self, hot_spots: int) -> None:
        self._tokens = np.zeros(len(KINDS), np.int64)
        self._bytes = np.zeros(len(KINDS), np.int64)
        self._characters = np.zeros(len(KINDS), np.int64)
        self._hot = HotSpots(hot_spots)

    def add(self, piece: TextPiece, ids: TokenIds, starts: Offsets) -> None:
        """Attribute each token to the kind of content of its first character."""
        text = piece.text
        separators = len(piece.separator)  # spaces that are not encoded as tokens
        self._bytes[0] += separators
        self._characters[0] += separators
        self._hot.skip(separators)
        if not text:
            assert not len(ids), "tokens without text"
            return
        kinds = kind_array(text)
        index = utf8_char_index(text)
        chars = starts if index is None else index[np.minimum(starts, len(index) - 1)]
        aligned = AlignedText(text, np.minimum(chars, len(text) - 1), kinds)
        self._tokens += _by_kind(kinds[aligned.chars])
        self._characters += _by_kind(kinds)
        self._bytes += _by_kind(kinds if index is None else kinds[index])
        self._hot.add(aligned, self._density())

    def kinds(self) -> list[KindCost]:
        """Return the kinds that occur, the most expensive first."""
        columns = (self._characters.tolist(), self._bytes.tolist(), self._tokens.tolist())
        found = [KindCost(*row) for row in zip(KINDS, *columns, strict=True) if row[1]]
        return sorted(found, key=lambda cost: -cost.tokens)

    def hottest(self) -> list[HotSpot]:
        """Return the hot spots, the most expensive first."""
        return self._hot.ranked(self._density())

    def _density(self) -> float:
        return float(self._tokens.sum()) / max(int(self._characters.sum()), 1)


def _by_kind(kinds: KindArray) -> npt.NDArray[np.intp]:
    return np.bincount(kinds, minlength=len(KINDS))
