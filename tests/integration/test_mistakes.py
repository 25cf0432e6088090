"""What a user can get wrong: one clear sentence, the right exit code, no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT, Cli

GOOD = """\
schema: 1
name: mine
models:
  dense: {model: reference-dense}
engine: {max_model_len: 512}
prompts:
  - {use: niah, items: 2, budgets: [256]}
"""

REPLAY = GOOD.replace(
    "{use: niah, items: 2, budgets: [256]}",
    "{use: replay, items: 3, params: {path: traffic.jsonl, scorer: numeric}}",
)

MISTAKES = {
    "not YAML": (GOOD + "  - [", "", "not valid YAML"),
    "unknown key": (GOOD.replace("items:", "item:"), "7:prompts.0.item", "did you mean 'items'"),
    "mistyped": (GOOD.replace("items: 2", "items: two"), "7:prompts.0.items", "whole number"),
    "key twice": (GOOD + "name: again\n", "8", "twice"),
    "unknown class": (GOOD.replace("niah", "niha"), "7:prompts.0.use", "did you mean 'niah'"),
    "unknown probe": (GOOD + "probes: [kw]\n", "8:probes.0", "did you mean 'kv'"),
    "no such role": (GOOD + "budget_tokenizer: sparse\n", "8:budget_tokenizer", "neither a role"),
    "unknown model": (GOOD.replace("-dense}", "-dens}"), "", "did you mean 'reference-dense'"),
    "budget too small": (GOOD.replace("256", "16"), "7:prompts.0.budgets", "smallest possible"),
    "budget too large": (GOOD.replace("256", "500"), "7:prompts.0.budgets", "do not fit"),
    "two of one name": (GOOD + "  - {use: niah, items: 1, budgets: [256]}\n", "8", "label"),
    "bad parameter": (
        GOOD.replace("budgets: [256]", "budgets: [256], params: {valeu: digits}"),
        "7:prompts.0.params",
        "did you mean 'value'",
    ),
    "bad gate": (GOOD + "gates: ['qualty.score drop < 5pt']\n", "8:gates.0", "quality"),
    "gate without a unit": (
        GOOD + "gates: ['quality.score drop < 5']\n",
        "8:gates.0",
        "a margin needs its unit: 5pt, or 5% of the base",
    ),
    "gate on no class": (
        GOOD + "gates: ['quality.score drop < 5pt where prompt_class=nihh']\n",
        "8:gates.0",
        "did you mean 'niah'",
    ),
    "gate on no probe": (
        GOOD + "gates: ['attention.entropy_norm change < 5pt']\n",
        "8:gates.0",
        "no probe of this suite records attention",
    ),
    "gate on no key": (
        GOOD + "gates: ['quality.score drop < 5pt per rivals']\n",
        "8:gates.0",
        "no case will have a key 'rivals'",
    ),
    "unknown scorer": (REPLAY.replace("numeric", "numerc"), "7", "did you mean 'numeric'"),
    "unreadable reference": (REPLAY, "7:prompts.0.params.scorer", "row 2 of"),
}


@pytest.fixture(autouse=True)
def traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that ``REPLAY`` reads, with a reference that is no number in its second row."""
    rows = ({"prompt": f"How many? {n}", "answer": n} for n in ("12", "about twelve", "3"))
    (tmp_path / "traffic.jsonl").write_text(
        "".join(f"{json.dumps(row)}\n" for row in rows), "utf-8"
    )
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_suite_is_refused_by_name_and_line(cli: Cli, tmp_path: Path, name: str) -> None:
    text, where, why = MISTAKES[name]
    file = tmp_path / "mine.yaml"
    file.write_text(text, "utf-8")
    left = cli("validate", file)
    assert left.code == 2, left.err
    assert why in left.err
    assert f"{file}:{where}" in left.err if where else True
    assert "Traceback" not in left.err


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_suite_leaves_no_directory_behind(cli: Cli, tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MISTAKES[name][0], "utf-8")
    out = tmp_path / "out"
    assert cli("run", file, "--engine", "simulated", "--out", out).code == 2
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("name", ["bad gate", "unknown scorer", "unreadable reference"])
def test_a_dry_run_finds_it_too(cli: Cli, tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MISTAKES[name][0], "utf-8")
    left = cli("run", file, "--dry-run")
    assert left.code == 2
    assert MISTAKES[name][2] in left.err


