"""Routing and answers side by side: planted flips are found, and nothing else is."""

import msgspec
import numpy as np
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from stressbench.cli.app import app
from stressbench.compare.analysis.thrash import thrash
from stressbench.errors import CompareError
from stressbench.store.arrays import ArrayWriter

EXPERTS, LAYERS, K, PROMPT = 8, 4, 2, 50


def choices(item, tokens=PROMPT + 4):
    rng = np.random.default_rng(item)
    ids = rng.random((tokens, LAYERS, EXPERTS)).argsort(axis=2)[:, :, :K]
    return {
        "prompt_ids": np.r_[np.arange(20), rng.integers(100, 200, PROMPT - 20)].astype(np.int32),
        "positions": np.arange(tokens, dtype=np.int32),
        "ids": ids.astype(np.int32),
        "margins": rng.random((tokens, LAYERS)).astype(np.float32),
    }


def side(directory, roles, items=5, **kept):
    """A run of the roles given, each a function that changes an item's choices or its answer."""
    directory.mkdir(exist_ok=True)
    rows, writer = [], ArrayWriter(directory)
    for role, change in roles.items():
        for item in range(items):
            row = records.record(item, role=role, pass_="telemetry")
            routing = {"experts": EXPERTS}
            row = records.probed(row, routing=routing)
            row = msgspec.structs.replace(row, prompt_sha256=records.sha(f"{item}"))
            arrays = choices(item)
            row = change(row, arrays) or row
            if kept.get("ids", True):
                row = msgspec.structs.replace(row, arrays={"routing": writer.write(arrays)})
            rows.append(row)
    writer.close()
    records.write(directory / "records.jsonl", rows, run=records.header(roles))
    return directory


def same(_row, _arrays):
    return None


def flip(row, arrays):
    """Layer 2 of token 7: another expert in place of the second."""
    left = [e for e in range(EXPERTS) if e not in arrays["ids"][7, 2]]
    arrays["ids"][7, 2, 1] = left[0]


def answer(row, _arrays):
    changed = msgspec.structs.replace(row.output, text="43")
    worse = msgspec.structs.replace(row.quality, score=0.0)
    return msgspec.structs.replace(row, output=changed, quality=worse)


def test_a_set_up_against_itself_has_no_flips_and_is_marked(tmp_path):
    found = thrash([side(tmp_path / "a", {"sparse@alone": same, "sparse@again": same})])
    (pair,) = found.overlaps
    assert (pair.base, pair.cand) == ("sparse@alone", "sparse@again")
    assert pair.between == "set-ups"
    assert pair.overlap == 1.0
    assert pair.flipped == 0.0
    assert pair.flipped_ci is None
    assert pair.items_flipped == 0
    assert pair.items_flipped_ci == (0.0, pytest.approx(1 - 0.025 ** (1 / pair.items)))
    assert pair.rows == 5 * (PROMPT + 4) * LAYERS
    assert (pair.answers, pair.answers_changed) == (5, 0)
    assert pair.overlap_by_chance == K / EXPERTS
    assert pair.margin_flipped is None


def test_planted_flips_are_counted_where_they_are(tmp_path):
    found = thrash([side(tmp_path / "a", {"sparse@alone": same, "sparse@batched": flip})])
    (pair,) = found.overlaps
    per_row = 1 / ((PROMPT + 4) * LAYERS)
    assert pair.flipped == pytest.approx(per_row)
    assert pair.overlap == pytest.approx(1 - per_row / K)
    assert pair.tokens_flipped == pytest.approx(1 / (PROMPT + 4))
    assert [share > 0 for share in pair.flipped_by_layer] == [False, False, True, False]
    low, high = pair.flipped_ci
    assert low == pytest.approx(high) == pytest.approx(per_row)
    assert pair.items_flipped == pair.items == 5
    assert pair.margin_flipped is not None


def test_after_an_answer_that_changed_only_the_prompt_is_compared(tmp_path):
    found = thrash([side(tmp_path / "a", {"sparse@alone": same, "sparse@batched": answer})])
    (pair,) = found.overlaps
    assert pair.rows == 5 * PROMPT * LAYERS
    assert (pair.answers_changed, pair.lost, pair.gained) == (5, 5, 0)


def test_tokens_that_came_from_the_cache_are_not_compared(tmp_path):
    def cached(_row, arrays):
        for name in ("positions", "ids", "margins"):
            arrays[name] = arrays[name][32:]

    found = thrash([side(tmp_path / "a", {"sparse@plain": same, "sparse@cached": cached})])
    assert found.overlaps[0].rows == 5 * (PROMPT + 4 - 32) * LAYERS
    assert found.overlaps[0].flipped == 0


def test_prompts_that_begin_alike_are_compared_up_to_where_they_part(tmp_path):
    def alike(row, arrays):
        first = choices(0)
        arrays["prompt_ids"][:30] = first["prompt_ids"][:30]
        arrays["ids"][:30] = first["ids"][:30]
        if row.item_id.endswith("i3"):
            flip(row, arrays)

    found = thrash([side(tmp_path / "a", {"sparse": alike})])
    (pair,) = found.overlaps
    assert pair.between == "suffixes"
    assert pair.n == 4
    assert pair.rows == 4 * 30 * LAYERS
    flips = (1 - pair.overlap) * K * pair.rows
    assert round(flips) in {1, 2}  # its one or two neighbours
    assert pair.answers == 0


