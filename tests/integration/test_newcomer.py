"""What somebody types in the first hour, and what the command line answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stressbench import catalog
from stressbench.store import read_run
from tests.conftest import ROOT, Cli

BASELINE = ROOT / "results" / "core-baseline"
SIMULATED = ("--engine", "simulated", "--limit", "1", "--no-progress")
SUITE = """\
schema: 1
name: mine
models: {m: {model: reference-dense}}
engine: {max_model_len: 1024}
prompts:
  - {use: niah, items: 2, budgets: [256], depths: [0, 1]}
  - {use: replay, params: {path: traffic.jsonl}%s}
probes: [kv, attention]
repeats: 2
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a suite that replays a file of seven rows."""
    monkeypatch.chdir(tmp_path)
    rows = ({"prompt": f"What is {n}?", "answer": str(n)} for n in range(7))
    (tmp_path / "traffic.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "mine.yaml").write_text(SUITE % ", items: 7")
    (tmp_path / "eight.yaml").write_text(SUITE % "")
    return tmp_path


def test_list_alone_shows_every_kind(cli: Cli) -> None:
    rows = json.loads(cli("list", "--format", "json").out)
    assert {*catalog.KINDS, "suites", "models"} == {row["name"] for row in rows}
    for row in rows:
        listed = json.loads(cli("list", row["name"], "--format", "json").out)
        assert row["summary"]
        assert row["count"] == len(listed)
        assert row["example"].partition(":")[0] in {each["name"] for each in listed}
    table = cli("list").out
    assert all(row["name"] in table for row in rows)
    assert "stressbench list KIND" in table


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("list probs", "unknown kind 'probs'; did you mean 'probes'?"),
        ("list prompts --format jsn", "--format: unknown 'jsn'; did you mean 'json'?"),
        ("schema sute", "unknown format 'sute'; did you mean 'suite'?"),
        ("runn smoke", "unknown command 'runn'; did you mean 'run'?"),
        ("run smoke --limt 1", "unknown option --limt; did you mean --limit?"),
        ("run smoke --limit 0", "--limit: must be at least 1"),
        ("run smoke --limit x", "--limit: must be a whole number"),
        ("tokens --timeout x", "--timeout: must be a number"),
        ("show", "missing argument RUN"),
        ("run smoke --model dnse=reference-dense", "has no role 'dnse'; did you mean 'dense'?"),
        ("run smoke --role spars", "has no role 'spars'; did you mean 'sparse'?"),
        (f"show {BASELINE} niah --role dens", "unknown role 'dens'; did you mean 'dense'?"),
        (f"compare {BASELINE} --roles dense,spars", "no role 'spars'; did you mean 'sparse'?"),
        ("generate smoke --model dnse=x", "has no role 'dnse'; did you mean 'dense'?"),
        ("run smoke --set engine.args.max_num_seq=4", "did you mean 'max_num_seqs'?"),
    ],
)
def test_a_typing_mistake_gets_the_nearest_word(cli: Cli, line: str, said: str) -> None:
    left = cli(*line.split())
    assert left.code == 2
    assert said in left.err
    assert not re.search(r"Value error|Input should|Traceback|\[/", left.err)


def test_a_model_is_added_by_set_and_not_by_a_mistake(cli: Cli, tmp_path: Path) -> None:
    added = ("--set", "models.third.model=reference-sparse")
    for more in ((), ("--model", "third=reference-dense")):
        left = cli("run", "smoke", *added, *more, "--dry-run", "--limit", "1")
        assert left.code == 0, left.err
        assert "for each of 3 models (dense, sparse, third)" in left.out


MODELS = {
    "no directory": "./nope",
    "no configuration": "empty",
    "no JSON": "broken",
    "no tokenizer": "bare",
    "a file": "traffic.jsonl",
    "no name": "reference-dens",
}


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_model_is_a_usage_error_for_every_command(cli: Cli, work: Path, name: str) -> None:
    for folder in ("empty", "broken", "bare"):
        (work / folder).mkdir()
    (work / "broken" / "config.json").write_text("{")
    (work / "bare" / "config.json").write_text("{}")
    model = f"m={MODELS[name]}"
    for command in (
        ("run", "mine.yaml", *SIMULATED, "--model", model),
        ("run", "mine.yaml", "--dry-run", "--model", model),
        ("generate", "mine.yaml", "--model", model),
        ("validate", "mine.yaml", "--set", f"models.m.model={MODELS[name]}"),
    ):
        left = cli(*command)
        assert left.code == 2, f"{command}: {left.err}"
    assert not list((work / "results").glob("*"))
    glitch = cli("tokens", "--glitch", MODELS[name])
    assert glitch.code == 2, glitch.err


@pytest.mark.parametrize(
    "command",
    [
        ("report", BASELINE, "--html", "traffic.jsonl/page.html"),
        ("report", BASELINE, "--markdown", "traffic.jsonl/summary.md"),
        ("compare", BASELINE, "--roles", "dense,sparse", "--output", "traffic.jsonl/x"),
        ("generate", "smoke", "--limit", "1", "--out", "traffic.jsonl/x"),
        ("run", "smoke", *SIMULATED, "--out", "traffic.jsonl"),
    ],
    ids=lambda command: command[0],
)
def test_a_file_that_cannot_be_written_is_one_mistake(
    cli: Cli, work: Path, command: tuple[object, ...]
) -> None:
    left = cli(*command)
    assert left.code == 3, left.err
    assert "cannot" in left.err


def test_validate_dry_run_and_run_count_the_same(cli: Cli, work: Path) -> None:
    checked = cli("validate", "mine.yaml")
    found = re.search(r"valid; (\d+) requests for 1 model \(m\), and (\d+) more", checked.out)
    assert found, checked.out
    dry = cli("run", "mine.yaml", "--dry-run")
    assert found[0].partition("; ")[2] in dry.out
    done = cli("run", "mine.yaml", "--engine", "simulated", "--out", "out")
    assert done.code == 0, done.err
    (directory,) = (work / "out").iterdir()
    run = read_run(directory)
    assert run.end is not None
    assert run.end.planned == len(list(run.records())) == int(found[1])


@pytest.mark.parametrize(
    "command", [("validate",), ("run", "--dry-run"), ("run", *SIMULATED[:2]), ("generate",)]
)
def test_too_few_rows_are_found_by_every_command(
    cli: Cli, work: Path, command: tuple[str, ...]
) -> None:
    left = cli(command[0], "eight.yaml", *command[1:])
    assert left.code == 2
    assert "items is 8, but there are only 7 prompts" in left.err


def test_a_run_that_sent_nothing_says_why_once(cli: Cli, work: Path) -> None:
    left = cli("run", "smoke", "--base-url", "http://127.0.0.1:9/v1", "--limit", "1")
    assert left.code == 3
    said = left.out + left.err
    assert said.count("no server answers") == 1
    assert "dense and sparse: no server answers" in said
    assert "shuffled_order" not in left.out  # no table without a row
    assert "stressbench run --resume" in said


def test_a_reason_is_given_once_beside_a_table(cli: Cli, work: Path) -> None:
    die = ("--set", "models.sparse.args.die_after=3")
    left = cli("run", "smoke", *SIMULATED, *die)
    assert left.code == 3
    said = left.out + left.err
    assert said.count("as engine.args.die_after requests") == 1
    assert "sparse: the simulated engine died" in left.err
    assert "shuffled_order" in left.out


def test_show_lists_the_cases_of_a_run(cli: Cli) -> None:
    shown = cli("show", BASELINE)
    assert shown.code == 0
    assert len(shown.out.splitlines()) < 50
    assert "the first 40 of" in shown.out
    some = cli("show", BASELINE, "niah/oracle_context", "--role", "sparse")
    rows = [line for line in some.out.splitlines() if line.startswith("niah/")]
    assert rows
    assert all("/oracle_context/" in row and " sparse " in row for row in rows)
    assert f"{len(rows)} records" in some.out
    one = rows[0].split()[0]
    assert one in cli("show", BASELINE, one, "--role", "sparse").out


def test_show_names_the_nearest_case(cli: Cli) -> None:
    left = cli("show", BASELINE, "niah/stress/b384/d0.5/i0")
    assert left.code == 2
    assert "did you mean 'niah/stress/b" in left.err


def test_doctor_says_what_a_package_is_for(cli: Cli) -> None:
    shown = " ".join(cli("doctor").out.split())
    assert re.search(r"HTTP client aiohttp .* \(needed for run --base-url\)", shown)
