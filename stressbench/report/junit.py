"""A comparison as JUnit XML, which every CI system displays."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from stressbench.report.words import comparison as words
from stressbench.safe_text import safe_line
from stressbench.schema.analysis.comparison import Comparison, GateFinding


def render(comparison: Comparison) -> str:
    """One test case for each gate, and for each of its scopes that surely got worse.

    A regression is a ``failure``, an inconclusive gate an ``error`` (never ``skipped``:
    CI systems paint that green).
    """
    gates = words.listed(comparison)
    kinds = [_kind(gate) for gate in gates]
    suite = ET.Element(
        "testsuite",
        name="stressbench compare",
        tests=str(len(gates)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped="0",
    )
    properties = ET.SubElement(suite, "properties")
    for name in ("base", "base_side", "cand", "cand_side", "verdict", "gates_from"):
        value = safe_line(str(getattr(comparison, name)))
        ET.SubElement(properties, "property", name=name, value=value)
    for each in comparison.knees:
        ET.SubElement(properties, "property", name="knees", value=words.knees(each))
    for gate in gates:
        suite.append(_case(gate))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(gate: GateFinding) -> ET.Element:
    case = ET.Element("testcase", classname=f"stressbench.{words.target(gate)}", name=_name(gate))
    explanation = words.explain(gate)
    kind = _kind(gate)
    if kind:
        message = ET.SubElement(case, kind, message=safe_line(gate.why), type=gate.verdict)
        message.text = explanation
    else:
        ET.SubElement(case, "system-out").text = explanation
    return case


def _kind(gate: GateFinding) -> str | None:
    """``failure`` or ``error``; None for a pass, and for a scope that does not decide."""
    if gate.verdict == "regression":
        return "failure"
    return "error" if gate.verdict == "inconclusive" and not gate.part else None


def _name(gate: GateFinding) -> str:
    return f"{safe_line(gate.gate)} [{words.scope(gate)}]"
