"""Reads a suite from YAML. Every error names file, line and field."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import yaml

from stressbench.catalog import nearest
from stressbench.errors import SuiteError
from stressbench.schema.suite import load as load_shape
from stressbench.schema.suite import slo
from stressbench.schema.suite import suite as types
from stressbench.schema.suite.suite import SuiteSpec, Value

_MAX_BYTES: Final = 1 << 20
_MAX_NODES: Final = 100_000  # a few YAML aliases can stand for billions of values
_PATH: Final = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_TYPES: Final = re.compile(r"`((?:object|array|str|int|float|bool|null)(?: \| \w+)*)`")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")
_FIELDS: Final = {
    name
    for kind in (
        types.SuiteSpec,
        types.ModelSpec,
        types.EngineVariant,
        load_shape.LoadSpec,
        load_shape.Phase,
        load_shape.Step,
        types.PromptSpec,
        types.ProbeSpec,
        slo.Objectives,
    )
    for name in kind.__struct_fields__
}


@dataclass(frozen=True, slots=True)
class Suite:
    """A loaded suite: its content, its source, and the line of each field."""

    spec: SuiteSpec
    source: str
    lines: dict[tuple[str | int, ...], int]

    @property
    def sha256(self) -> str:
        """Hash of the suite's content. Comments, key order and formatting do not change it."""
        return hashlib.sha256(msgspec.json.encode(self.spec, order="sorted")).hexdigest()

    def where(self, *path: str | int) -> str:
        """``file:line:field``, for error messages."""
        return _where(self.source, self.lines, path)


