"""Suites: every mistake has a file, a line and a field."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressbench.errors import SuiteError
from stressbench.schema.suite.parse import Suite, parse_suite

GOOD = """\
schema: 1
name: core
models:
  dense: {model: reference-dense}
engine:
  max_model_len: 4096
prompts:
  - {use: niah, items: 8, budgets: [512, 2048], depths: [0, 0.5, 1]}
"""


def load(text: str, *overrides: str) -> Suite:
    return parse_suite(text.encode("utf-8", "surrogatepass"), source="s.yaml", overrides=overrides)


def refused(text: str, *overrides: str) -> str:
    with pytest.raises(SuiteError) as caught:
        load(text, *overrides)
    return str(caught.value)


def test_a_suite_becomes_types() -> None:
    spec = load(GOOD).spec
    assert spec.models["dense"].model == "reference-dense"
    assert spec.prompts[0].depths == [0, 0.5, 1]
    assert spec.budget_role == "dense"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD.replace("max_model_len", "max_model_length"),
            "s.yaml:6:engine.max_model_length: unknown key 'max_model_length'; did you mean",
        ),
        (GOOD.replace("4096", "many"), "s.yaml:6:engine.max_model_len: expected a whole number"),
        (GOOD.replace("4096", "0"), "s.yaml:6:engine.max_model_len: expected a whole number >= 1"),
        (GOOD.replace("0.5", "1.5"), "s.yaml:8:prompts.0.depths.1: expected a number <= 1.0"),
        (GOOD.replace("name: core", "name: a b"), "s.yaml:2:name: expected a name of letters"),
        (GOOD.replace("schema: 1", "schema: 2"), "s.yaml:1:schema: invalid enum value 2"),
        (GOOD.replace("name: core\n", ""), "s.yaml:1: missing key `name`"),
        (GOOD + "name: twice\n", "s.yaml:9: the key 'name' is here twice"),
        ("- a\n- b\n", "s.yaml: a suite is a mapping"),
        ("", "s.yaml: a suite is a mapping"),
        ("a: [", "s.yaml:1: not valid YAML"),
        ("\x00", "s.yaml: not valid YAML"),
        ("[" * 10_000, "s.yaml: not valid YAML"),
        ("? [1, 2]\n: x\n", "s.yaml:1: not valid YAML for a suite"),
        ("a: !!python/object/apply:os.system [ls]\n", "s.yaml:1: not valid YAML"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    assert refused(text).startswith(message)


def test_aliases_cannot_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "must not have more than 100000 values" in refused("\n".join(lines))


def test_large_files_are_refused_unread() -> None:
    assert "must not exceed 1048576 bytes" in refused("#" * (2 << 20))


def test_overrides_replace_fields_by_path() -> None:
    spec = load(GOOD, "engine.kv_blocks=64", "prompts.0.items=2", "models.dense.model=./x").spec
    assert spec.engine.kv_blocks == 64
    assert spec.prompts[0].items == 2
    assert spec.models["dense"].model == "./x"


@pytest.mark.parametrize(
    "override", ["engine", "=1", "prompts.7.items=1", "name.x=1", "engine.kv_blocks=[", "a=&"]
)
def test_wrong_overrides_are_named(override: str) -> None:
    assert refused(GOOD, override).startswith(("--set", "s.yaml"))


def test_the_hash_is_of_the_meaning() -> None:
    commented = GOOD.replace("name: core", "name:   core  # a comment")
    assert load(commented).sha256 == load(GOOD).sha256
    assert load(GOOD, "seed=1").sha256 != load(GOOD).sha256


@given(st.text(max_size=200))
def test_no_text_crashes_the_reader(text: str) -> None:
    with suppress(SuiteError):
        load(text)