def test_several_runs_are_set_against_the_first(tmp_path):
    one = side(tmp_path / "a", {"dense": same, "sparse": same})
    other = side(tmp_path / "b", {"dense": answer, "sparse": flip})
    found = thrash([one, other])
    assert [each.between for each in found.overlaps] == ["runs", "runs"]
    assert found.overlaps[0].answers_changed == 5
    assert found.overlaps[1].flipped > 0


def test_answers_are_those_of_the_quality_pass(tmp_path):
    directory = side(tmp_path / "a", {"sparse@alone": same, "sparse@cached": same})
    lines = (directory / "records.jsonl").read_text().splitlines(keepends=True)
    for line in [each for each in lines if '"type":"case"' in each]:
        row = msgspec.json.decode(line)
        row |= {"pass": "quality", "routing": None}
        row["output"]["text"] = row["variant"]  # differ under load alone
        lines.insert(1, msgspec.json.encode(row).decode() + "\n")
    (directory / "records.jsonl").write_text("".join(lines))
    (pair,) = thrash([directory]).overlaps
    assert (pair.answers, pair.answers_changed) == (5, 5)
    assert pair.rows == 5 * (PROMPT + 4) * LAYERS  # the answers that were routed are the same


def test_runs_under_another_load_are_no_floor(tmp_path):
    one, other = (side(tmp_path / name, {"sparse": same}) for name in "ab")
    assert thrash([one, other]).overlaps[0].same_set_up
    lines = (other / "records.jsonl").read_text().splitlines(keepends=True)
    header = msgspec.json.decode(lines[0])
    header["suite_spec"]["load"] = {"concurrency": 1}
    lines[0] = msgspec.json.encode(header).decode() + "\n"
    (other / "records.jsonl").write_text("".join(lines))
    assert not thrash([one, other]).overlaps[0].same_set_up


def test_without_choices_answers_are_compared_and_the_reason_is_told(tmp_path):
    roles = {"sparse@alone": same, "sparse@again": answer}
    found = thrash([side(tmp_path / "a", roles, ids=False)])
    (pair,) = found.overlaps
    assert pair.overlap is None
    assert pair.answers_changed == 5
    assert "keep_ids" in found.why_null["sparse@alone"]


def test_a_dense_model_says_so(tmp_path):
    def dense(row, _arrays):
        row = msgspec.structs.replace(row, why_null={"routing": "dense model"})
        return records.probed(row, routing=None)

    found = thrash([side(tmp_path / name, {"dense": dense}) for name in "ab"])
    assert found.overlaps[0].answers == 5
    assert set(found.why_null.values()) == {"dense model"}


def test_nothing_to_pair_is_refused(tmp_path):
    with pytest.raises(CompareError, match="nothing to compare"):
        thrash([side(tmp_path / "a", {"sparse": same})])


def test_the_command_puts_the_floor_first_and_speaks_json(tmp_path):
    roles = {"sparse@alone": same, "sparse@batched": flip}
    run = str(side(tmp_path / "a", roles))
    table = CliRunner().invoke(app, ["thrash", run]).stdout
    assert "sparse@alone and sparse@batched" in table
    result = CliRunner().invoke(app, ["thrash", run, "--format", "json"], catch_exceptions=False)
    document = msgspec.json.decode(result.stdout)
    assert document["overlaps"][0]["cand"] == "sparse@batched"


STATUSES = ("ok", "ok", "ok", "timeout", "error")
TEXTS = ("42", "43", None)


def told(directory, sides):
    """A run of two roles, each with an outcome and a text an item; no routing."""
    rows = []
    for role, outcomes in sides.items():
        for item, (status, text) in enumerate(outcomes):
            row = records.record(item, role=role, status=status, score=float(text == "42"))
            output = msgspec.structs.replace(row.output, text=text if status == "ok" else None)
            rows.append(
                msgspec.structs.replace(row, output=output, prompt_sha256=records.sha(f"{item}"))
            )
    directory.mkdir(exist_ok=True)
    records.write(directory / "records.jsonl", rows, run=records.header(sides))
    return directory


outcome = st.tuples(st.sampled_from(STATUSES), st.sampled_from(TEXTS))


@settings(max_examples=50, deadline=None)
@given(pairs=st.lists(st.tuples(outcome, outcome), min_size=1, max_size=8))
def test_no_pair_of_requests_falls_out_and_what_is_hidden_is_not_called_the_same(
    tmp_path_factory, pairs
):
    sides = {"dense@a": [one for one, _ in pairs], "dense@b": [two for _, two in pairs]}
    (found,) = thrash([told(tmp_path_factory.mktemp("told"), sides)]).overlaps
    answered = [(a, b) for a, b in pairs if a[0] == b[0] == "ok"]
    assert found.answers == len(pairs)
    assert found.failed == len(pairs) - len(answered)
    hidden = any(None in {a[1], b[1]} for a, b in answered)
    assert (found.answers_changed is None) == hidden
    if not hidden:
        gone = sum((a[0] == "ok") != (b[0] == "ok") for a, b in pairs)
        assert found.answers_changed == gone + sum(a[1] != b[1] for a, b in answered)
    right = [(a == ("ok", "42"), b == ("ok", "42")) for a, b in pairs]
    assert found.lost == sum(a and not b for a, b in right)
    assert found.gained == sum(b and not a for a, b in right)


def test_the_table_says_why_it_cannot_tell_what_changed(tmp_path):
    run = told(tmp_path / "a", {"dense@a": [("ok", None)], "dense@b": [("ok", None)]})
    printed = CliRunner().invoke(app, ["thrash", str(run)]).output
    assert "? of 1" in printed
    assert "record_prompts: false" in printed
