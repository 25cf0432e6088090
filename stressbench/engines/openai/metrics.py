"""Read vLLM's ``/metrics`` page as steps of its scheduler.

The page is text in Prometheus' exposition format. Eight samples of its hundreds of lines are
needed, ten times a second, so they are looked up by name and the rest is not parsed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

from stressbench.errors import EngineError
from stressbench.schema.step import StepReading


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricNames:
    """vLLM's names for its metrics; ``name{label="value"}`` picks one series."""

    running: str
    waiting: str
    kv_usage: str
    prefix_queries: str
    prefix_hits: str
    preemptions: str
    prompt_tokens: str
    output_tokens: str


NAMES: Final[dict[tuple[int, int], MetricNames]] = {
    (0, 18): MetricNames(
        running="vllm:num_requests_running",
        waiting="vllm:num_requests_waiting",
        kv_usage="vllm:kv_cache_usage_perc",
        prefix_queries="vllm:prefix_cache_queries_total",
        prefix_hits="vllm:prefix_cache_hits_total",
        preemptions="vllm:num_preemptions_total",
        prompt_tokens='vllm:prompt_tokens_by_source_total{source="local_compute"}',
        output_tokens="vllm:generation_tokens_total",
    ),
}
"""The metric names, by the version of vLLM that introduced them. The tests check them against a
running 0.32.0; for 0.18 they were checked against its documentation. Earlier versions do not
count the prompt tokens that were computed."""

CACHE_CONFIG: Final = "vllm:cache_config_info"
_MARK: Final = b"\nvllm:"
_LABEL: Final = re.compile(rb'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')
_VERSION: Final = re.compile(r"^v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSample:
    """The metrics of one page; counters count from the server's start."""

    running: float
    waiting: float
    kv_usage: float
    prefix_queries: float
    prefix_hits: float
    preemptions: float
    prompt_tokens: float
    output_tokens: float


def is_vllm(page: bytes) -> bool:
    """Whether a page comes from vLLM."""
    return _MARK in b"\n" + page


def names_of(version: str | None) -> MetricNames:
    """The names that a version of vLLM uses; the newest if the version is not known.

    Raises ``EngineError`` for a version older than every known one.
    """
    found = _VERSION.match(version or "")
    if found is None:
        return NAMES[max(NAMES)]
    asked = (int(found[1]), int(found[2]))
    known = [since for since in NAMES if since <= asked]
    if not known:
        oldest = ".".join(map(str, min(NAMES)))
        raise EngineError(
            f"the metrics of vLLM {version} are not known; the oldest known version is {oldest}",
            hint="update the server, or run with --set engine.args.metrics=off",
        )
    return NAMES[max(known)]


def read_sample(page: bytes, names: MetricNames, version: str | None) -> MetricsSample:
    """Read the metrics, summed over all engines behind the server.

    KV usage is the engines' mean, since their caches have the same size. Raises
    ``EngineError`` for a missing metric, so that a renamed one is never an empty column.
    """
    page = b"\n" + page
    values: dict[str, float] = {}
    for field in fields(names):
        series: str = getattr(names, field.name)
        found = list(_series(page, series))
        if not found:
            raise EngineError(
                f"the metrics of vLLM {version or '(version unknown)'} lack {series};"
                " it was renamed or removed",
                hint="run with --set engine.args.metrics=off to do without the server's metrics",
            )
        total = sum(found)
        values[field.name] = total / len(found) if field.name == "kv_usage" else total
    return MetricsSample(**values)


def cache_config(page: bytes) -> dict[str, str]:
    """The labels of ``vllm:cache_config_info``; empty if the page lacks it."""
    for labels, _ in _lines(b"\n" + page, CACHE_CONFIG):
        return labels
    return {}


def step_between(before: MetricsSample, now: MetricsSample, t_ns: int) -> StepReading:
    """What happened between two samples, as one step. Gauges are those of ``now``."""
    return StepReading(
        t_ns=t_ns,
        running=round(now.running),
        waiting=round(now.waiting),
        kv_usage=now.kv_usage,
        prefix_queries=_grown(before.prefix_queries, now.prefix_queries),
        prefix_hits=_grown(before.prefix_hits, now.prefix_hits),
        preemptions=_grown(before.preemptions, now.preemptions),
        prompt_tokens=_grown(before.prompt_tokens, now.prompt_tokens),
        output_tokens=_grown(before.output_tokens, now.output_tokens),
    )


def _grown(before: float, now: float) -> int:
    """A counter's growth. A counter that fell was reset by a restart and counts from 0 again."""
    return round(now - before if now >= before else now)


def _series(page: bytes, series: str) -> Iterator[float]:
    name, _, wanted = series.partition("{")
    needed = {key.decode(): value.decode() for key, value in _LABEL.findall(wanted.encode())}
    for labels, value in _lines(page, name):
        if needed.items() <= labels.items():
            yield value


def _number(rest: bytes, name: str) -> float:
    try:
        value = float(rest.split()[0])
    except (ValueError, IndexError):
        value = math.nan
    if not math.isfinite(value):
        raise EngineError(f"the server's metrics have no number for {name}")
    return value


def _lines(page: bytes, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """Every sample of a metric, but no comments, and no metrics whose names only begin alike."""
    start = b"\n" + name.encode()
    at = page.find(start)
    while at >= 0:
        at += len(start)
        end = page.find(b"\n", at)
        line = page[at : end if end >= 0 else len(page)]
        if line[:1] in {b"{", b" "}:
            labels, _, rest = line.rpartition(b"}")
            pairs = {
                key.decode(): value.decode("utf-8", "replace")
                for key, value in _LABEL.findall(labels)
            }
            yield pairs, _number(rest, name)
        at = page.find(start, at)
