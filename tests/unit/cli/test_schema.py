"""``stressbench schema`` for everything that crosses a border."""

from __future__ import annotations

import json

import pytest

from stressbench.cli.schema import Border
from tests.conftest import Cli


@pytest.mark.parametrize("what", list(Border))
def test_every_format_has_a_schema(cli: Cli, what: Border) -> None:
    left = cli("schema", what.value)
    assert left.code == 0, left.err
    assert json.loads(left.out)["$defs"]


def test_a_suite_has_one_engine_or_several_by_name(cli: Cli) -> None:
    found = json.loads(cli("schema", "suite").out)["$defs"]
    kinds = found["SuiteSpec"]["properties"]["engine"]["anyOf"]
    assert {kind.get("type", "one") for kind in kinds} == {"one", "array"}
    assert "name" in found["EngineVariant"]["required"]
