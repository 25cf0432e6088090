"""What the model attends to: attention of every layer and head, reduced in vLLM's workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, cast

import msgspec

from stressbench.probes.attention.settings import Settings, parse
from stressbench.probes.attention.summary import findings
from stressbench.probes.base import ProbeFinding, ProbeSetup, RunningEngine
from stressbench.probes.exchange import Unsupported
from stressbench.probes.remote import RemoteCapture
from stressbench.schema.case import Request
from stressbench.schema.step import StepReading
from stressbench.tokens.open import open_tokenizer

if TYPE_CHECKING:
    from stressbench.probes.base import Array
    from stressbench.tokens.vocabulary import TokenTable

_FAILED: Final = "the request failed"


class AttentionProbe:
    """Attention of every layer and head: entropy, sinks, and attention to the needle.

    Parameters: ``queries`` (``all``, ``last:N`` or ``stride:K``; default ``last:64``) chooses
    the prompt's rows; ``layers`` (``all`` or a list of numbers from 0) the layers; ``dtype``
    (``float32`` or ``float64``) the precision of the computation; ``sink_tokens`` (4) and
    ``recent_tokens`` (32) how many keys count as sink and as recent. Runs in the telemetry
    pass. ``docs/telemetry.md`` explains the fields.
    """

    section: ClassVar[str] = "attention"
    telemetry_pass: ClassVar[bool] = True
    capture: ClassVar[str | None] = "stressbench.probes.attention.worker.capture:AttentionCapture"

    def __init__(self, setup: ProbeSetup) -> None:
        self._asked = parse(setup.params)
        self._remote: RemoteCapture | None = None
        self._out: dict[str, tuple[Settings, Request]] = {}
        self._tokens: TokenTable | None = None
        self._tokenizer_path = setup.tokenizer_path

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        """Refuse wrong parameters."""
        parse(params)

    async def start(self, served: RunningEngine) -> None:
        assert self.capture is not None
        self._remote = RemoteCapture(served, self.section, self.capture)
        await self._remote.start()

    def step(self, reading: StepReading) -> None:
        """Do nothing: the capture sees the steps in the worker."""

    async def sent(self, key: str, request: Request) -> None:
        settings = msgspec.structs.replace(
            self._asked, prompt_ids=request.prompt_token_ids, spans=_spans(request)
        )
        assert self._remote is not None
        await self._remote.expect(key, msgspec.to_builtins(settings))
        self._out[key] = (settings, request)

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        settings, request = self._out.pop(key)
        assert self._remote is not None
        try:
            taken = await self._remote.collect(key, ok=ok)
        except Unsupported as reason:
            return _null(str(reason))
        if not ok:
            return _null(_FAILED)
        finding = findings(cast("dict[str, Array]", taken), settings)
        return replace(finding, arrays={**finding.arrays, **self._token_starts(request)})

    def _token_starts(self, request: Request) -> dict[str, Array]:
        """Where each token of the prompt begins, in bytes from the start of the user message.

        Tokens of the chat template lie before 0 and after the end. Empty if the tokens do not
        spell the message, as with a tokenizer that rewrites text.
        """
        import numpy as np

        if self._tokenizer_path is None:
            return {}
        if self._tokens is None:
            self._tokens = open_tokenizer(str(self._tokenizer_path)).table()
        table, ids = self._tokens.token_bytes, request.prompt_token_ids
        if max(ids) >= len(table):
            return {}
        lengths = [len(table[token]) for token in ids]
        spelled = b"".join(table[token] for token in ids)
        # The last occurrence: the template's own words come before the user's.
        at = spelled.rfind(request.case.text.encode("utf-8", "replace"))
        if at < 0:
            return {}
        starts = np.cumsum([0, *lengths]) - at
        return {"token_starts": starts.astype(np.int32)}

    async def stop(self) -> None:
        if self._remote is not None:
            await self._remote.stop()


def _null(reason: str) -> ProbeFinding:
    return ProbeFinding(fields=None, why_null={"": reason})


def _spans(request: Request) -> dict[str, tuple[tuple[int, int], ...]]:
    """Token spans of the prompt by part; empty spans are left out."""
    spans: dict[str, tuple[tuple[int, int], ...]] = {}
    for span in request.spans:
        if span.end > span.start:
            spans[span.part] = (*spans.get(span.part, ()), (span.start, span.end))
    return spans


PLUGIN = AttentionProbe
