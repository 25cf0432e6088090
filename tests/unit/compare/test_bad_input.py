"""Damaged files, unlike runs and odd gates, through the command line: one sentence, no guess."""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.cli.app import main
from tests.conftest import examples

RAW = (
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "-1", "0", "1e308", "9" * 400, "true"),
    *("null", '""', '"x"', "[]", "{}", "[[1]]", '{"a": NaN}', '"\\ud800"', '"a\\u0000b"', ""),
)
GATES = (
    *("quality.score drop < 5pt", "quality.score >= 50pt per label", "ttft.p95 <= 2s"),
    *("ttft rise < 10% per budget", "quality.score drop < 5pt per rivals where depth=.5"),
    *("tokens.output change < 4tokens where rivals=1", "kv.usage_peak <= 90pt"),
    *("attention.entropy_norm change < 5pt", "failures.rate <= 5pt"),
)


def call(*arguments):
    """Exit code, stdout and stderr of a command."""
    before, out, err = sys.argv, io.StringIO(), io.StringIO()
    sys.argv = ["stressbench", *map(str, arguments)]
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as left,
        ):
            main()
    finally:
        sys.argv = before
    return int(left.value.code or 0), out.getvalue(), err.getvalue()


def compare(*arguments):
    """``compare`` with these arguments; whatever they are, it answers or says one sentence."""
    code, out, err = call("compare", *arguments, "--gates-only")
    assert code in {0, 1, 2, 4, 5}, err
    assert "Traceback" not in err
    assert "internal error" not in err
    assert (err.count("error: ") == 1) == (code in {2, 4}), err
    assert bool(out.strip()) == (code in {0, 1, 5})
    return code, err


def good_lines():
    rows = [
        msgspec.structs.replace(row, params={**row.params, "rivals": i % 2})
        for i in range(8)
        for row in [records.record(i, depth=0.5), records.record(i, depth=1.0)]
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = records.write(Path(folder) / "records.jsonl", rows)
        return path.read_text("utf-8").splitlines()


LINES = good_lines()


def places(value, path=()):
    """The path of every field of a line."""
    for key, child in value.items():
        yield (*path, key)
        if isinstance(child, dict):
            yield from places(child, (*path, key))


@st.composite
def damaged(draw):
    """A result file with one line changed, dropped, doubled or cut."""
    lines = [*LINES]
    at = draw(st.integers(0, len(lines) - 1))
    how = draw(st.sampled_from(["field", "field", "field", "drop", "double", "cut", "foreign"]))
    if how == "field":
        line = json.loads(lines[at])
        path = draw(st.sampled_from([*places(line)]))
        part = line
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = "@"
        lines[at] = json.dumps(line).replace('"@"', draw(st.sampled_from(RAW)))
    elif how == "drop":
        del lines[at]
    elif how == "double":
        lines.insert(at, lines[at])
    elif how == "cut":
        lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
    else:
        lines.insert(
            at, draw(st.sampled_from(["{}", "[]", "not json", "\\ufeff", '{"type": "x"}']))
        )
    return "\n".join(lines) + "\n"


@given(
    text=damaged(),
    gates=st.lists(st.sampled_from(GATES), min_size=1, max_size=3),
    alone=st.booleans(),
    partial=st.booleans(),
)
@settings(max_examples=examples(250), deadline=None)
def test_a_damaged_file_is_compared_or_refused_in_one_sentence(text, gates, alone, partial):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name, "records.jsonl") for name in ("good", "bad")]
        for path, content in zip(paths, ("\n".join(LINES) + "\n", text), strict=True):
            path.parent.mkdir()
            path.write_text(content, "utf-8")
        options = [part for gate in gates for part in ("--gate", gate)]
        compare(*(paths[1:] if alone else paths), *options, *(["--allow-partial"] * partial))


WORDS = st.sampled_from(
    [
        *("quality.score", "ttft.p95", "ttft.p0", "itl.p99", "degradation.twin", "quality", "drop"),
        *(
            "rise",
            "change",
            "<",
            ">=",
            "<=",
            "5pt",
            "5",
            "10%",
            "100%",
            "1e400ms",
            "NaN",
            "-3ms",
            "0pt",
        ),
        *(
            "per",
            "where",
            "by",
            "at",
            "99%",
            "99.99%",
            ",",
            "arm",
            "arm=stress",
            "role=dense",
            "=",
            "label",
        ),
        *(
            "budget=.5e3",
            "depth=none",
            "rivals",
            "rivals=1.0",
            "lever=none,clean",
            "role=a@b+c/d",
            "x",
        ),
    ]
)


@given(words=st.lists(WORDS | st.text(max_size=4), max_size=3), head=st.sampled_from(GATES))
@settings(max_examples=examples(150), deadline=None)
def test_any_gate_is_judged_or_refused_in_one_sentence(words, head):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records.jsonl")
        path.write_text("\n".join(LINES) + "\n", "utf-8")
        code, err = compare(path, path, f"--gate={' '.join([head, *words])}")
        if code == 2:
            assert "gate" in err


@pytest.fixture
def runs(tmp_path):
    def write(name, rows=None, **changes):
        rows = [records.record(i) for i in range(8)] if rows is None else rows
        return records.write(tmp_path / name / "records.jsonl", rows, **changes)

    return write


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_is_none_names_its_file(runs, number):
    path = runs("odd")
    path.write_text(path.read_text("utf-8").replace('"ttft_ms":100.0', f'"ttft_ms":{number}'))
    code, err = compare(path, path, "--gate", "ttft rise < 10%")
    assert code == 4
    assert str(path) in err


def test_runs_that_differ_in_what_must_not_differ_are_refused_by_name(runs):
    base = runs("base")
    for changes, said in (
        ({"seed": 8}, "seed"),
        ({"suite_spec": {**records.header().suite_spec, "repeats": 2}}, "suite"),
        ({"engine": "openai"}, "engine"),
        ({"limit": 3}, "limit"),
    ):
        code, err = compare(base, runs(said, run=records.header(**changes)))
        assert (code, said in err) == (4, True)


@pytest.mark.parametrize(("version", "said"), [(1_000, "schema"), (0, "schema")])
def test_a_baseline_of_another_schema_is_refused(runs, version, said):
    odd = runs("odd", run=records.header(schema_version=version))
    code, err = compare(odd, runs("cand"))
    assert (code, said in err) == (4, True)


def test_runs_without_a_common_case_are_refused(runs):
    other = runs("other", [records.record(i, prompt_class="json") for i in range(8)])
    for options in ((), ("--allow-partial",)):
        code, _ = compare(runs("base"), other, *options)
        assert code == 4


def test_a_run_without_a_record_is_refused(runs):
    for header in (records.header(), records.header(())):
        empty = runs("empty", [], run=header)
        assert compare(empty, runs("base"))[0] == 4
        assert compare(empty, "--gate", GATES[1])[0] == 4
        assert compare(empty, empty, "--allow-partial")[0] == 4


@pytest.mark.parametrize("key", ["label", "prompt_class", "rivals"])
def test_a_thousand_scopes_print_few_rows(runs, key):
    rows = [
        msgspec.structs.replace(
            row := records.record(0, prompt_class=f"c{i:03}", score=float(side == 0)),
            params={**row.params, "rivals": i},
        )
        for side in (0, 1)
        for i in range(900)
    ]
    base, cand = runs("base", rows[:900]), runs("cand", rows[900:])
    code, out, _ = call("compare", base, cand, "--gates-only", "--gate", f"{GATES[0]} per {key}")
    assert code == 1
    assert len(out.splitlines()) < 60
