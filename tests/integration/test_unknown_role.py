"""A record of a role that its header does not have: one sentence from every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import records
from tests.conftest import Cli

COMMANDS = {
    "report": ("report", "BAD"),
    "page": ("report", "BAD", "--html", "page.html"),
    "compare": ("compare", "GOOD", "BAD"),
    "compared": ("compare", "BAD", "GOOD"),
    "show": ("show", "BAD", records.record(0).case_id),
    "thrash": ("thrash", "GOOD", "BAD"),
    "predict": ("predict", "BAD"),
    "history": ("history", "BAD"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_refused_by_name(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [records.record(item) for item in range(3)]
    records.write(tmp_path / "GOOD" / "records.jsonl", rows)
    odd = [*rows, records.record(3, role="dnese")]
    records.write(tmp_path / "BAD" / "records.jsonl", odd, run=records.header(["dense"]))
    left = cli(*COMMANDS[name])
    assert left.code == 4, left.err
    said = " ".join((left.out + left.err).split())
    assert "has the role 'dnese'" in said
    assert "did you mean 'dense'" in said
    assert "Traceback" not in left.err
