"""One request's attention in the worker: which of its rows count, and their sums.

There are two sets of rows. *Prompt rows* are the rows of the prompt that the settings select.
*Answer rows* are the rows whose output became a token of the answer: the prompt's last row, then
the row of every generated token that was fed back. What the model attended to for its answer
is read from answer rows, so it does not depend on the settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stressbench.probes.attention.settings import Settings
from stressbench.probes.attention.worker.math import Detailed, ReducedRows, lift
from stressbench.probes.exchange import Arrays, Unsupported
from stressbench.probes.worker.capture import BatchRows
from stressbench.telemetry.attention import ROW_FIGURES

if TYPE_CHECKING:
    import torch

LAYER_GROUPS: Final = 3
"""Early, middle and late layers: the attention that a token receives is summed over each."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one step that count, by position; position + ``shift`` is the row of the batch."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    shift: int
    end: int
    place: int


class PhaseSums:
    """Sums over the rows of one phase. A figure that a row does not have is left out."""

    def __init__(self, layers: int, heads: int, tokens: int) -> None:
        import torch

        shape = (len(ROW_FIGURES), layers, heads)
        self.figures = torch.zeros(shape, dtype=torch.float64)
        self.counts = torch.zeros(shape, dtype=torch.int64)
        self.received = torch.zeros(LAYER_GROUPS, tokens, dtype=torch.float64)
        self.rows = 0

    def add(self, layer: int, reduced: ReducedRows) -> float:
        """Add the rows of one layer. Returns the error of their probabilities' sum, per row.

        The error is the mass that neither a key nor a learned sink received.
        """
        import torch

        figures = reduced.figures.cpu()
        there = ~figures.isnan()
        self.figures[:, layer] += figures.nan_to_num(0.0).sum(-1, dtype=torch.float64)
        self.counts[:, layer] += there.sum(-1)
        received = reduced.received.cpu()
        tokens = min(received.shape[0], self.received.shape[1])
        group = layer * LAYER_GROUPS // self.figures.shape[1]
        self.received[group, :tokens] += received[:tokens]
        rows = figures.shape[1] * figures.shape[2]
        mass = float(received.sum(dtype=torch.float64)) + float(reduced.learned)
        missing: float = abs(mass / rows - 1)
        return missing

    def arrays(self, phase: str) -> Arrays:
        """Means over rows, and the mean attention that each prompt token received from a row."""
        import numpy as np

        layers, heads = self.figures.shape[1:]
        groups = np.bincount(np.arange(layers) * LAYER_GROUPS // layers, minlength=LAYER_GROUPS)
        counts = self.counts.numpy()
        with np.errstate(invalid="ignore"):
            means = self.figures.numpy() / counts
            received = self.received.numpy() / (groups * heads * self.rows)[:, None]
        return {
            f"{phase}_figures": means.astype(np.float32),
            f"{phase}_rows": np.array(self.rows, np.int32),
            f"{phase}_received": received.astype(np.float32),
        }


class RequestAttention:
    """What has been captured of one request."""

    def __init__(self, settings: Settings, layers: tuple[int, ...], heads: int) -> None:
        import torch

        self.settings = settings
        self.layers = {layer: place for place, layer in enumerate(layers)}
        tokens = len(settings.prompt_ids)
        shape = (len(layers), heads)
        self.prompt = PhaseSums(*shape, tokens)
        self.answer = PhaseSums(*shape, tokens)
        self._masses = torch.zeros(2, len(settings.spans), *shape, dtype=torch.float64)
        self.roles = torch.zeros(tokens, len(settings.spans))
        for role, spans in enumerate(settings.spans.values()):
            for start, stop in spans:
                self.roles[start:stop, role] = 1
        self._needle = torch.tensor(settings.needle, dtype=torch.int64)
        self._copied = torch.zeros(*shape, len(settings.needle), dtype=torch.bool)
        self._top = torch.zeros(shape, dtype=torch.int64)
        self._fed_back = 0
        self._next: int | None = None
        self._cached = 0
        self.row_error = 0.0
        self.output_error = 0.0

    def choose(self, rows: BatchRows, input_ids: torch.Tensor) -> Chosen:
        """The rows of this step that count. Called before the layers run.

        Rows that are recomputed after a preemption are not counted again.
        """
        if self._next is None:
            self._next = self._cached = rows.first
        start = max(rows.first, self._next)
        if rows.first > self._next:
            raise Unsupported(
                "some of its tokens were computed in steps that the capture did not see"
            )
        tokens = len(self.settings.prompt_ids)
        for position in range(max(start, tokens), rows.end):
            self._feed_back(int(input_ids[rows.start + position - rows.first]))
        self._next = max(self._next, rows.end)
        chosen = Chosen(
            prompt=tuple(p for p in range(start, min(rows.end, tokens)) if self.settings.wants(p)),
            answer=tuple(range(max(start, tokens - 1), rows.end)),
            shift=rows.start - rows.first,
            end=rows.end,
            place=rows.place,
        )
        self.prompt.rows += len(chosen.prompt)
        self.answer.rows += len(chosen.answer)
        return chosen

    def _feed_back(self, token: int) -> None:
        """Note the token that the last answer row gave, and the heads that attended to it."""
        self._fed_back += 1
        here = [
            i for i, at in enumerate(self.settings.needle) if self.settings.prompt_ids[at] == token
        ]
        if here:
            self._copied[..., here] |= self._top[..., None] == self._needle[here]

    def add_prompt(self, layer: int, reduced: ReducedRows) -> None:
        """Add the selected prompt rows of a layer."""
        self._note(self.prompt.add(self.layers[layer], reduced))

    def add_answer(self, layer: int, detailed: Detailed) -> None:
        """Add answer rows of a layer."""
        import torch

        place = self.layers[layer]
        self._note(self.answer.add(place, detailed))
        self._top[place] = detailed.top[:, -1].cpu()
        tokens = self.roles.sum(0)[:, None, None].to(detailed.masses.device)
        both = torch.stack((detailed.masses, lift(detailed.masses, detailed.outcomes, tokens)))
        self._masses[:, :, place] += both.sum(-1, dtype=torch.float64).cpu()

    def _note(self, row_error: float) -> None:
        # A NaN must stay: max() would drop it.
        self.row_error = row_error if not row_error <= self.row_error else self.row_error

    def arrays(self) -> Arrays:
        """Everything as small arrays. ``docs/telemetry.md`` lists their shapes."""
        import numpy as np

        rows = max(self.answer.rows, 1)
        mass, lifted = (self._masses / rows).numpy().astype(np.float32)
        retrieval = self._copied.double().mean(-1) if len(self._needle) else self._top * np.nan
        return {
            "layers": np.array(list(self.layers), np.int32),
            **self.prompt.arrays("prompt"),
            **self.answer.arrays("answer"),
            "role_mass": mass,
            "role_lift": lifted,
            "retrieval": retrieval.numpy().astype(np.float32),
            "fed_back": np.array(self._fed_back, np.int32),
            "cached_tokens": np.array(self._cached, np.int32),
            "row_error": np.array(self.row_error, np.float32),
            "output_error": np.array(self.output_error, np.float32),
        }
