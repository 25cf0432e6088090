"""What a user sees during a run: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from stressbench.engines.base import EngineInfo
from stressbench.errors import StressbenchError
from stressbench.report.terminal.layout import text
from stressbench.report.words.kv import describe_kv
from stressbench.schema.results.kv import KvSetup
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import RunHeader
from stressbench.schema.step import StepReading
from stressbench.schema.suite.entry import Entry, entry_of, repeated_classes

_REFRESH_PER_S: Final = 4
_LINE_EVERY_S: Final = 10.0
_BAR_WIDTH: Final = 24
_RATE_SPAN_S: Final = 10.0
_FINISHED_SHOWN: Final = 8
"""Models that take turns would fill the screen with one line per block."""


@dataclass(slots=True)
class _Tally:
    """The requests of one entry of the suite to the model being served."""

    done: int = 0
    failed: int = 0
    judged: int = 0
    score: float = 0.0


@dataclass(slots=True)
class _Model:
    """The model being served."""

    role: str
    name: str
    requests: int
    began_s: float
    ready_s: float | None = None
    done: int = 0
    tokens: int = 0
    recent: deque[tuple[float, int]] = field(default_factory=deque)
    """Time and tokens of the steps in the last seconds."""
    running: int = 0
    waiting: int = 0
    kv_usage: float | None = None
    kv_peak: float | None = None
    preemptions: int = 0
    entries: dict[Entry, _Tally] = field(default_factory=dict)

    def computed(self, now_s: float, tokens: int) -> None:
        """Count in the tokens of a step."""
        self.recent.append((now_s, tokens))
        self._forget(now_s)

    def _forget(self, now_s: float) -> None:
        while self.recent and self.recent[0][0] <= now_s - _RATE_SPAN_S:
            self.recent.popleft()

    def tokens_per_s(self, now_s: float) -> float | None:
        """Prompt and output tokens per second over the last seconds."""
        self._forget(now_s)
        if not self.recent or self.ready_s is None:
            return None
        span_s = min(_RATE_SPAN_S, now_s - self.ready_s)
        return sum(tokens for _, tokens in self.recent) / span_s if span_s > 0 else None

    def left_s(self, now_s: float) -> float | None:
        """Estimated time left for this model, from the requests done so far."""
        if self.ready_s is None or not self.done:
            return None
        return (now_s - self.ready_s) / self.done * (self.requests - self.done)


class _State:
    """What every view tracks: the finished models and the one being served."""

    def __init__(self) -> None:
        self.finished: list[_Model] = []
        self.model: _Model | None = None
        self.is_draining = False
        self._repeated = frozenset[str]()
        self.notes: list[str] = []
        """What the user should know, printed when the view has closed."""

    def begun(self, header: RunHeader, directory: Path, planned: dict[str, int]) -> None:
        """Note which classes have several entries; nothing is shown before a model starts."""
        del directory, planned
        self._repeated = repeated_classes(header.suite_spec)

    def starting(self, role: str, model: str, requests: int) -> None:
        if self.model is not None:
            self.finished.append(self.model)
        self.model = _Model(role=role, name=model, requests=requests, began_s=time.monotonic())

    def ready(self, role: str, info: EngineInfo, kv: KvSetup) -> None:
        del role, info, kv
        assert self.model is not None
        self.model.ready_s = time.monotonic()

    def going_on(self, role: str, model: str, requests: int) -> None:
        if self.model is not None:
            self.finished.append(self.model)
        now_s = time.monotonic()
        self.model = _Model(role=role, name=model, requests=requests, began_s=now_s, ready_s=now_s)

    def step(self, role: str, reading: StepReading) -> None:
        del role
        model = self.model
        if model is None:
            return
        model.running, model.waiting = reading.running, reading.waiting
        model.kv_usage = reading.kv_usage
        if reading.kv_usage is not None:
            model.kv_peak = max(model.kv_peak or 0.0, reading.kv_usage)
        model.preemptions += reading.preemptions
        tokens = reading.prompt_tokens + reading.output_tokens
        model.tokens += tokens
        if tokens:
            model.computed(time.monotonic(), tokens)

    def recorded(self, record: CaseRecord) -> None:
        model = self.model
        if model is None:
            return
        model.done += 1
        of = entry_of(record.prompt_class, record.label, self._repeated)
        tally = model.entries.setdefault(of, _Tally())
        tally.done += 1
        tally.failed += record.status != "ok"
        tally.judged += record.quality.score is not None
        tally.score += record.quality.score or 0.0

    def failed(self, role: str, error: StressbenchError) -> None:
        """Nothing to show: the command prints every model's error when the run has ended."""

    def note(self, text: str) -> None:
        self.notes.append(text)

    def draining(self) -> None:
        self.is_draining = True


