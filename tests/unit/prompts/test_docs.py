"""docs/prompt-classes.md is what the code generates."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from stressbench import catalog

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_what_the_code_would_write() -> None:
    spec = importlib.util.spec_from_file_location("prompt_classes", DOCS / "prompt_classes.py")
    assert spec is not None
    assert spec.loader is not None
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    written = (DOCS / "prompt-classes.md").read_text("utf-8")
    assert written == writer.page(), "run: python docs/prompt_classes.py"
    for name in (*catalog.names("prompts"), *catalog.names("scorers")):
        assert f"### {name}\n" in written
