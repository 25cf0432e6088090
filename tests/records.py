"""Synthetic result files for tests: valid in every field, with effects that are planted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from stressbench.schema.axes import split_role
from stressbench.schema.results.record import (
    CaseRecord,
    Kv,
    Output,
    Prompt,
    Quality,
    Timing,
    Tokens,
)
from stressbench.schema.results.run import Machine, ModelLine, ModelRun, RunEnd, RunHeader
from stressbench.store.lines import case_line, encode
from stressbench.store.write import run_line

Change = Callable[[CaseRecord], CaseRecord]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def record(
    item: int = 0,
    *,
    role: str = "dense",
    prompt_class: str = "niah",
    arm: str = "stress",
    budget: int = 512,
    depth: float | None = 0.5,
    repeat: int = 0,
    score: float = 1.0,
    outcome: str | None = None,
    ttft_ms: float = 100.0,
    status: str = "ok",
    pass_: str = "quality",
) -> CaseRecord:
    """One record; a failed one has nulls where a failed request has none to give."""
    ok = status == "ok"
    score = score if ok else 0.0
    case_id = f"{prompt_class}/{arm}/b{budget}/d{depth}/i{item}"
    twin = f"{prompt_class}/isocontent/b{budget}/d{depth}/i{item}"
    content = sha(case_id)
    e2el = ttft_ms + 10 * 19
    return CaseRecord(
        run_id="r",
        case_id=case_id,
        item_id=f"{prompt_class}/i{item}",
        cluster_id=f"{prompt_class}/i{item}",
        twin_of=None if arm == "isocontent" else twin,
        prompt_class=prompt_class,
        params={"budget": budget, "depth": depth},
        role=split_role(role)[0],
        variant=split_role(role)[1],
        model=f"reference-{role}",
        arm=arm,
        repeat=repeat,
        pass_=pass_,
        seed=7,
        content_sha256=content,
        prompt_sha256=sha(role + content),
        tokens=Tokens(
            prompt=budget,
            budget=budget,
            template=12,
            output=20 if ok else None,
            control=budget,
            inflation=1.0,
            bytes_per_token=4.0,
            retok_drift=0,
        ),
        timing=Timing(
            scheduled_ns=item * 10,
            sent_ns=item * 10,
            first_token_ns=int(ttft_ms * 1e6) if ok else None,
            finish_ns=int(e2el * 1e6) if ok else None,
            ttft_ms=ttft_ms if ok else None,
            tpot_ms=10.0 if ok else None,
            itl_ms=[10.0] * 19 if ok else None,
            e2el_ms=e2el if ok else None,
            queue_ms=1.0 if ok else None,
        ),
        kv=Kv(cached_tokens=0, preemptions=0, usage_at_start=0.1, usage_peak=0.4, waiting_peak=0)
        if ok
        else None,
        confidence=None,
        quality=Quality(
            scorer="exact",
            score=score,
            em=float(score == 1),
            precision=score,
            recall=score,
            outcome=outcome or ("correct" if score == 1 else "invented" if ok else "error"),
            expected=["42"],
            answer="42" if score == 1 else None,
        ),
        output=Output(text="42" if ok else None, finish_reason="stop" if ok else None),
        prompt=Prompt(text="Where?", spans=[]),
        status=status,
        error=None if ok else "it broke",
        why_null={},
        sections={"attention": None, "routing": None},
    )


def probed(record: CaseRecord, **sections: dict[str, object] | None) -> CaseRecord:
    """The record with what probes found, by section."""
    return msgspec.structs.replace(record, sections={**record.sections, **sections})


def header(roles: Iterable[str] = ("dense",), **changes: object) -> RunHeader:
    """The header that fits ``record``."""
    run = RunHeader(
        schema_version=2,
        run_id="r",
        started_at="2026-01-01T00:00:00Z",
        stressbench="0.1.0",
        git_revision=None,
        suite="core",
        suite_sha256=sha("core"),
        suite_spec={"schema": 1, "name": "core", "seed": 7},
        seed=7,
        limit=None,
        engine="vllm",
        simulated=False,
        models={role: model(role) for role in roles},
        machine=Machine(
            device="cpu",
            device_name="a CPU",
            driver=None,
            cores=2,
            memory_bytes=2**34,
            os="Linux",
            python="3.11",
            packages={"vllm": "0.32.0"},
        ),
    )
    return msgspec.structs.replace(run, **changes)


def model(role: str, **changes: object) -> ModelRun:
    name, variant = split_role(role)
    run = ModelRun(
        role=name,
        variant=variant,
        model=f"reference-{name}",
        revision=None,
        sha256=sha(name),
        architecture=None,
        tokenizer="smollm2",
        tokenizer_sha256=sha("smollm2"),
        dtype="float32",
        max_model_len=4096,
        kv_blocks=512,
        block_size=32,
        engine_args={},
        why_null={},
    )
    return msgspec.structs.replace(run, **changes)


def write(
    path: Path,
    records: Iterable[CaseRecord],
    *,
    run: RunHeader | None = None,
    status: str | None = "complete",
) -> Path:
    """Write a records file; ``status=None`` leaves the end line out, as a crash does."""
    records = list(records)
    counts: dict[str, int] = {}
    for each in records:
        counts[each.status] = counts.get(each.status, 0) + 1
    run = run or header(sorted({each.role_name for each in records}))
    lines = [*head_lines(run), *map(case_line, records)]
    if status:
        lines.append(
            encode(
                RunEnd(
                    run_id="r",
                    status=status,
                    finished_at="2026-01-01T00:01:00Z",
                    elapsed_s=60.0,
                    planned=len(records),
                    counts=counts,
                )
            )
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def head_lines(run: RunHeader) -> list[bytes]:
    """The ``run`` line of a header, and a ``model`` line for each of its models."""
    return [encode(run_line(run)), *(encode(model_line(run, name)) for name in run.models)]


def model_line(run: RunHeader, name: str, **changes: object) -> ModelLine:
    """What an engine that is ready says."""
    model = run.models[name]
    facts = ("dtype", "max_model_len", "kv_blocks", "block_size", "kv", "engine_args")
    line = ModelLine(
        run_id=run.run_id,
        role=model.role,
        variant=model.variant,
        part=0,
        t_ns=0,
        at=run.started_at,
        stressbench=run.stressbench,
        git_revision=run.git_revision,
        machine=run.machine,
        environment=model.environment,
        why_null={},
        **{fact: getattr(model, fact) for fact in facts},
    )
    return msgspec.structs.replace(line, **changes)