class SilentView(_State):
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to clear away."""


class LiveView(_State):
    """A table that redraws itself; use it as a context manager around the run."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._live = Live(
            get_renderable=self._draw,
            console=console,
            refresh_per_second=_REFRESH_PER_S,
            transient=True,
        )
        self._spinner = Spinner("dots")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def ready(self, role: str, info: EngineInfo, kv: KvSetup) -> None:
        super().ready(role, info, kv)
        line = text(f"{role}: {describe_kv(kv)}", "dim")
        self._live.console.print(line, soft_wrap=True)

    def _draw(self) -> RenderableType:
        now_s = time.monotonic()
        finished = self.finished[-_FINISHED_SHOWN:]
        parts: list[RenderableType] = [_line(model, now_s, done=True) for model in finished]
        if self.model is not None:
            parts.append(self._current(self.model, now_s))
        if self.is_draining:
            parts.append(
                Text(
                    "finishing the requests in flight; press Ctrl-C again to abandon them",
                    style="yellow",
                )
            )
        return Group(*parts)

    def _current(self, model: _Model, now_s: float) -> RenderableType:
        if model.ready_s is None:
            self._spinner.update(
                text=text(f"loading {model.name} ({model.role})  {now_s - model.began_s:.0f} s")
            )
            return self._spinner
        table = Table.grid(padding=(0, 2))
        for of, tally in model.entries.items():
            quality = f"quality {tally.score / tally.judged:.2f}" if tally.judged else "not judged"
            failed = Text(f"{tally.failed} failed", style="red") if tally.failed else Text("")
            done = Text(f"{tally.done}", justify="right")
            table.add_row(text(f"  {of.name}"), done, Text(quality), failed)
        bar = ProgressBar(total=model.requests, completed=model.done, width=_BAR_WIDTH)
        head = Table.grid(padding=(0, 2))
        head.add_row(text(model.role, "bold"), bar, _line(model, now_s, done=False))
        return Group(head, table)


class PlainView(_State):
    """A line every ten seconds and at the start and end of each model, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._said_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.model is not None:
            self._say(done=True)

    def starting(self, role: str, model: str, requests: int) -> None:
        if self.model is not None:
            self._say(done=True)
        super().starting(role, model, requests)
        self._console.print(text(f"{role}: loading {model}"), soft_wrap=True)

    def going_on(self, role: str, model: str, requests: int) -> None:
        if self.model is not None:
            self._say(done=True)
        super().going_on(role, model, requests)

    def ready(self, role: str, info: EngineInfo, kv: KvSetup) -> None:
        super().ready(role, info, kv)
        facts = f"{info.dtype}, window {info.max_model_len}"
        self._console.print(text(f"{role}: serving ({facts})"), soft_wrap=True)
        self._console.print(text(f"{role}: {describe_kv(kv)}"), soft_wrap=True)
        self._said_s = time.monotonic()

    def recorded(self, record: CaseRecord) -> None:
        super().recorded(record)
        if time.monotonic() - self._said_s >= _LINE_EVERY_S:
            self._say(done=False)

    def draining(self) -> None:
        super().draining()
        self._console.print("finishing the requests in flight (a second signal abandons them)")

    def _say(self, *, done: bool) -> None:
        assert self.model is not None
        self._said_s = time.monotonic()
        line = _line(self.model, self._said_s, done=done)
        whole = line if done else text(f"{self.model.role}: ") + line
        self._console.print(whole, soft_wrap=True)


def _line(model: _Model, now_s: float, *, done: bool) -> Text:
    """One line on a model: its progress, speed, quality and KV usage."""
    failed = sum(tally.failed for tally in model.entries.values())
    score = sum(tally.score for tally in model.entries.values())
    judged = sum(tally.judged for tally in model.entries.values())
    parts = [f"{model.done}/{model.requests}"]
    if done:
        parts = [f"{model.role}: {model.done}/{model.requests} requests"]
    elif (rate := model.tokens_per_s(now_s)) is not None:
        parts.append(f"{rate:,.0f} tokens/s")
    if judged:
        parts.append(f"quality {score / judged:.2f}")
    usage = model.kv_peak if done else model.kv_usage
    if usage is not None:
        parts.append(f"KV {'peak ' if done else ''}{usage:.0%}")
    if not done:
        parts.append(f"{model.running} running, {model.waiting} waiting")
    if model.preemptions:
        parts.append(f"{model.preemptions} preemptions")
    if failed:
        parts.append(f"{failed} failed")
    if not done and (left := model.left_s(now_s)) is not None:
        parts.append(f"{left // 60:.0f}:{left % 60:02.0f} left")
    return text("  ".join(parts), "dim" if done else "")