def test_a_mistake_in_the_last_suite_is_found_before_the_first_one_runs(
    cli: Cli, tmp_path: Path
) -> None:
    good, bad, out = tmp_path / "good.yaml", tmp_path / "bad.yaml", tmp_path / "out"
    good.write_text(GOOD, "utf-8")
    bad.write_text(MISTAKES["bad gate"][0], "utf-8")
    left = cli("run", good, bad, "--engine", "simulated", "--out", out)
    assert left.code == 2
    assert not out.exists()


def test_a_good_suite_is_valid(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD, "utf-8")
    left = cli("validate", file)
    assert left.code == 0
    assert "valid" in left.out


@pytest.mark.parametrize("suite", sorted((ROOT / "suites").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_suite_is_valid(cli: Cli, suite: Path) -> None:
    left = cli("validate", suite)
    assert left.code == 0, left.err


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("run",), 2, "name a suite"),
        (("run", "smoek"), 2, "did you mean 'smoke'"),
        (("run", "smoke", "--engine", "vlm"), 2, "did you mean 'vllm'"),
        (("run", "smoke", "--set", "engine"), 2, "PATH=VALUE"),
        (("run", "smoke", "--model", "dense"), 2, "ROLE=SPEC"),
        (("run", "--resume", "no-such-run"), 4, "no-such-run"),
        (("list", "promts"), 2, "promts"),
        (("show", "no-such-run", "x"), 4, "no-such-run"),
        (("frobnicate",), 2, "frobnicate"),
    ],
)
def test_a_wrong_command_line_is_refused(
    cli: Cli, arguments: tuple[str, ...], code: int, why: str
) -> None:
    left = cli(*arguments)
    assert left.code == code, left.err
    assert why in left.err
    assert "Traceback" not in left.err


def test_an_unwritable_directory_is_found_before_any_work(cli: Cli, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", "utf-8")
    left = cli("run", "smoke", "--engine", "simulated", "--out", blocked / "results")
    assert left.code == 3
    assert "--out" in left.err


def test_results_of_another_kind_are_refused(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text('{"type":"case"}\n', "utf-8")
    left = cli("show", file, "x")
    assert left.code == 4
    assert f"{file}:1" in left.err


def test_debug_shows_the_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRESSBENCH_DEBUG", "1")
    with pytest.raises(Exception, match="smoek"):
        cli("run", "smoek")


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [
        ('{"prompt": "x" "y"}', "traffic.jsonl:3", "not a JSON object"),
        ('{"prompt": "x", "prompt": "y"}', "traffic.jsonl:3", "'prompt' stands twice"),
        ('{"prompt": "\udce9"}', "traffic.jsonl:3", "byte 0xe9 is no UTF-8"),
    ],
)
def test_a_wrong_data_file_is_refused_by_its_own_line(
    cli: Cli, tmp_path: Path, line: str, place: str, said: str
) -> None:
    rows = ['{"prompt": "One?", "answer": "1"}', "", line, '{"prompt": "Two?", "answer": "2"}']
    data = "\n".join(rows).encode("utf-8", "surrogateescape")
    (tmp_path / "traffic.jsonl").write_bytes(data)
    file = tmp_path / "mine.yaml"
    file.write_text(REPLAY, "utf-8")
    left = cli("validate", file)
    assert left.code == 2, left.err
    assert f"{place}: " in left.err
    assert said in left.err
    assert "mine.yaml:7:prompts.0" in " ".join(left.err.split())
