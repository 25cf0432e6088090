"""Counts a stream of text under one tokenizer, in flat memory and one pass."""

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

from stressbench.survey.hotspots import HotSpots, Laid
from stressbench.survey.inflation import HotSpot, KindCost, Measurement, TextCounts
from stressbench.survey.kinds import KINDS, KindArray, kind_array
from stressbench.survey.pieces import TextPiece, TextStream, pieces
from stressbench.tokens.vocabulary import Offsets, TokenIds, Vocabulary, utf8_char_index


def count_tokens(vocabulary: Vocabulary, stream: BinaryIO) -> int:
    """Tokens of a UTF-8 stream and nothing else, as fast as the library goes."""
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
    """Measure a UTF-8 stream; ``progress`` hears the bytes read after every batch.

    ``hot_spots`` is how many are wanted. In a document of more than one batch they are
    sought with the density seen so far, so a hot spot near its start may be missed where
    the rest is much cheaper. Raises ``UncutError``, and whatever the tokenizer raises.
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
    """Batches with their ids and the seconds that took, one batch ahead of the caller.

    Libraries encode without the interpreter's lock, so one batch is attributed to kinds
    while the next one is encoded.
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
    # Four pieces a core keep all of them busy although pieces differ in cost.
    size = 4 * (os.cpu_count() or 1)
    remaining = iter(stream)
    while batch := list(islice(remaining, size)):
        yield batch


@dataclass
class _RunningCounts:
    """Running counts."""

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
        """Count one piece; a word that the cut parted is one word."""
        text = piece.text
        table = self.vocabulary.table()
        self.tokens += len(ids)
        self.byte_tokens += int(np.count_nonzero(table.fragments[ids]))
        if table.unk_id is not None:
            self.unk_tokens += int(np.count_nonzero(ids == table.unk_id))
        encoded = text.encode()
        spelled = b"".join(map(table.token_bytes.__getitem__, ids.tolist()))
        # Joining bytes is decoding for byte-level vocabularies, and faster; others are asked.
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
        """The totals."""
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
    """Tokens by kind of content, and the lines that cost most."""

    def __init__(self, hot_spots: int) -> None:
        self._tokens = np.zeros(len(KINDS), np.int64)
        self._bytes = np.zeros(len(KINDS), np.int64)
        self._characters = np.zeros(len(KINDS), np.int64)
        self._hot = HotSpots(hot_spots)

    def add(self, piece: TextPiece, ids: TokenIds, starts: Offsets) -> None:
        """Attribute each token to the kind of the character in which it begins."""
        text = piece.text
        separators = len(piece.separator)  # spaces, and part of no token of their own
        self._bytes[0] += separators
        self._characters[0] += separators
        self._hot.skip(separators)
        if not text:
            assert not len(ids), "tokens without text"
            return
        kinds = kind_array(text)
        index = utf8_char_index(text)
        chars = starts if index is None else index[np.minimum(starts, len(index) - 1)]
        laid = Laid(text, np.minimum(chars, len(text) - 1), kinds)
        self._tokens += _by_kind(kinds[laid.chars])
        self._characters += _by_kind(kinds)
        self._bytes += _by_kind(kinds if index is None else kinds[index])
        self._hot.add(laid, self._density())

    def kinds(self) -> list[KindCost]:
        """Kinds that occur, the costliest first."""
        columns = (self._characters.tolist(), self._bytes.tolist(), self._tokens.tolist())
        found = [KindCost(*row) for row in zip(KINDS, *columns, strict=True) if row[1]]
        return sorted(found, key=lambda cost: -cost.tokens)

    def hottest(self) -> list[HotSpot]:
        """The hot spots, costliest first."""
        return self._hot.ranked(self._density())

    def _density(self) -> float:
        return float(self._tokens.sum()) / max(int(self._characters.sum()), 1)


def _by_kind(kinds: KindArray) -> npt.NDArray[np.intp]:
    return np.bincount(kinds, minlength=len(KINDS))
