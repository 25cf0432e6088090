"""Stress-test language models and show why they degrade.

The public API; each name is imported from its module when it is first used, so
``import stressbench`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stressbench.errors import StressbenchError
    from stressbench.runner.plan.prepare import prepare
    from stressbench.runner.run import run
    from stressbench.schema.case import Case, Request
    from stressbench.schema.results.record import CaseRecord
    from stressbench.schema.suite.parse import load_suite
    from stressbench.schema.suite.suite import SuiteSpec
    from stressbench.store import read_run
    from stressbench.tokens.open import open_tokenizer

__version__ = "0.1.0"

__all__ = [
    "Case",
    "CaseRecord",
    "Request",
    "StressbenchError",
    "SuiteSpec",
    "load_suite",
    "open_tokenizer",
    "prepare",
    "read_run",
    "run",
]

_HOME = {
    "Case": "schema.case",
    "CaseRecord": "schema.results.record",
    "Request": "schema.case",
    "StressbenchError": "errors",
    "SuiteSpec": "schema.suite.suite",
    "load_suite": "schema.suite.parse",
    "open_tokenizer": "tokens.open",
    "prepare": "runner.plan.prepare",
    "read_run": "store",
    "run": "runner.run",
}


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
