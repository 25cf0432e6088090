"""``stressbench compare`` against DuckDB on the same two files.

DuckDB reads both with ``read_json_auto``, joins them on case and role, and averages two
metrics per class. ``compare --gates-only`` pairs them and judges the same two metrics per
class; this is the ratio that has a target. Two more figures without one: ``compare`` as it
is, which explores twenty metrics per class and role, and DuckDB's fastest way, with the
type of every column spelled out. DuckDB gets a virtual environment of its own.

``STRESSBENCH_BENCH_RECORDS`` (default 1,000,000) sets the size of each file.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import venv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import msgspec

from benchmarks._spread import spread, verdict
from stressbench.schema.results.record import CaseRecord

RECORDS = int(os.environ.get("STRESSBENCH_BENCH_RECORDS", "1000000"))
REPEATS = 3
RIGHT = 0.8
PEAK_TARGET_BYTES = 1.5 * 2**30
NIGHTS = ((100, 10_000), (1_000, 200))
"""Numbers of nights, and of records a night."""

_OURS = """
import json, resource, sys, time
from pathlib import Path

def main():
    began = time.perf_counter()
    from stressbench.compare.comparison import Options, compare
    gates = ("quality.score drop < 5pt per prompt_class", "ttft.mean rise < 10% per prompt_class")
    options = Options(gates=gates, gates_from="bench", gates_only=sys.argv[3] == "gates")
    found = compare(Path(sys.argv[1]), Path(sys.argv[2]), options)
    seconds = time.perf_counter() - began
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = sum(resource.getrusage(each).ru_maxrss for each in who) * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "findings": len(found.findings)}))

if __name__ == "__main__":
    main()
"""

_DUCKDB = """
import json, sys, time
began = time.perf_counter()
import duckdb
if sys.argv[3] == "auto":
    read = "read_json_auto('{}', format='newline_delimited')"
else:
    read = (
        "read_json('{}', format='newline_delimited', columns={{type: 'VARCHAR', "
        "case_id: 'VARCHAR', role: 'VARCHAR', prompt_class: 'VARCHAR', "
        "quality: 'STRUCT(score DOUBLE)', timing: 'STRUCT(ttft_ms DOUBLE)'}})"
    )
sides = [f"(select * from {read.format(path)} where type = 'case')" for path in sys.argv[1:3]]
rows = duckdb.sql(
    "select a.prompt_class, a.role, count(*), avg(b.quality.score - a.quality.score), "
    f"avg(b.timing.ttft_ms) / avg(a.timing.ttft_ms) from {sides[0]} a join {sides[1]} b "
    "using (case_id, role) group by all"
).fetchall()
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "pairs": sum(row[2] for row in rows)}))
"""

_HISTORY = """
import json, sys, time
from pathlib import Path

def main():
    began = time.perf_counter()
    from stressbench.compare.analysis.history import history
    found = history([Path(sys.argv[1])])
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "nights": len(found.series[0].nights)}))

if __name__ == "__main__":
    main()
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        files = [directory / name / "records.jsonl" for name in ("base", "cand")]
        for seed, file in enumerate(files):
            size = write(file, RECORDS, seed)
            print(f"{file.parent.name}: {RECORDS:,} records, {size / 2**20:,.0f} MiB", flush=True)
        missed = _against_duckdb(directory, files)
        for file in files:
            file.unlink()
        _nights(directory / "nights")
    return int(missed)


def _against_duckdb(directory: Path, files: list[Path]) -> bool:
    python = _duckdb(directory / "venv")
    rivals = {"gates": _OURS, "all": _OURS} | (
        {"auto": _DUCKDB, "typed": _DUCKDB} if python else {}
    )
    taken: dict[str, list[float]] = {name: [] for name in rivals}
    peak = 0.0
    for _ in range(REPEATS):  # in turns, so that what else the machine does hits all alike
        for name, program in rivals.items():
            interpreter = sys.executable if program is _OURS else str(python)
            figures = _run(directory, interpreter, program, *files, name)
            taken[name].append(figures["seconds"])
            peak = max(peak, figures.get("peak", 0.0))
    for name, label in _LABELS.items():
        if name in taken:
            print(f"{label}  {spread(taken[name], '{:.1f}')} s")
    met = verdict(peak / 2**30, PEAK_TARGET_BYTES / 2**30, least=False)
    print(f"peak memory of compare    {peak / 2**30:.2f} GiB, both processes  {met}")
    if not python:
        print("duckdb could not be installed: no ratio")
        return peak > PEAK_TARGET_BYTES
    pairs = zip(taken["gates"], taken["auto"], strict=True)
    ratios = [mine / theirs for mine, theirs in pairs]
    met = verdict(median(ratios), 1, least=False)
    print(f"gates only / duckdb auto  {spread(ratios, '{:.2f}')}  {met}")
    return median(ratios) > 1 or peak > PEAK_TARGET_BYTES


_LABELS = {
    "gates": "compare --gates-only    ",
    "all": "compare                 ",
    "auto": "duckdb, auto schema     ",
    "typed": "duckdb, typed columns   ",
}


