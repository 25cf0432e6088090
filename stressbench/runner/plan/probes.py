"""What the probes of a suite ask of a run: passes, sampled items, an extension of the workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from stressbench import catalog
from stressbench.errors import SuiteError
from stressbench.probes.base import WORKER_EXTENSION, Probe, check_capture, check_section
from stressbench.schema.case import Pass
from stressbench.schema.suite.suite import ProbeSpec, SuiteSpec

_EXTENSION_ARGUMENT: Final = "worker_extension_cls"


def probe_type(spec: ProbeSpec) -> type[Probe]:
    """The class of a probe. Raises ``UsageError`` for an unknown name."""
    return cast("type[Probe]", catalog.load("probes", spec.use))


def passes(suite: SuiteSpec, *, workers: bool) -> tuple[Pass, ...]:
    """The passes of a suite: the second one if a probe needs it and the engine has ``workers``."""
    asked = any(probe_type(spec).telemetry_pass for spec in suite.probe_specs)
    return ("quality", "telemetry") if asked and workers else ("quality",)


def telemetry_items(suite: SuiteSpec) -> int | None:
    """How many items of each prompt entry the telemetry pass sends; None for all of them.

    They are the first items, with every budget, depth, parameter, arm and role, so a sampled
    case comes with its twins. The largest sample of any probe decides.
    """
    samples = [spec.sample for spec in suite.probe_specs if probe_type(spec).telemetry_pass]
    known = [sample for sample in samples if sample is not None]
    return max(known) if known and len(known) == len(samples) else None


def worker_extension(suite: SuiteSpec) -> str | None:
    """Our extension of vLLM's workers, if a probe of the suite has a capture for it."""
    captures = any(probe_type(spec).capture is not None for spec in suite.probe_specs)
    return WORKER_EXTENSION if captures else None


def check_probes(suite: SuiteSpec) -> Iterator[tuple[int, SuiteError]]:
    """Yield the mistakes in a suite's probes, each with the probe's index."""
    named: dict[str, str] = {}
    for index, spec in enumerate(suite.probe_specs):
        kind = probe_type(spec)
        try:
            check_section(kind, spec.use, named)
            check_capture(kind, spec.use)
            _check_extension(kind, spec.use, suite)
            _check_sample(kind, spec)
            kind.check(spec.params)
        except SuiteError as error:
            yield index, error
        named.setdefault(kind.section, spec.use)


def _check_sample(kind: type[Probe], spec: ProbeSpec) -> None:
    """Refuse a sample for a probe that runs in the quality pass, and so sees every request."""
    if spec.sample is not None and not kind.telemetry_pass:
        raise SuiteError(
            f"the probe {spec.use!r} sees every request of the quality pass, so it takes no sample",
            where="sample",
            hint="remove `sample`; it is for probes of the telemetry pass, such as attention",
        )


def _check_extension(kind: type[Probe], name: str, suite: SuiteSpec) -> None:
    """Refuse another extension of vLLM's workers if a capture needs ours."""
    given = (role.engine.args | role.model.args for role in suite.roles.values())
    if kind.capture is not None and any(args.get(_EXTENSION_ARGUMENT) for args in given):
        raise SuiteError(
            f"the probe {name!r} looks inside vLLM's workers, which take one extension, and"
            f" `{_EXTENSION_ARGUMENT}` names another",
            hint="leave out one of them",
        )
