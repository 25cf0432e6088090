"""The lines about a run as a whole: its header, and one about each engine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import msgspec
from msgspec.structs import replace

from stressbench import __version__
from stressbench.engines.base import EngineInfo
from stressbench.runner.plan.models import RunModel
from stressbench.runner.plan.prepare import Prepared
from stressbench.runner.record.machine import git_revision, read_machine
from stressbench.schema.axes import split_role
from stressbench.schema.base import RESULTS_VERSION
from stressbench.schema.results.kv import KvSetup
from stressbench.schema.results.run import ModelLine, ModelRun, RunHeader, WarmUp
from stressbench.store.read import with_engine

FACTS: Final = ("dtype", "max_model_len", "kv_blocks", "block_size")
"""Facts that only a running engine knows."""
_PENDING: Final = "the engine of this model has not started"
_FAILED: Final = "the engine of this model failed"


def now() -> str:
    """The wall-clock time, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def run_header(prepared: Prepared, run_id: str) -> RunHeader:
    """The header of a run that begins."""
    suite = prepared.suite
    return RunHeader(
        schema_version=RESULTS_VERSION,
        run_id=run_id,
        started_at=now(),
        stressbench=__version__,
        git_revision=git_revision(Path(__file__).parents[3]),
        suite=suite.name,
        suite_sha256=prepared.source.sha256,
        suite_spec=msgspec.to_builtins(prepared.source.spec),
        seed=suite.seed,
        limit=prepared.limit,
        engine=prepared.engine,
        simulated=prepared.traits.simulated,
        models={role: _identity(model) for role, model in prepared.models.items()},
        machine=read_machine(),
        gates=[*prepared.gates],
    )


def _identity(model: RunModel) -> ModelRun:
    why = dict.fromkeys(FACTS, _PENDING)
    if model.variant is None:
        why["variant"] = "the suite has no engine variants"
    if model.revision is None:
        why["revision"] = "not from a hub"
    if model.sha256 is None:
        why["sha256"] = "the engine reads no weights on this machine"
    if model.shape.architecture is None:
        why["architecture"] = "config.json does not name it"
    return ModelRun(
        role=split_role(model.role)[0],
        variant=model.variant,
        model=model.name,
        revision=model.revision,
        sha256=model.sha256,
        architecture=model.shape.architecture,
        tokenizer=model.prompt_format.tokenizer.name,
        tokenizer_sha256=model.prompt_format.tokenizer.sha256,
        dtype=None,
        max_model_len=None,
        kv_blocks=None,
        block_size=None,
        engine_args={},
        why_null=why,
    )


def failed_line(header: RunHeader, role: str, part: int, t_ns: int, error: str) -> ModelLine:
    """The line about an engine that did not start, or died. It keeps what is already known."""
    known = header.models[role]
    line = _line(header, role, part, t_ns, known)
    why = {name: _FAILED for name in FACTS if getattr(known, name) is None}
    return replace(
        line,
        kv=known.kv,
        engine_args=known.engine_args,
        environment=known.environment,
        error=error,
        why_null=why,
    )


def ready_line(
    header: RunHeader,
    role: str,
    part: int,
    t_ns: int,
    *,
    engine: tuple[EngineInfo, KvSetup, WarmUp | None],
) -> ModelLine:
    """The line about an engine that serves: what it reports, its KV cache, its warm-up."""
    info, kv, warm_up = engine
    why = {
        name: info.why_null.get(name, "the engine does not report it")
        for name in FACTS
        if getattr(info, name) is None
    }
    return replace(
        _line(header, role, part, t_ns, info),
        kv=kv,
        engine_args=_plain(info.args),
        environment=info.environment,
        warm_up=warm_up,
        why_null=why,
    )


def _line(
    header: RunHeader, role: str, part: int, t_ns: int, engine: EngineInfo | ModelRun
) -> ModelLine:
    name, variant = split_role(role)
    return ModelLine(
        run_id=header.run_id,
        role=name,
        variant=variant,
        part=part,
        t_ns=t_ns,
        at=now(),
        stressbench=header.stressbench,
        git_revision=header.git_revision,
        machine=header.machine,
        dtype=engine.dtype,
        max_model_len=engine.max_model_len,
        kv_blocks=engine.kv_blocks,
        block_size=engine.block_size,
        kv=None,
        engine_args={},
        environment={},
        why_null={},
    )


def with_line(header: RunHeader, line: ModelLine) -> RunHeader:
    """The header with the facts of a ``model`` line."""
    name = line.role_name
    return replace(header, models={**header.models, name: with_engine(header.models[name], line)})


def _plain(args: dict[str, object]) -> dict[str, object]:
    """Arguments as JSON can hold them; any other value as its ``repr``."""
    return cast("dict[str, object]", msgspec.to_builtins(args, enc_hook=repr))