def load_suite(file: Path, *, overrides: Sequence[str] = ()) -> Suite:
    """Read a suite and apply ``PATH=VALUE`` overrides (``engine.kv_blocks=64``).

    Values are YAML. A path is keys and list positions joined by dots. Raises ``SuiteError``.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SuiteError(
            f"cannot read the suite: {error.strerror}",
            where=str(file),
            hint="stressbench list suites",
        ) from error
    return parse_suite(data, source=str(file), overrides=overrides)


def parse_suite(data: bytes, *, source: str, overrides: Sequence[str] = ()) -> Suite:
    """``load_suite`` for bytes in memory; ``source`` names them in messages."""
    if len(data) > _MAX_BYTES:
        raise SuiteError(f"a suite must not exceed {_MAX_BYTES} bytes", where=source)
    node = _compose(data, source)
    lines = dict(_lines(node, source))
    value = _construct(node, source)
    for override in overrides:
        _apply(value, override)
    try:
        spec = msgspec.convert(value, SuiteSpec)
    except msgspec.ValidationError as error:
        raise _explain(str(error), source, lines) from error
    suite = Suite(spec, source, lines)
    _check_engine(suite)
    _check_trace(suite)
    for name, message in slo.mistakes(spec.slo):
        raise SuiteError(message, where=suite.where("slo", name), hint=slo.EXAMPLE)
    for mistake in load_shape.mistakes(spec.load):
        raise SuiteError(
            mistake.message, where=suite.where("load", *mistake.path), hint=mistake.hint
        )
    return suite


def _check_trace(suite: Suite) -> None:
    spec = suite.spec
    if spec.load.arrival != "trace":
        return
    for index, prompt in enumerate(spec.prompts):
        if prompt.use != "replay" or index:
            raise SuiteError(
                "a trace needs exactly one entry, of the class `replay`",
                where=suite.where("prompts", index, "use"),
                hint="- {use: replay, items: 100, params: {path: traffic.jsonl}}",
            )
    if spec.repeats > 1:
        raise SuiteError(
            "repeats of a trace would all arrive at once", where=suite.where("repeats")
        )


def _check_engine(suite: Suite) -> None:
    if isinstance(suite.spec.engine, types.EngineSpec):
        _check_cache(suite, suite.spec.engine)
        return
    seen: set[str] = set()
    for index, variant in enumerate(suite.spec.engine):
        _check_cache(suite, variant, index)
        if variant.name in seen:
            raise SuiteError(
                f"two variants are named {variant.name!r}",
                where=suite.where("engine", index, "name"),
            )
        seen.add(variant.name)


def _check_cache(suite: Suite, engine: types.EngineSpec, *index: int) -> None:
    if engine.kv_tokens is None:
        return
    where = suite.where("engine", *index, "kv_tokens")
    if engine.kv_blocks is not None:
        raise SuiteError(
            "kv_blocks and kv_tokens both set the KV cache size",
            where=where,
            hint="give one of them",
        )
    if engine.block_size is not None and engine.kv_tokens < engine.block_size:
        raise SuiteError(
            f"{engine.kv_tokens} tokens are less than one block of {engine.block_size}", where=where
        )


def _compose(data: bytes, source: str) -> yaml.Node:
    try:
        node: yaml.Node | None = yaml.compose(data, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        where = f"{source}:{mark.line + 1}" if mark is not None else source
        raise SuiteError(
            f"not valid YAML: {problem or 'nested too deeply'}", where=where
        ) from error
    if not isinstance(node, yaml.MappingNode):
        raise SuiteError(
            "a suite is a mapping of keys to values",
            where=source,
            hint="see `stressbench schema suite`, or start from suites/smoke.yaml",
        )
    return node


def _construct(node: yaml.Node, source: str) -> Value:
    try:
        return yaml.SafeLoader("").construct_document(node)
    except (yaml.constructor.ConstructorError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark is not None else source
        problem = getattr(error, "problem", None) or str(error)
        raise SuiteError(f"not valid YAML for a suite: {problem}", where=where) from error


def _lines(root: yaml.Node, source: str) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """The line of every field. Raises for duplicate keys and for runaway aliases."""
    stack: list[tuple[tuple[str | int, ...], yaml.Node]] = [((), root)]
    seen = 0
    while stack:
        path, node = stack.pop()
        seen += 1
        if seen > _MAX_NODES:
            raise SuiteError(f"a suite must not have more than {_MAX_NODES} values", where=source)
        yield path, node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            stack.extend(((*path, index), item) for index, item in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, item in node.value:
                name = str(key.value)
                if name in keys:
                    raise SuiteError(
                        f"the key {name!r} is here twice",
                        where=f"{source}:{key.start_mark.line + 1}",
                    )
                keys.add(name)
                stack.append(((*path, name), item))
                yield (*path, name), key.start_mark.line + 1


def _apply(value: Value, override: str) -> None:
    path, found, text = override.partition("=")
    where = f"--set {override}"
    if not found or not path:
        raise SuiteError("expected PATH=VALUE, as in engine.kv_blocks=64", where=where)
    try:
        new = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SuiteError(f"the value is not valid YAML: {text!r}", where=where) from error
    *parents, last = path.split(".")
    target = value
    for step in parents:
        target = _child(target, step, where)
    if isinstance(target, list) and last.isdigit() and int(last) < len(target):
        target[int(last)] = new
    elif isinstance(target, dict):
        target[last] = new
    else:
        raise SuiteError(f"there is no field {last!r} to set", where=where)


def _child(value: Value, step: str, where: str) -> Value:
    if isinstance(value, dict):
        return value.setdefault(step, {})
    if isinstance(value, list) and step.isdigit() and int(step) < len(value):
        return value[int(step)]
    raise SuiteError(f"there is no field {step!r} on that path", where=where)


def _explain(message: str, source: str, lines: dict[tuple[str | int, ...], int]) -> SuiteError:
    """The error for a message of msgspec, with file, line, field and the nearest known key."""
    match = _PATH.match(message)
    text, steps = (match["message"], match["path"] or "") if match else (message, "")
    path: tuple[str | int, ...] = tuple(
        int(index) if index.isdigit() else (name or "*") for name, index in _STEP.findall(steps)
    )
    unknown = _UNKNOWN.search(text)
    if unknown:
        key = unknown[1]
        return SuiteError(
            f"unknown key {key!r}{nearest(key, _FIELDS)}",
            where=_where(source, lines, (*path, key)),
            hint="`stressbench schema suite` shows every key",
        )
    quote = "YAML reads on, off, yes and no as true and false: put them in quotes"
    return SuiteError(
        _plain(text),
        where=_where(source, lines, path),
        hint=quote if text.endswith("got `bool`") else None,
    )


_WORDS: Final = {
    "object": "a mapping",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}


def _plain(text: str) -> str:
    """The message in YAML's words instead of msgspec's: objects, arrays and regexes."""
    if "matching regex" in text:
        return "expected a name of letters, digits, '_', '.' and '-' (at most 64)"
    text = text.replace("Object missing required field", "missing key")
    text = _TYPES.sub(lambda match: _type_names(match[1]), text)
    return text[0].lower() + text[1:]


def _type_names(types: str) -> str:
    names = [_WORDS.get(name, f"`{name}`") for name in types.split(" | ") if name != "null"]
    return " or ".join(names) or _WORDS["null"]


def _where(
    source: str, lines: dict[tuple[str | int, ...], int], path: tuple[str | int, ...]
) -> str:
    field = ".".join(str(step) for step in path)
    known = path
    while known and known not in lines:
        known = known[:-1]
    line = lines.get(known, 1)
    return f"{source}:{line}:{field}" if field else f"{source}:{line}"
