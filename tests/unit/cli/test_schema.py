"""``stressbench schema`` for everything that crosses a border."""

from __future__ import annotations

import json

import pytest
import records as make

from stressbench.cli.schema import FORMATS
from stressbench.store.lines import case_line
from tests.conftest import Cli


@pytest.mark.parametrize("what", FORMATS)
def test_every_format_has_a_schema(cli: Cli, what: str) -> None:
    left = cli("schema", what)
    assert left.code == 0, left.err
    assert json.loads(left.out)["$defs"]


def test_a_suite_has_one_engine_or_several_by_name(cli: Cli) -> None:
    found = json.loads(cli("schema", "suite").out)["$defs"]
    kinds = found["SuiteSpec"]["properties"]["engine"]["anyOf"]
    assert {kind.get("type", "one") for kind in kinds} == {"one", "array"}
    assert "name" in found["EngineVariant"]["required"]


def test_the_schema_describes_the_line_with_its_sections_beside_the_fields(cli: Cli) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    document = json.loads(cli("schema", "record").out)
    probed = make.probed(make.record(), power={"joules": 3.5, "meter": "made up", "watts": None})
    line = json.loads(case_line(probed))
    assert line["power"]["joules"] == 3.5
    assert "sections" not in document["$defs"]["CaseRecord"]["properties"]
    lines = [line, *map(json.loads, make.head_lines(make.header()))]
    for each in lines:
        jsonschema.validate(each, document)
    for section in (3, "text", [1]):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(line | {"power": section}, document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(line | {"tokens": 3}, document)
