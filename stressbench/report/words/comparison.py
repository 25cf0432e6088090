"""Numbers and names of a comparison as people read them; shared by every renderer."""

from __future__ import annotations

from stressbench.report.words.quantities import number
from stressbench.safe_text import safe_line
from stressbench.schema.analysis.comparison import Comparison, Finding, GateFinding, Knee, Knees
from stressbench.schema.suite.entry import Entry

_SUFFIX = {"fraction": "", "ratio": "x", "count": "", "nats": " nats"}


def level(finding: Finding, value: float | None) -> str:
    """A side's value: percent for fractions, else the number with its unit."""
    return "-" if value is None else level_in(finding.unit, value)


def level_in(unit: str, value: float) -> str:
    """A value in the unit of its metric, likewise."""
    if unit == "fraction":
        return f"{100 * value:.1f} %"
    return f"{number(value)}{_SUFFIX.get(unit, f' {unit}')}"


def change(finding: Finding, value: float | None, *, signed: bool = True) -> str:
    """A difference: points for fractions, percent where relative, else in the unit."""
    if value is None:
        return "-"
    sign = "+" if signed else ""
    if finding.relative:
        return f"{100 * value:{sign}.1f} %"
    if finding.unit == "fraction":
        return f"{100 * value:{sign}.1f} pt"
    text = number(abs(value))
    mark = "-" if value < 0 else sign
    return f"{mark}{text}{_SUFFIX.get(finding.unit, f' {finding.unit}')}"


def interval(finding: Finding) -> str:
    """The confidence interval of the difference, in brackets."""
    if finding.ci is None:
        return "[unknown]"
    low, high = (change(finding, end).rpartition(" ") for end in finding.ci)
    return f"[{low[0] or low[2]}, {high[0] or high[2]}]"


def p_value(p: float | None) -> str:
    """A p-value to three digits, never a bare 0."""
    if p is None:
        return "-"
    return "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 0.9995 else "1"  # noqa: PLR2004


def scope(finding: Finding) -> str:
    """Where a finding was measured."""
    return place(finding.scope)


def place(scope: dict[str, str]) -> str:
    """``dense, niah``: where it was measured; the stressed arm is the default and left out.

    A class and a label are one entry of the suite: ``dense, chat (replay)``. The axis in which
    the sides differ is left out, unless it is the model: the report or the gate names it once.
    """
    named = ("role", "prompt_class")
    parts = {
        axis: value
        for axis, value in scope.items()
        if (axis, value) != ("arm", "stress") and (axis in named or "->" not in value)
    }
    if parts.keys() >= {"prompt_class", "label"}:
        entry = Entry(prompt_class=parts["prompt_class"], label=parts.pop("label"))
        parts["prompt_class"] = entry.name
    words = [parts[key] for key in named if key in parts]
    words += [f"{key}={value}" for key, value in parts.items() if key not in named]
    return safe_line(", ".join(words))


def listed(comparison: Comparison) -> list[GateFinding]:
    """The gates to show: all of them as a whole, and the scopes that surely got worse."""
    return [gate for gate in comparison.gates if not gate.part or _surely_worse(gate)]


def _surely_worse(gate: GateFinding) -> bool:
    worse = {"drop": -1, "rise": 1}.get(gate.direction, 0) * (gate.delta or 0.0) >= 0
    return worse and gate.p_adjusted is not None and gate.p_adjusted <= 1 - gate.confidence


def unlisted(comparison: Comparison) -> str | None:
    """How many scopes are not shown, and why; None if all are."""
    hidden = len(comparison.gates) - len(listed(comparison))
    if not hidden:
        return None
    return f"{hidden} scope(s) of these gates show no loss of their own: --format json lists them"


def base_side(comparison: Comparison) -> str:
    """The base: its file, and which of its requests, unless it is all of them."""
    return _side(comparison.base, comparison.base_side)


def cand_side(comparison: Comparison) -> str:
    """The candidate, likewise."""
    return _side(comparison.cand, comparison.cand_side)


def _side(path: str, side: str) -> str:
    return safe_line(f"{path} ({side})" if side else path)


def knees(each: Knees) -> str:
    """``dense: saturated at concurrency-16 (4.2 requests/s), the candidate ...``."""
    where = safe_line(", ".join(value for value in each.scope.values()))
    return f"{where}: base {_knee(each.base)}; cand {_knee(each.cand)}"


def _knee(each: Knee) -> str:
    rate = "" if each.throughput is None else f", {number(each.throughput)} requests/s"
    if each.level is not None:
        return safe_line(f"saturates at {each.level}{rate}")
    return safe_line(f"is not saturated at {each.levels[-1]}{rate}")


def target(finding: Finding) -> str:
    """``ttft.p95``, or the bare metric for a mean."""
    name, statistic = finding.metric, finding.statistic
    return safe_line(name if statistic == "mean" else f"{name}.{statistic}")


def _basis(gate: GateFinding, cases: str) -> str:
    if gate.of_run:
        return f"{gate.n} requests in {gate.clusters} blocks of time"
    return f"{gate.n} {cases} from {gate.clusters} independent items"


def explain(gate: GateFinding) -> str:
    """One gate's verdict in whole sentences."""
    what = f"{safe_line(gate.gate)} ({scope(gate)}): {gate.verdict}, because {safe_line(gate.why)}."
    if gate.delta is not None and gate.limit is not None:
        what += (
            f" Over {_basis(gate, 'cases')}, {target(gate)} is "
            f"{level(gate, gate.cand)}, which is {change(gate, gate.delta)} from the limit of "
            f"{level(gate, gate.limit)}, {gate.confidence:.0%} interval {interval(gate)}."
        )
    elif gate.delta is not None:
        what += (
            f" Over {_basis(gate, 'paired cases')}, "
            f"{target(gate)} went from {level(gate, gate.base)} to {level(gate, gate.cand)}: "
            f"{change(gate, gate.delta)}, {gate.confidence:.0%} interval {interval(gate)}, "
            f"margin {change(gate, gate.margin, signed=False)}."
        )
    if gate.mde is not None:
        found = f"A true difference of {change(gate, gate.mde, signed=False)}"
        if gate.limit is not None:
            found = f"A level {change(gate, gate.mde, signed=False)} beyond the limit"
        what += f" {found} would be found four times out of five."
    if gate.noise is not None:
        what += f" Unchanged repeats differ by up to {change(gate, gate.noise, signed=False)}."
    if gate.drift is not None and gate.drift not in gate.why:
        what += f" {safe_line(gate.drift[:1].upper() + gate.drift[1:])}."
    if gate.verdict == "inconclusive" and gate.settles_at is not None:
        what += f" About {gate.settles_at:,} independent items would settle it"
        what += " if the difference stays the same."
    missing = gate.missing.base + gate.missing.cand
    if missing:
        what += f" {missing} cases have no value on one side and are left out of these numbers."
    return what
