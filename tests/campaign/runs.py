"""Small runs of seven kinds, and what must be the same of one that was cut and gone on with."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from stressbench import catalog
from stressbench.cli.watch.live import SilentView
from stressbench.compare.comparison import Options, compare
from stressbench.errors import ResultsError
from stressbench.runner.plan.prepare import prepare
from stressbench.runner.resume import load_resumed
from stressbench.runner.run import run
from stressbench.runner.send.virtual_time import VirtualTimeLoop
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import ModelRun, RunEnd
from stressbench.schema.suite.parse import parse_suite
from stressbench.store import RECORDS, TELEMETRY, Run, read_run, readings, scan
from stressbench.store.arrays import ARRAYS, ArrayReader, is_whole

FILES: Final = (RECORDS, TELEMETRY, ARRAYS)
PLUGINS: Final = {
    "engines": {"planted": "tests.campaign.planted:PlantedEngine"},
    "probes": {"planted": "tests.campaign.planted:PlantedProbe"},
}
KINDS: Final = ("closed", "repeats", "variants", "sweep", "open", "replay", "sampled")
ENGINE: Final = {"max_model_len": 1024, "kv_blocks": 128, "block_size": 16}
MODELS: Final = {"dense": {"model": "reference-dense"}, "sparse": {"model": "reference-sparse"}}


def suite(kind: str, folder: Path, seed: int = 7, *, planted: bool = True, items: int = 3) -> bytes:
    """A suite of one kind; ``planted`` gives it a telemetry pass with arrays."""
    prompts: list[object] = [
        {"use": "short_qa", "items": items},
        {"use": "kv_json", "items": items, "params": {"pairs": 4}},
    ]
    engine: object = ENGINE
    load: dict[str, object] = {"arrival": "closed", "concurrency": 3}
    spec: dict[str, object] = {"repeats": 1}
    probe: object = "planted"
    match kind:
        case "repeats":
            spec = {"repeats": 3}
        case "variants":
            engine = [{**ENGINE, "name": "plain"}, {**ENGINE, "name": "small", "kv_blocks": 96}]
            load |= {"warmup": {"requests": 2}, "cooldown": {"requests": 2}}
        case "sweep":
            # Far apart, so that which levels are saturated is not a matter of a request or two.
            load = {"arrival": "sweep", "concurrency_levels": [1, 8, 64, 512]}
        case "open":
            load = {"arrival": "poisson", "rate": 20}
        case "replay":
            prompts = [{"use": "replay", "items": items, "params": {"path": str(traffic(folder))}}]
        case "sampled":
            probe = {"use": "planted", "sample": 1}
        case _:
            assert kind == "closed", kind
    probes: list[object] = ["kv", *([probe] if planted else [])]
    spec |= {"schema": 1, "name": kind, "seed": seed, "models": MODELS, "engine": engine}
    spec |= {"load": load, "prompts": prompts, "probes": probes}
    return json.dumps(spec).encode()


def traffic(folder: Path) -> Path:
    """Some users' prompts."""
    file = folder / "traffic.jsonl"
    if not file.exists():
        rows = [{"prompt": f"Say {n} in words.", "answer": str(n)} for n in range(40)]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


@contextmanager
def plugins() -> Iterator[None]:
    """The planted plug-ins are installed, for this process, while the context lasts."""
    known = {kind: catalog._external(kind) for kind in ("engines", "probes")}
    for kind, entries in PLUGINS.items():
        known[kind].update(entries)
    catalog.names.cache_clear()
    try:
        yield
    finally:
        for kind, entries in PLUGINS.items():
            for name in entries:
                known[kind].pop(name)
        catalog.names.cache_clear()
        catalog.load.cache_clear()


def complete(text: bytes, directory: Path) -> Run:
    """Run a suite to its end."""
    prepared = prepare(
        parse_suite(text, source="here"), engine="planted", limit=None, progress=lambda *_: None
    )
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run(prepared, directory, SilentView()))
    return read_run(directory)


def gone_on(directory: Path) -> Run | str:
    """Go on with a run that was cut, to its end; or why that cannot be."""
    try:
        resumed = load_resumed(directory)
    except ResultsError as error:
        return error.message
    spec = json.dumps(resumed.run.header.suite_spec).encode()
    prepared = prepare(
        parse_suite(spec, source="here"), engine="planted", limit=None, progress=lambda *_: None
    )
    try:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(run(prepared, directory, SilentView(), resumed=resumed))
    except ResultsError as error:
        return error.message
    finally:
        resumed.lock.close()
    return read_run(directory)


def cut(directory: Path, places: dict[str, int]) -> None:
    """Cut files of a run to so many bytes."""
    for name, size in places.items():
        os.truncate(directory / name, size)


