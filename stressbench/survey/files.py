"""Measures documents with several tokenizers, in child processes that may fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from pathlib import Path

import msgspec

from stressbench.survey.inflation import HotSpot, KindCost, Measurement, TextCounts, ratio
from stressbench.survey.isolation import SILENCE_S, Isolated, JsonObject, UnfinishedError
from stressbench.survey.measuring import measuring_process
from stressbench.tokens.byte_tokenizer import ByteTokenizer


class Document(msgspec.Struct, frozen=True):
    """A file to measure: ``name`` is the user's name for it, ``twin`` its benign version."""

    name: str
    path: Path
    twin: Path | None = None


class TokenizerCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one document costs with one tokenizer; ``why_null`` has the reason of each null."""

    tokenizer: str
    sha256: str | None = None
    tokens: int | None = None
    bytes_per_token: float | None = None
    characters_per_token: float | None = None
    fertility: float | None = None
    """Tokens per word."""
    byte_fallback_rate: float | None = None
    unk_tokens: int | None = None
    roundtrip_ok: bool | None = None
    window_tokens: int | None = None
    window_share: float | None = None
    encode_s: float | None = None
    twin_tokens: int | None = None
    inflation: float | None = None
    kinds: list[KindCost] | None = None
    hot_spots: list[HotSpot] | None = None
    why_null: dict[str, str]


class FileCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one document costs; its sizes are null only if it cannot be read at all."""

    path: str
    bytes: int | None
    characters: int | None
    words: int | None
    lines: int | None
    invalid_sequences: int | None
    tokenizers: list[TokenizerCost]
    why_null: dict[str, str]


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """How to measure documents."""

    tokenizers: dict[str, str]
    """The user's name for each tokenizer, and the spec that opens it."""
    hot_spots: int = 5
    window_tokens: int | None = None
    """Replaces the windows of the tokenizers."""
    silence_s: float = SILENCE_S

    def run(
        self,
        documents: Sequence[Document],
        progress: Callable[[str, str, int], None],
        first: Isolated | None = None,
    ) -> list[FileCost]:
        """Measure every document; ``progress`` gets tokenizer, document and bytes done.

        ``first`` is a worker that has already opened the first tokenizer; it is closed at the
        end. Raises ``SetupError`` if a tokenizer cannot be opened.
        """
        workers = chain([first] if first else [], repeat(None))
        columns = [
            self._measure_all(name, documents, progress, worker)
            for name, worker in zip(self.tokenizers, workers, strict=False)
        ]
        return [
            self._file(document, [column[index] for column in columns])
            for index, document in enumerate(documents)
        ]

    def _measure_all(
        self,
        name: str,
        documents: Sequence[Document],
        progress: Callable[[str, str, int], None],
        started: Isolated | None,
    ) -> list[tuple[TextCounts | None, TokenizerCost]]:
        with started or measuring_process(self.silence_s) as worker:
            return [self._measure_one(worker, name, document, progress) for document in documents]

    def _measure_one(
        self,
        worker: Isolated,
        name: str,
        document: Document,
        progress: Callable[[str, str, int], None],
    ) -> tuple[TextCounts | None, TokenizerCost]:
        def hear(done_bytes: int) -> None:
            progress(name, document.name, done_bytes)

        request: JsonObject = {"tokenizer": self.tokenizers[name], "hot_spots": self.hot_spots}
        try:
            found = _measured(worker.call(request | {"path": str(document.path)}, hear))
        except UnfinishedError as error:
            return None, TokenizerCost(tokenizer=name, why_null={"tokens": str(error)})
        twin: int | None = None
        why_null: dict[str, str] = {}
        if document.twin is None:
            why_null["inflation"] = "no twin was given; --against names one"
        else:
            try:
                answer = worker.call(request | {"path": str(document.twin), "hot_spots": 0}, hear)
                twin = _measured(answer).counts.tokens
            except UnfinishedError as error:
                why_null["inflation"] = f"the twin: {error}"
        return found.counts, self._cost(name, found, twin, why_null)

    def _cost(
        self, name: str, found: Measurement, twin: int | None, why_null: dict[str, str]
    ) -> TokenizerCost:
        counts = found.counts
        window = self.window_tokens or found.window_tokens
        if window is None:
            why_null["window_share"] = (
                "the tokenizer does not belong to one model; --window sets a window"
            )
        if not counts.tokens:
            why_null["bytes_per_token"] = "no tokens"
        if not counts.words:
            why_null["fertility"] = "no words"
        if twin == 0:
            why_null["inflation"] = "the twin has no tokens"
        return TokenizerCost(
            tokenizer=name,
            sha256=found.tokenizer_sha256,
            tokens=counts.tokens,
            bytes_per_token=counts.bytes_per_token,
            characters_per_token=counts.characters_per_token,
            fertility=counts.fertility,
            byte_fallback_rate=counts.byte_fallback_rate,
            unk_tokens=counts.unk_tokens,
            roundtrip_ok=counts.roundtrip_ok,
            window_tokens=window,
            window_share=counts.tokens / window if window else None,
            encode_s=counts.encode_s,
            twin_tokens=twin,
            inflation=None if twin is None else ratio(counts.tokens, twin),
            kinds=found.kinds,
            hot_spots=found.hot_spots,
            why_null=why_null,
        )

    def _file(
        self, document: Document, cells: list[tuple[TextCounts | None, TokenizerCost]]
    ) -> FileCost:
        counts = next((found for found, _ in cells if found), None)
        why_null: dict[str, str] = {}
        if counts is None:  # every tokenizer failed; the byte tokenizer works on any text
            try:
                with measuring_process(self.silence_s) as worker:
                    request: JsonObject = {"tokenizer": ByteTokenizer.name, "hot_spots": 0}
                    counts = _measured(worker.call(request | {"path": str(document.path)})).counts
            except UnfinishedError as error:
                why_null["bytes"] = str(error)
        return FileCost(
            path=document.name,
            bytes=counts.bytes if counts else None,
            characters=counts.characters if counts else None,
            words=counts.words if counts else None,
            lines=counts.lines if counts else None,
            invalid_sequences=counts.invalid_sequences if counts else None,
            tokenizers=[cost for _, cost in cells],
            why_null=why_null,
        )


def _measured(answer: JsonObject) -> Measurement:
    return msgspec.convert(answer, Measurement)
