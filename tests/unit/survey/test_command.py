"""``stressbench tokens`` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from stressbench.cli import _tokens_view, tokens
from stressbench.errors import UsageError
from stressbench.safe_text import exposed_text
from stressbench.survey.inflation import HotSpot
from tests.unit.tokens.vocabularies import opened

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(tokens.tokens)


def run(*arguments, stdin=None):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def files(*arguments, stdin=None):
    return json.loads(run(*arguments, "--format", "json", stdin=stdin))["files"]


def test_json_has_the_promised_shape(tmp_path):
    (tmp_path / "a.txt").write_text("two words")
    [found] = files(tmp_path / "a.txt", "-t", "bytes", "-t", "mistral:v3", "--window", "100")
    assert found["path"].endswith("a.txt")
    assert (found["bytes"], found["words"], found["lines"]) == (9, 2, 1)
    by_name = {row["tokenizer"]: row for row in found["tokenizers"]}
    assert by_name["bytes"]["tokens"] == 9
    assert by_name["mistral:v3"]["tokens"] == 2
    assert by_name["mistral:v3"]["window_share"] == 0.02
    assert by_name["mistral:v3"]["sha256"] == opened("mistral:v3").sha256
    assert by_name["mistral:v3"]["inflation"] is None
    assert by_name["mistral:v3"]["why_null"]["inflation"]


def test_twin_and_standard_input(tmp_path):
    (tmp_path / "twin").write_text("abcd")
    [found] = files("-", "-t", "bytes", "--against", tmp_path / "twin", stdin="\uff41\uff42")
    assert found["tokenizers"][0]["inflation"] == 1.5
    [found] = files("-", "-t", "bytes", "--against", "lever:nfkc", stdin="\uff41\uff42")
    assert found["tokenizers"][0]["inflation"] == 3.0


def test_folders_leave_out_binary_and_hidden_files(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").write_text("hidden")
    (tmp_path / "b.bin").write_bytes(b"\0\1")
    (tmp_path / "a.txt").write_text("text")
    assert [item["path"] for item in files(tmp_path, "-t", "bytes")] == [str(tmp_path / "a.txt")]
    [binary] = files(tmp_path / "b.bin", "-t", "bytes")
    assert binary["tokenizers"][0]["tokens"] == 2


def test_suggestions_rank_and_say_what_is_lost(tmp_path):
    text = json.dumps([{"id": n} for n in range(9)], indent=2) + "\nh\u200bi\u200bd x\u00b2\n"
    [found] = files("-", "-t", "mistral:v3", "--suggest", stdin=text)
    suggested = found["tokenizers"][0]["suggestions"]
    by_lever = {item["lever"]: item for item in suggested["advice"]}
    saved = [item["saved_tokens"] for item in suggested["advice"]]
    assert saved == sorted(saved, reverse=True)
    assert by_lever["minify_json"]["lossy"] is False
    assert by_lever["strip_hidden"]["lossy"] is True
    assert by_lever["strip_hidden"]["first_difference"]["line"] == text.count("\n")
    assert suggested["chain_tokens"] <= suggested["tokens"] - max(saved)


@pytest.mark.parametrize("view", [[], ["--heat"], ["--suggest"]])
def test_documents_cannot_drive_the_terminal(view):
    hostile = (
        "plain words here\n" * 9 + "\x1b]0;owned\x07\x1b[2J\u202e\u2066evil\u200b\x9b31m\u0085\n"
    )
    shown = run("-", "-t", "bytes", *view, stdin=hostile)
    assert not set(shown) & set("\x1b\x07\x9b\x85\u202e\u2066\u200b\u2028")


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x7f", "\x9b", "\u202e", "\U000e0041", "\u0301"])
def test_every_unseen_character_is_spelled_out(char):
    assert exposed_text(char).isprintable()
    assert exposed_text(char) != char


def test_heat_shows_token_boundaries_without_colour():
    spot = HotSpot(
        line=1, column=1, kind="text", characters=5, tokens=3,
        excess_tokens=1.0, text="ab\x1bcd", token_starts=[0, 2, 2],
    )  # fmt: skip
    line = _tokens_view._heat(spot, colours=False)
    assert line.plain == "    ab\u00b7<U+001B>cd\u00b7\u00b7"
    assert not line.spans


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.txt"], "no such file"),
        (["-", "--against", "nowhere.txt"], "no such file"),
        (["-", "--against", "lever:nfk"], "no lever named"),
    ],
)
def test_what_is_not_there_is_a_usage_error(arguments, said):
    with pytest.raises(UsageError, match=said):
        run(*arguments, stdin="x")


def test_help_and_the_module_load_no_tokenizer():
    probe = (
        "import sys, stressbench.cli.tokens; "
        "print(sorted({'tokenizers','tiktoken','numpy','rich.table'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    shown = run("--help")
    assert "stressbench tokens prompt.txt" in " ".join(shown.split())
