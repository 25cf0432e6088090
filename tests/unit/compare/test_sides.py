"""Sides: however two of them are written, they are the same comparison."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.sides import Side, contrast, parse_by
from stressbench.errors import CompareError, SuiteError, UsageError
from stressbench.schema.axes import AXES
from tests.conftest import examples

SCORE = "quality.score drop < 5pt"
GATES = (SCORE, "ttft.p95 rise < 10%", "e2el rise < 10% per depth", f"{SCORE} per prompt_class")
TIMELESS = tuple(gate for gate in GATES if gate.startswith(SCORE))
"""Levers, arms and loads share an engine and its time; latencies of two runs may drift apart."""
NAMES = ("scope", "gate")


def write(folder, rows, **header):
    run = records.header(sorted({row.role_name for row in rows}), **header)
    return records.write(folder / "records.jsonl", rows, run=run)


def compare(base, cand=None, *gates, by=(), roles=None, gates_only=True, **options):
    sides = parse_by(by, roles, two_runs=cand is not None) if by or roles else None
    options = Options(gates=gates, gates_from="here", by=sides, gates_only=gates_only, **options)
    return comparing.compare(base, cand, options)


def placed(row, axis, value):
    """The record as one of a side, in its id where the axis is part of that."""
    replace = msgspec.structs.replace
    label, arm, rest = row.case_id.split("/", 2)
    match axis:
        case "role":
            return replace(row, role=value, model=f"reference-{value}")
        case "variant" | "lever":
            return replace(row, **{axis: None if value == "none" else value})
        case "arm":
            case_id = f"{label}/{value}/{rest}"
            return replace(row, arm=value, case_id=case_id, content_sha256=records.sha(case_id))
        case "label":
            case_id = f"{value}/{arm}/{rest}"
            item = f"{value}/{rest.rpartition('/')[2]}"
            sha = records.sha(case_id)
            return replace(row, case_id=case_id, content_sha256=sha, item_id=item, cluster_id=item)
        case _:
            case_id = f"{label}/{arm}/{value}/{rest}"
            return replace(row, case_id=case_id, params={**row.params, "load_level": value})


def all_placed(rows, axis, value):
    return [placed(row, axis, value) for row in rows]


def numbers(comparison):
    """Every figure of a comparison, without the names of its sides."""
    return [
        {key: value for key, value in msgspec.structs.asdict(each).items() if key not in NAMES}
        for each in (*comparison.gates, *comparison.findings)
    ]


def close(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for key, value in one.items():
            exact = value is None or isinstance(value, (str, msgspec.Struct))
            assert other[key] == (value if exact else pytest.approx(value)), (one["metric"], key)


cells = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(20, 400), st.floats(20, 400)),
    min_size=2,
    max_size=9,
)


def two_sides(cells, repeats):
    """Rows of two sides over the same cases."""
    return [
        [
            records.record(
                i, depth=depth, repeat=repeat, score=cell[side], ttft_ms=cell[2 + side] + 7 * repeat
            )
            for i, cell in enumerate(cells)
            for depth in (0, 0.5)
            for repeat in range(repeats)
        ]
        for side in (0, 1)
    ]


@pytest.mark.parametrize(
    ("axis", "values"),
    [("role", ("dense", "sparse")), ("variant", ("fp8", "bf16")), ("lever", ("none", "clean"))],
)
@given(cells=cells, repeats=st.integers(1, 2))
@settings(max_examples=examples(8), deadline=None)
def test_one_comparison_has_the_same_numbers_however_it_is_written(
    tmp_path_factory, axis, values, cells, repeats
):
    folder = tmp_path_factory.mktemp("runs")
    rows = two_sides(cells, repeats)
    plain = [write(folder / name, each) for name, each in zip("ab", rows, strict=True)]
    sided = [all_placed(each, axis, value) for each, value in zip(rows, values, strict=True)]
    whole = write(folder / "whole", sided[0] + sided[1])
    mixed = write(folder / "mixed", sorted(sided[1] + sided[0], key=lambda r: r.timing.ttft_ms))
    apart = [write(folder / name, each) for name, each in zip("cd", sided, strict=True)]
    by = [f"{axis}={values[0]},{values[1]}"]
    gates = TIMELESS if axis == "lever" else GATES
    expected = numbers(compare(*plain, *gates))
    written = [
        compare(whole, None, *gates, by=by),
        compare(mixed, None, *gates, by=by),
        compare(whole, mixed, *gates, by=by),
        compare(*apart, *gates, by=by),
    ]
    sides = {
        "role": "dense,sparse",
        "variant": "dense@fp8,dense@bf16",
        "lever": "dense,dense+clean",
    }
    written.append(compare(whole, None, *gates, roles=sides[axis]))
    written.append(compare(whole, None, *(f"{gate} by {by[0]}" for gate in gates)))
    for each in written:
        assert numbers(each) == expected


def test_the_exploratory_findings_are_the_same_too(tmp_path):
    rows = two_sides([(i % 3 / 2, i % 4 / 3, 50 + i, 60 + i * i) for i in range(12)], 2)
    plain = [write(tmp_path / name, each) for name, each in zip("ab", rows, strict=True)]
    whole = write(tmp_path, rows[0] + all_placed(rows[1], "lever", "clean"))
    expected = compare(*plain, gates_only=False).findings
    found = compare(whole, by=["lever=none,clean"], gates_only=False).findings
    names = {each.metric for each in expected} - {"degradation.twin"}
    assert {"quality.score", "ttft", "speed.output"} <= names
    for one, other in zip(expected, found, strict=True):
        if one.drift:
            continue
        assert one.scope | {"lever": "none->clean"} == other.scope
        assert (one.base, one.cand, one.ci, one.p) == (other.base, other.cand, other.ci, other.p)


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("arm", ("stress", "isotoken")),
        ("label", ("niah", "near")),
        ("load_level", ("rate-1", "rate-2.5")),
    ],
)
@given(cells=cells, repeats=st.integers(1, 2))
@settings(max_examples=examples(8), deadline=None)
def test_sides_that_are_part_of_the_case_id_are_paired_on_the_rest_of_it(
    tmp_path_factory, axis, values, cells, repeats
):
    folder = tmp_path_factory.mktemp("runs")
    rows = two_sides(cells, repeats)
    plain = [write(folder / name, each) for name, each in zip("ab", rows, strict=True)]
    sided = [all_placed(each, axis, value) for each, value in zip(rows, values, strict=True)]
    whole = write(folder / "whole", sided[1] + sided[0])
    apart = [write(folder / name, each) for name, each in zip("cd", sided, strict=True)]
    by = [f"{axis}={values[0]},{values[1]}"]
    expected = numbers(compare(*plain, *TIMELESS))
    close(expected, numbers(compare(whole, None, *TIMELESS, by=by)))
    close(numbers(compare(*plain, *GATES)), numbers(compare(*apart, *GATES, by=by)))


def as_version_1(path):
    """A file as the first version wrote it: a variant is part of the role."""
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    run, cases = lines[0], [line for line in lines if line["type"] == "case"]
    models = {
        "@".join(filter(None, (each["role"], each["variant"]))): {
            **each,
            **next(
                line
                for line in lines
                if line["type"] == "model" and line["variant"] == each["variant"]
            ),
        }
        for each in run["models"]
    }
    for model in models.values():
        for name in ("type", "role"):
            del model[name]
    run |= {"schema_version": 1, "models": models}
    for case in cases:
        case["role"] = "@".join(filter(None, (case["role"], case.pop("variant"))))
        del case["lever"]
    old = path.parent / "old.jsonl"
    text = [msgspec.json.encode(line) for line in (run, *cases, lines[-1])]
    old.write_bytes(b"".join(line + b"\n" for line in text))
    return old


def test_files_of_both_versions_compare_equally(tmp_path):
    rows = [
        records.record(i, role=f"dense@{name}", score=float(i % 7 >= wrong))
        for name, wrong in (("fp8", 1), ("bf16", 2))
        for i in range(40)
    ]
    new = write(tmp_path, rows)
    old = as_version_1(new)
    by = ["variant=bf16,fp8"]
    expected = compare(new, None, SCORE, by=by)
    assert expected.gates[0].scope["role"] == "dense@bf16->dense@fp8"
    for base, cand in ((old, None), (old, new), (new, old)):
        assert numbers(compare(base, cand, SCORE, by=by)) == numbers(expected)
    assert compare(old, new, SCORE).notes == []
    (one,) = compare(old, new, f"{SCORE} where variant=fp8").gates
    assert one.scope["role"] == "dense@fp8"


def test_the_shipped_file_of_version_1_has_its_sides():
    old = Path(__file__).parents[2] / "data" / "version-1"
    sides = "dense/stress,dense/oracle_context"
    (gate,) = compare(old, None, SCORE, roles=sides, allow_partial=True).gates
    assert gate.scope == {"role": "dense", "arm": "stress->oracle_context"}
    with pytest.raises(
        CompareError, match="no record matches the side sparse; the file has: dense"
    ):
        compare(old, None, SCORE, roles="dense,sparse", allow_partial=True)


WORD = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,8}\Z")


@given(
    st.fixed_dictionaries(
        {"role": WORD}, optional={"variant": WORD, "lever": WORD, "arm": WORD}
    ).filter(lambda side: "none" not in side.values())
)
def test_a_side_is_read_as_it_is_written(values):
    side = Side.of(values)
    assert Side.parse(str(side)) == side
    assert dict(side) == values
    assert list(side) == [axis for axis in AXES if axis in values]


def test_what_only_one_side_names_the_other_one_has_bare():
    sides = contrast({"role": ("dense+clean", "sparse/isotoken")}, where="here")
    assert dict(sides.base) == {"role": "dense", "lever": "clean", "arm": "stress"}
    assert dict(sides.cand) == {"role": "sparse", "lever": "none", "arm": "isotoken"}
    assert (str(sides.base), str(sides.cand)) == ("dense+clean/stress", "sparse/isotoken")


@pytest.mark.parametrize(
    ("by", "message", "hint"),
    [
        (
            "leever=none,clean",
            "'leever' is not an axis.*did you mean 'lever'",
            "known: role, variant",
        ),
        ("pass=quality,telemetry", "no figure mixes passes", "known"),
        ("lever", "does not name two sides", "--by AXIS=A,B"),
        ("lever=a,b,c", "does not name two sides", "--by AXIS=A,B"),
        ("role=dense@,sparse", "is not a side", "role[@variant]"),
        ("role=dense", "two sides only if you name two", "--roles"),
        ("role=dens,dense", "no role 'dens'; did you mean 'dense'", "its roles: dense"),
        ("lever=none,claen", "no lever 'claen'; did you mean 'clean'", "its levers: clean, none"),
        ("variant=none,fp8", "no variant 'fp8'", "its variants: none"),
        ("arm=stress,isotoken", "no arm 'isotoken'", "its arms: stress"),
        ("label=niah,nia", "no label 'nia'; did you mean 'niah'", "its labels: niah"),
        ("load_level=rate-1,rate-2", "no load level 'rate-1'", "its load levels: none"),
    ],
)
def test_a_side_that_cannot_be_is_named_with_what_there_is(tmp_path, by, message, hint):
    rows = [placed(records.record(i), "lever", v) for v in ("none", "clean") for i in range(3)]
    with pytest.raises(UsageError, match=message) as caught:
        compare(write(tmp_path, rows), by=[by])
    assert hint in caught.value.hint


def test_sides_without_a_common_case_are_not_comparable(tmp_path):
    rows = [placed(records.record(i), "lever", "none") for i in range(3)]
    rows += [placed(records.record(i), "lever", "clean") for i in range(3, 6)]
    path = write(tmp_path, rows)
    with pytest.raises(CompareError, match=r"3 only in base .* 3 only in cand"):
        compare(path, by=["lever=none,clean"])
    with pytest.raises(CompareError, match="share no case"):
        compare(path, by=["lever=none,clean"], allow_partial=True)


def test_content_must_be_equal_where_no_axis_changes_it(tmp_path):
    rows = [placed(records.record(i), "lever", v) for v in ("none", "clean") for i in range(9)]
    rows[-1] = msgspec.structs.replace(rows[-1], content_sha256=records.sha("other"))
    with pytest.raises(CompareError, match=r"1 of 9 cases have different content.*/i8"):
        compare(write(tmp_path, rows), by=["lever=none,clean"])


def test_runs_with_unlike_variants_are_compared_where_the_sides_are_named(tmp_path):
    def rows(*variants):
        return [records.record(i, role=f"dense@{name}") for name in variants for i in range(8)]

    base = write(tmp_path / "base", rows("fp32", "bf16"))
    cand = write(tmp_path / "cand", rows("fp32", "fp8"))
    with pytest.raises(CompareError, match="different variants") as caught:
        compare(base, cand)
    assert "--by variant=fp32" in caught.value.hint
    (gate,) = compare(base, cand, SCORE, by=["variant=fp32"]).gates
    assert gate.scope["role"] == "dense@fp32"
    (gate,) = compare(base, cand, SCORE, by=["variant=bf16,fp8"]).gates
    assert gate.scope["role"] == "dense@bf16->dense@fp8"
    (gate,) = compare(base, cand, SCORE, roles="dense@fp32").gates
    assert gate.scope["role"] == "dense@fp32"


def test_what_the_sides_leave_open_is_compared_value_by_value(tmp_path):
    rows = [
        placed(records.record(i, role=f"{role}@{variant}"), "lever", lever)
        for role in ("dense", "sparse")
        for variant in ("fp32", "bf16")
        for lever in ("none", "clean")
        for i in range(6)
    ]
    path = write(tmp_path, rows)

    def scopes(by, *gates):
        found = compare(path, None, *(gates or (SCORE,)), by=[by] if by else ())
        return [{k: v for k, v in gate.scope.items() if k != "arm"} for gate in found.gates]

    assert scopes("role=dense,sparse") == [
        {"role": "dense@bf16->sparse@bf16"},
        {"role": "dense@bf16->sparse@bf16", "lever": "clean"},
        {"role": "dense@fp32->sparse@fp32"},
        {"role": "dense@fp32->sparse@fp32", "lever": "clean"},
    ]
    both = {"lever": "none->clean"}
    assert {each["role"] for each in scopes("lever=none,clean")} == {
        f"{role}@{variant}" for role in ("dense", "sparse") for variant in ("fp32", "bf16")
    }
    assert all(each.items() >= both.items() for each in scopes("lever=none,clean"))
    where = f"{SCORE} where role=dense, variant=bf16 by lever=none,clean"
    assert scopes(None, where) == [{"role": "dense@bf16", **both}]
    assert scopes(None, f"{SCORE} by lever=none,clean where role=sparse@fp32") == [
        {"role": "sparse@fp32", **both}
    ]
    with pytest.raises(SuiteError, match="lever 'x' is not among the compared: none, clean"):
        scopes("role=dense,sparse", f"{SCORE} where lever=x")


def test_a_stressed_case_is_paired_with_its_items_control_at_every_depth(tmp_path):
    """Controls without context are asked once an item; classes without one are left out."""
    stressed = [
        records.record(i, budget=b, depth=d, score=0.0)
        for i in range(7)
        for b in (1, 2)
        for d in (0, 1)
    ]
    alone = [
        msgspec.structs.replace(
            records.record(i, score=float(i != 3)),
            case_id=f"niah/no_context/i{i}",
            arm="no_context",
            params={"budget": None, "depth": None},
        )
        for i in range(7)
    ]
    other = [records.record(i, prompt_class="json") for i in range(5)]
    path = write(tmp_path, stressed + alone + other)
    for by, base in (("arm=stress,no_context", 0.0), ("arm=no_context,stress", 6 / 7)):
        found = compare(path, None, "quality.score drop < 5pt per budget", by=[by])
        whole, *scopes = found.gates
        assert (whole.n, whole.clusters) == (28, 7)
        assert [(gate.n, gate.clusters) for gate in scopes] == [(14, 7), (14, 7)]
        assert [gate.scope["budget"] for gate in scopes] == ["1", "2"]
        assert found.gates[0].base == pytest.approx(base)
        assert found.gates[0].scope["arm"] == by.partition("=")[2].replace(",", "->")
        assert any("have only one of the arms" in n and n.endswith(": json") for n in found.notes)


def test_entries_whose_items_have_depths_of_their_own_are_paired_item_by_item(tmp_path):
    rows = [records.record(i, depth=0.1 + i / 100) for i in range(8)]
    rows += [placed(records.record(i, depth=0.5 + i / 100), "label", "near") for i in range(8)]
    found = compare(write(tmp_path, rows), None, SCORE, by=["label=niah,near"])
    assert [(gate.n, gate.scope["label"]) for gate in found.gates] == [(8, "niah->near")]


def test_a_gate_that_names_its_sides_looks_within_the_candidate(tmp_path):
    def rows(wrong):
        return [
            placed(
                records.record(i, score=float(not (lever == "clean" and i < wrong))), "lever", lever
            )
            for lever in ("none", "clean")
            for i in range(300)
        ]

    spec = {"schema": 1, "name": "core", "gates": [f"{SCORE} by lever=none,clean", SCORE]}
    runs = [write(tmp_path / str(n), rows(n), suite_spec=spec) for n in (0, 60)]
    good, bad = (compare(path) for path in runs)
    assert (good.verdict, bad.verdict) == ("pass", "regression")
    assert [gate.gate for gate in bad.gates] == [spec["gates"][0]]  # the other needs two runs
    (within, *nights) = compare(*runs).gates
    assert (within.verdict, within.base, within.cand) == ("regression", 1.0, 0.8)
    assert [gate.verdict for gate in nights] == ["pass", "regression"]
    with pytest.raises(UsageError, match="two runs"):
        compare(write(tmp_path / "bare", rows(0)))


def test_labels_and_levels_are_keys_of_a_gate(tmp_path):
    rows = [
        placed(placed(records.record(i), "load_level", level), "label", label)
        for level in ("rate-1", "rate-2")
        for label in ("near", "far")
        for i in range(6)
    ]
    path = write(tmp_path, rows)
    found = compare(path, path, f"{SCORE} per label where load_level=rate-2")
    whole, *scopes = found.gates
    assert whole.n == 12
    assert [(gate.scope["label"], gate.n) for gate in scopes] == [("far", 6), ("near", 6)]


def test_sides_are_immutable_and_can_be_keys():
    side = Side.parse("dense@fp8")
    with pytest.raises(dataclasses.FrozenInstanceError):
        side.values_ = ()
    assert {side: 1}[Side.of({"variant": "fp8", "role": "dense"})] == 1
