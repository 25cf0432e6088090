"""What the metric of a gate needs: keys that can tell it apart, and settings of the suite."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.metric import Metric
from stressbench.schema.suite.slo import EXAMPLE

SERVED: Final = ("role", "variant", "lever", "load_level")
"""Keys whose values are served one after another, so that each has a throughput."""


def served_together(metric: Metric, keys: Collection[str]) -> str | None:
    """Why a figure of a whole load has no value for each of these keys; None if it has."""
    wrong = next((key for key in keys if key not in SERVED), None)
    if metric.of_run == "knee" and "load_level" in keys:
        return f"{metric.name} is a figure of a whole sweep and of no single load_level"
    if not metric.of_run or wrong is None:
        return None
    return (
        f"{metric.name} is a figure of a whole load, in which every {wrong} was served together:"
        f" it can be told apart by {', '.join(SERVED)}"
    )


def no_percentiles(metric: Metric) -> str:
    """Why a metric has only a mean, and which one has percentiles."""
    why = f"{metric.name} has no percentiles: {metric.summary}"
    alone = metric.name == "throughput.output"
    return f"{why}; speed.output is a figure of single requests" if alone else why


def given(suite: Mapping[str, object], key: str) -> Mapping[str, object] | None:
    """The value of a key that metrics depend on; None if the suite does not set it."""
    value = suite.get(key)
    return value if isinstance(value, Mapping) and any(value.values()) else None


def needs_setting(metric: Metric, suite: Mapping[str, object], *, where: str) -> None:
    """Raise ``SuiteError`` if a metric depends on a key that the suite does not set."""
    if metric.setting and given(suite, metric.setting) is None:
        raise SuiteError(
            f"{metric.name} needs `{metric.setting}:` in the suite, which does not set it",
            where=where,
            hint=f"write, for example, {EXAMPLE}" if metric.setting == "slo" else None,
        )
