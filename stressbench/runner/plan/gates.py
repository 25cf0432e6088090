"""Checks the gates of a suite against the suite: what its run will never hold is refused.

``compare`` finds the same mistakes in the records of a run, but only after the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NoReturn, TypeAlias

from msgspec import to_builtins

from stressbench import catalog
from stressbench.errors import SuiteError
from stressbench.prompts.base import Param, load
from stressbench.prompts.build.conditions import WITHOUT_CONTEXT
from stressbench.runner.plan.probes import probe_type
from stressbench.runner.plan.requests import Plan
from stressbench.schema.axes import NONE
from stressbench.schema.key_values import listed, meant, text_of
from stressbench.schema.metric import FIXED, Metric
from stressbench.schema.suite.gate import KEYS, Gate, Known, parse
from stressbench.schema.suite.gate_needs import needs_setting
from stressbench.schema.suite.load import levels
from stressbench.schema.suite.parse import Suite
from stressbench.schema.suite.suite import PromptSpec, SuiteSpec
from stressbench.scorers.base import section_of

_Values: TypeAlias = frozenset[str] | None
"""The values that a key will have; None if only the run shows them."""
_ALWAYS: Final = FIXED - {"kv"}
"""The fields of a record that no probe fills."""
_MEASURED: Final = "content_tokens"
"""The one parameter that no class declares and every case has."""


def check_gates(suite: Suite, known: Known) -> None:
    """Parse the gates of a suite, and refuse one on something that its run will not hold.

    Raises ``SuiteError`` with the line of the gate. A key that no class declares is left to
    ``check_gate_keys``, because a class may add parameters to its cases.
    """
    entries = [_entry(prompt, suite.spec) for prompt in suite.spec.prompts]
    for gate, where in _parsed(suite, known):
        _check_section(suite.spec, known[gate.metric], where)
        needs_setting(known[gate.metric], to_builtins(suite.spec), where=where)
        _check_roles(suite.spec, gate, where)
        _check_cases(entries, gate, where)


def check_gate_keys(suite: Suite, known: Known, plan: Plan) -> None:
    """Refuse a gate with a key that no case has. Raises ``SuiteError`` with the gate's line."""
    declared = {key for prompt in suite.spec.prompts for key in _entry(prompt, suite.spec)}
    for gate, where in _parsed(suite, known):
        for key in (*gate.per, *gate.where):
            if key not in {*KEYS, *declared}:
                declared |= {key for case in _first_cases(plan) for key in case}
                _check_key(key, {*KEYS, *declared}, where)


def _parsed(suite: Suite, known: Known) -> Iterator[tuple[Gate, str]]:
    for index, text in enumerate(suite.spec.gates):
        where = suite.where("gates", index)
        yield parse(text, known, where=where), f"{where}: gate {text!r}"


def _first_cases(plan: Plan) -> Iterator[Iterable[str]]:
    """The parameters of the first case of each entry."""
    for index in range(len(plan.suite.prompts)):
        yield (key for case in next(plan.cases.of(index, 1)) for key in case.params)


def _entry(prompt: PromptSpec, spec: SuiteSpec) -> dict[str, _Values]:
    """The values of each key that the cases of one entry will have."""
    traits = load(prompt.use).traits
    arms = frozenset(prompt.arms or traits.arms)
    bare = {NONE} if WITHOUT_CONTEXT & arms else frozenset[str]()
    depths: list[float] | list[None] = prompt.depths if traits.deep else [None]
    return {
        **{param.name: _swept(param, prompt) for param in traits.params},
        "prompt_class": frozenset({prompt.use}),
        "label": frozenset({prompt.name}),
        "arm": arms,
        "budget": frozenset(map(text_of, prompt.budgets)) | bare or frozenset({NONE}),
        "depth": frozenset(map(text_of, depths)) | bare if depths else None,
        "load_level": frozenset(level.name or NONE for level in levels(spec.load)),
        _MEASURED: None,
    }


def _swept(param: Param, prompt: PromptSpec) -> _Values:
    try:
        return frozenset(map(text_of, param.read(prompt.params.get(param.name), prompt)))
    except SuiteError:
        return None  # the check of the prompts says what is wrong, and where


def _check_section(spec: SuiteSpec, metric: Metric, where: str) -> None:
    filled = {probe_type(probe).section for probe in spec.probe_specs} | _ALWAYS
    for section in dict.fromkeys(path.partition(".")[0] for path in metric.paths):
        scored = any(section_of(name) == section for name in catalog.names("scorers"))
        if section not in filled and not scored:
            raise SuiteError(
                f"{metric.name} will have no value: no probe of this suite records {section}",
                where=where,
                hint=f"add the probe that does, such as `probes: [{section}]`, or remove the gate",
            )


def _check_roles(spec: SuiteSpec, gate: Gate, where: str) -> None:
    variants = {role.variant or NONE for role in spec.roles.values()}
    known = {
        "role": {*spec.models, *spec.roles},
        "variant": variants,
        "lever": {NONE},
    }
    for axis, names in known.items():
        asked = [gate.where[axis]] if axis in gate.where else [*gate.by.get(axis, ())]
        for value in asked:
            bare = value.partition("/")[0].partition("+")[0] if axis == "role" else value
            if bare and bare not in names:
                _refuse_value(axis, bare, names, where)


def _check_cases(entries: list[dict[str, _Values]], gate: Gate, where: str) -> None:
    """Refuse a gate that no case of the entries will meet."""
    declared = {key for entry in entries for key in entry}
    for axis, sides in gate.by.items():
        for value in sides if axis in declared else ():
            _matching(entries, {axis: value}, where)
    asked = {key: value for key, value in gate.where.items() if key in declared}
    if not {"arm"} & {*asked, *gate.per} and "arm" not in gate.by:
        asked["arm"] = "stress"
    chosen = _matching(entries, asked, where)
    for key in gate.per:
        if key in declared and all(entry.get(key, {NONE}) == {NONE} for entry in chosen):
            raise SuiteError(
                f"none of these cases will have a {key}, so per {key} asks nothing", where=where
            )


def _matching(
    entries: list[dict[str, _Values]], asked: Mapping[str, str], where: str
) -> list[dict[str, _Values]]:
    """The entries with a case that has all of these values. Raises ``SuiteError`` without one."""
    for key, value in asked.items():
        there = [entry.get(key, frozenset({NONE})) for entry in entries]
        values = {each for some in there for each in some or ()}
        if None not in there and meant(value, values) is None:
            _refuse_value(key, value, values - {NONE}, where)
    chosen = [entry for entry in entries if all(_may_be(entry, key, asked[key]) for key in asked)]
    if not chosen:
        said = ", ".join(f"{key}={value}" for key, value in asked.items())
        raise SuiteError(f"no case will have all of {said}", where=where)
    return chosen


def _may_be(entry: Mapping[str, _Values], key: str, value: str) -> bool:
    values = entry.get(key, frozenset({NONE}))
    return values is None or meant(value, values) is not None


def _check_key(key: str, known: set[str], where: str) -> None:
    if key not in known:
        raise SuiteError(
            f"no case will have a key {key!r}{catalog.nearest(key, known)}",
            where=where,
            hint=f"keys: {listed(known)}",
        )


def _refuse_value(key: str, value: str, known: Iterable[str], where: str) -> NoReturn:
    raise SuiteError(
        f"no case will have {key}={value}{catalog.nearest(value, known)}",
        where=where,
        hint=f"values of {key}: {listed(known)}",
    )
