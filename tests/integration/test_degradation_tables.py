"""The degradation tables of the documentation are those of the runs kept beside them."""

from __future__ import annotations

import runpy

import pytest

from tests.conftest import ROOT

SCRIPT = runpy.run_path(str(ROOT / "docs" / "degradation_tables.py"))


@pytest.mark.parametrize(("name", "roles"), SCRIPT["PAGES"].items())
def test_the_page_shows_what_the_kept_runs_say(name, roles):
    text = (ROOT / name).read_text("utf-8")
    found = SCRIPT["tables"](roles)
    for run, table in found.items():
        assert table in text, f"{name}: the table of {run} is stale; docs/degradation_tables.py"