def copied(run: Run, to: Path) -> Path:
    """A copy of a run's directory under the same name."""
    target = to / run.directory.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run.directory, target)
    return target


@dataclass(frozen=True, slots=True)
class Facts:
    """All of a run that does not depend on time, or on where it was cut."""

    header: object
    end: object
    models: dict[str, ModelRun]
    records: dict[tuple[str, str, str, int], dict[str, object]]


def facts(run: Run) -> Facts:
    """What must be the same."""
    assert run.end is not None
    records = {}
    for record in run.records():
        key = (record.role_name, record.case_id, record.pass_, record.repeat)
        assert key not in records, f"recorded twice: {key}"
        records[key] = _timeless(record)
    return Facts(
        # Who edits the code meanwhile changes the revision, which is told of each part.
        header=msgspec.structs.replace(run.header, models={}, git_revision=None),
        end=_end(run.end),
        models=run.header.models,
        records=records,
    )


def _end(end: RunEnd) -> dict[str, object]:
    kept = ("run_id", "status", "planned", "counts", "error", "passed_over")
    return {name: getattr(end, name) for name in kept}


def _timeless(record: CaseRecord) -> dict[str, object]:
    line = msgspec.to_builtins(record)
    for name in ("timing", "load", "kv", "arrays"):
        del line[name]
    line["why_null"] = {
        path: why
        for path, why in line["why_null"].items()
        if path.partition(".")[0] not in {"timing", "load", "kv", "arrays"}
    }
    assert isinstance(line, dict)
    return line


def check(whole: Run, again: Run) -> None:
    """Raise ``AssertionError`` where a run that was gone on with is not the uncut one."""
    expected, found = facts(whole), facts(again)
    assert found.header == expected.header
    assert found.models == expected.models
    missing, more = expected.records.keys() - found.records, found.records.keys() - expected.records
    assert not missing, f"lost: {sorted(missing)[:4]}"
    assert not more, f"sent though the uncut run did not: {sorted(more)[:4]}"
    for key, record in expected.records.items():
        assert found.records[key] == record, key
    assert found.end == expected.end
    _check_arrays(again)
    _check_time(again)
    compared = compare(whole.path, again.path, Options())
    assert not compared.differences, compared.differences
    quality = [
        each for each in compared.findings if each.metric.startswith(("quality", "failures"))
    ]
    assert quality
    assert all(each.delta in {0, None} for each in quality), quality


def _check_arrays(run: Run) -> None:
    reader, lost = ArrayReader(run.directory), 0
    for record in run.records():
        planted = record.sections.get("planted")
        if planted is None:
            continue
        at = (record.arrays or {})["planted"]
        if is_whole(run.directory, at):
            figures = reader.read(record, "planted")["figures"]
            assert np.all(figures == int(str(planted["mark"])) % 1000), record.case_id
        else:
            lost += 1
    assert run.end is not None
    assert run.end.lost_arrays == lost


def _check_time(run: Run) -> None:
    """Each later part begins where the part before it has ended, and nowhere does time go back."""
    assert run.end is not None
    assert run.end.resumed_at_ns == sorted(run.end.resumed_at_ns)
    ends_ns = run.end.elapsed_s * 1e9 + 1e6
    began = [line.t_ns for line in run.models if line.error is None]
    assert began == sorted(began), "an engine was ready before the one that it follows"
    last: dict[str, int] = {}
    for record in scan(run.path, CaseRecord):
        assert record.timing.scheduled_ns <= ends_ns
        finish = record.timing.finish_ns or record.timing.scheduled_ns
        name = role = f"{record.role}@{record.variant}"
        assert finish >= last.get(name, 0), f"{role}: time runs backwards at {record.case_id}"
        last[name] = finish
    for reading in readings(run.directory):
        assert reading.t_ns <= ends_ns


def sizes(directory: Path) -> dict[str, int]:
    """Bytes of each file of a run that is there."""
    return {
        name: (directory / name).stat().st_size for name in FILES if (directory / name).exists()
    }


def environment(folder: Path) -> dict[str, str]:
    """An environment in which the planted plug-ins are an installed package."""
    info = folder / "planted-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1\n")
    sections = [
        f"[stressbench.{kind}]\n" + "".join(f"{name} = {at}\n" for name, at in entries.items())
        for kind, entries in PLUGINS.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(sections))
    root = str(Path(__file__).parents[2])
    paths = [str(folder), root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def shuffled(seed: int) -> random.Random:
    """Numbers of one seed."""
    return random.Random(seed)


COMMAND: Final = (sys.executable, "-m", "stressbench", "run")
