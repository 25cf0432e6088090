"""Rewrites result files of version 1 as version 2.

``python -m stressbench.store.migrate RUN_DIR...``

stressbench reads both versions. Use this if other tools read your files. Version 1 did not
record when an engine was ready or which loads were over, so these are left out. The arrays stay
in ``arrays.npz``, which stressbench still reads.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from msgspec.structs import replace

from stressbench.errors import StressbenchError
from stressbench.schema.base import RESULTS_VERSION
from stressbench.schema.results.run import ModelLine, RunHeader
from stressbench.store.lines import case_line, encode
from stressbench.store.read import RECORDS, TELEMETRY, full_records, read_run, readings
from stressbench.store.write import run_line


def migrate(directory: Path) -> bool:
    """Rewrite the files of a run in place; False if they are of version 2 already.

    Each file is replaced in one step when it is complete. Raises ``ResultsError``.
    """
    run = read_run(directory)
    if run.header.schema_version == RESULTS_VERSION:
        return False
    header = replace(run.header, schema_version=RESULTS_VERSION)
    lines = [encode(run_line(header)), *(encode(_model(header, name)) for name in header.models)]
    with (directory / f"{RECORDS}.new").open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
        file.writelines(case_line(record) + b"\n" for record in full_records(run.path))
        if run.end is not None:
            file.write(encode(run.end) + b"\n")
    if (directory / TELEMETRY).exists():
        with (directory / f"{TELEMETRY}.new").open("wb") as file:
            file.writelines(encode(reading) + b"\n" for reading in readings(directory))
        (directory / f"{TELEMETRY}.new").replace(directory / TELEMETRY)
    (directory / f"{RECORDS}.new").replace(directory / RECORDS)
    return True


def _model(header: RunHeader, name: str) -> ModelLine:
    run = header.models[name]
    facts = msgspec.to_builtins(run)
    fields = {field.encode_name for field in msgspec.structs.fields(ModelLine)}
    why = {path: reason for path, reason in run.why_null.items() if path in fields}
    return msgspec.convert(
        {
            **{key: value for key, value in facts.items() if key in fields},
            "type": "model",
            "run_id": header.run_id,
            "part": 0,
            "t_ns": 0,
            "at": header.started_at,
            "stressbench": header.stressbench,
            "git_revision": header.git_revision,
            "machine": msgspec.to_builtins(header.machine),
            "why_null": why,
        },
        ModelLine,
    )


def main() -> int:
    """Migrate every run named on the command line."""
    for name in sys.argv[1:]:
        try:
            done = migrate(Path(name))
        except StressbenchError as error:
            sys.stderr.write(f"error: {error}\n")
            return int(error.exit_code)
        sys.stdout.write(f"{name}: {'rewritten as version 2' if done else 'already version 2'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