def _nights(directory: Path) -> None:
    for nights, size in NIGHTS:
        for night in range(nights):
            write(directory / f"{night:04}" / "records.jsonl", size, night, night=night)
        taken = _run(directory, sys.executable, _HISTORY, directory)
        print(
            f"history                   {taken['seconds']:.1f} s for {taken['nights']:.0f} nights"
            f" of {size:,} records"
        )


def _run(folder: Path, python: str | Path, program: str, *arguments: object) -> dict[str, float]:
    script = folder / "measured.py"
    script.write_text(program, "utf-8")
    done = subprocess.run(
        [str(python), str(script), *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _duckdb(folder: Path) -> Path | None:
    """An interpreter that has DuckDB, or None where it cannot be installed."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "duckdb"]
    return python if subprocess.run(command, check=False).returncode == 0 else None


def write(file: Path, records: int, seed: int, *, night: int = 0) -> int:
    """A run of ``records`` cases: ten classes, three lengths, three depths, two roles."""
    rng = random.Random(seed)
    header = json.loads(HEADER)
    began = datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=night)
    header |= {"run_id": f"run{night:04}", "started_at": began.isoformat()}
    cells = [
        (f"class{c}", budget, depth, role)
        for c in range(10)
        for budget in (512, 1024, 2048)
        for depth in (0.0, 0.5, 1.0)
        for role in ("dense", "sparse")
    ]
    template = _CASE.replace("TEXT", "The quick brown fox jumps over the lazy dog. " * 20)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as out:
        out.write(msgspec.json.encode(header).decode() + "\n")
        for index in range(records):
            item, cell = divmod(index, len(cells))
            name, budget, depth, role = cells[cell]
            ttft = rng.lognormvariate(4.5, 0.3)
            right = rng.random() < RIGHT
            line = template % {
                "case": f"{name}/stress/b{budget}/d{depth:g}/i{item}",
                "item": f"{name}/i{item}",
                "class": name,
                "budget": budget,
                "depth": depth,
                "role": role,
                "sha": f"{item:08x}{cell // 2:08x}" * 4,
                "ttft": ttft,
                "e2el": ttft + 190,
                "score": float(right),
                "outcome": "correct" if right else "invented",
                "usage": rng.random(),
            }
            if index == 0:
                msgspec.json.decode(line, type=CaseRecord)  # the benchmark's own check
            out.write(line)
        end = {
            "type": "end",
            "run_id": header["run_id"],
            "status": "complete",
            "finished_at": header["started_at"],
            "elapsed_s": 1.0,
            "planned": records,
            "counts": {"ok": records},
        }
        out.write(msgspec.json.encode(end).decode() + "\n")
    return file.stat().st_size


_MODEL = (
    '{"model":"m","revision":null,"sha256":null,"architecture":null,"tokenizer":"t",'
    '"tokenizer_sha256":"t","dtype":"float32","max_model_len":4096,"kv_blocks":512,'
    '"block_size":32,"engine_args":{},"why_null":{}}'
)
HEADER = (
    '{"type":"run","schema_version":1,"run_id":"","started_at":"","stressbench":"0",'
    '"git_revision":null,"suite":"bench","suite_sha256":"s","suite_spec":{},"seed":0,'
    '"limit":null,"engine":"simulated","simulated":true,"models":{"dense":MODEL,'
    '"sparse":MODEL},"machine":{"device":"cpu","device_name":"c","driver":null,"cores":2,'
    '"memory_bytes":1,"os":"o","python":"3","packages":{}}}'
).replace("MODEL", _MODEL)
_CASE = (
    '{"type":"case","run_id":"r","case_id":"%(case)s","item_id":"%(item)s",'
    '"cluster_id":"%(item)s","twin_of":null,"prompt_class":"%(class)s",'
    '"params":{"budget":%(budget)d,"depth":%(depth)s},"role":"%(role)s","model":"m",'
    '"arm":"stress","repeat":0,"pass":"quality","seed":7,"content_sha256":"%(sha)s",'
    '"prompt_sha256":"%(sha)s","tokens":{"prompt":%(budget)d,"budget":%(budget)d,'
    '"template":12,"output":20,"control":%(budget)d,"inflation":1.0,"bytes_per_token":4.1,'
    '"retok_drift":0},"timing":{"scheduled_ns":1,"sent_ns":2,"first_token_ns":3,'
    '"finish_ns":4,"ttft_ms":%(ttft).3f,"tpot_ms":10.0,"itl_ms":['
    + ",".join(["10.012"] * 19)
    + '],"e2el_ms":%(e2el).3f,"queue_ms":1.0},"kv":{"cached_tokens":0,"preemptions":0,'
    '"usage_at_start":0.1,"usage_peak":%(usage).4f,"waiting_peak":0},"attention":null,'
    '"routing":null,"confidence":null,"quality":{"scorer":"exact_match","score":%(score).1f,'
    '"em":%(score).1f,"precision":%(score).1f,"recall":%(score).1f,"outcome":"%(outcome)s",'
    '"expected":["42"],"answer":"42"},"output":{"text":"It is 42.","finish_reason":"stop"},'
    '"prompt":{"text":"TEXT","spans":[]},"status":"ok","error":null,"why_null":{}}\n'
)
