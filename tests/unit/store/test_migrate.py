"""Files of version 1: as they were written by that version, read and written again."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from msgspec.structs import replace

from stressbench.compare.differences import RolePair, differences
from stressbench.store import Run, read_run, readings
from stressbench.store.migrate import migrate

VERSION_1 = Path(__file__).parents[2] / "data" / "version-1"


def told(run: Run) -> tuple[object, ...]:
    """All that a run says, its version apart."""
    return (
        replace(run.header, schema_version=0),
        run.end,
        list(run.records()),
        list(readings(run.directory)),
    )


def test_a_file_of_version_1_says_the_same_when_it_is_written_again(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    shutil.copytree(VERSION_1, directory)
    before, old = told(read_run(directory)), read_run(VERSION_1)
    assert migrate(directory)
    new = read_run(directory)
    assert told(new) == before
    assert new.header.schema_version == 2
    assert [line.role for line in new.models] == list(old.header.models)
    assert not migrate(directory)
    roles = [RolePair(name, name) for name in old.header.models]
    assert differences(old.header, new.header, roles) == []


def test_a_line_that_is_written_again_has_its_sections_at_their_places(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    shutil.copytree(VERSION_1, directory)
    migrate(directory)
    cases = [
        [line for line in map(msgspec.json.decode, file.read_bytes().splitlines()) if is_case(line)]
        for file in (VERSION_1 / "records.jsonl", directory / "records.jsonl")
    ]
    for old, new in zip(*cases, strict=True):
        assert holds(new, old)


def holds(new: object, old: object) -> bool:
    """Whether all of ``old`` stands in ``new``; minor versions have added fields."""
    if isinstance(new, dict) and isinstance(old, dict):
        return all(name in new and holds(new[name], value) for name, value in old.items())
    return new == old


def is_case(line: dict[str, object]) -> bool:
    return line["type"] == "case"
