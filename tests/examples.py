"""Command lines that help texts and pages show, run as a reader would type them.

A test has neither the time for an engine nor a network, so some things are changed: a run uses
the simulated engine and one item, ``--base-url`` is a server of the test, a Hugging Face id is a
local model, and ``tokens --verify``, which asks vLLM, is left out.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stressbench.models.reference import pair
from tests.conftest import ROOT, Cli, Outcome

_SHELL = ("|", ">", "$", "&&")
_NAMES = ("baseline", "tonight", "attention-run", "routing-run", "thrash-monday", "thrash-tuesday")
"""Runs that examples name."""
_VERIFY = re.compile(r" --verify \d+")
_HUB_ID = re.compile(r"=[A-Za-z][\w-]*/[\w.-]+$")
_SUITE = """\
schema: 1
name: mine
models: {dense: {model: reference-dense}}
engine: {max_model_len: 512}
prompts: [{use: niah, items: 2, budgets: [256]}]
"""
_TURNS = _SUITE.replace("items: 2", "items: 24")
"""A suite that can be cut into blocks."""


@dataclass(frozen=True)
class Site:
    """A working directory that has what the examples name."""

    work: Path
    server: str | None = None
    """Base URL of a server that answers."""

    @classmethod
    def at(cls, work: Path, server: str | None = None) -> Site:
        """Make the directory: runs, suites, a model, and some texts."""
        site = cls(work, server)
        results = work / "results"
        results.mkdir(parents=True)
        for name in ("smoke", "core", "tokenization"):
            (results / f"{name}-baseline").symlink_to(ROOT / "results" / f"{name}-baseline")
        for name in _NAMES:
            (results / name).symlink_to(ROOT / "results" / "smoke-baseline")
        for name in ("suites", "docs", "README.md"):
            (work / name).symlink_to(ROOT / name)
        (work / "my-model").symlink_to(pair.obtain_small_files("reference-dense", lambda *_: None))
        (work / "my-suite.yaml").write_text(_SUITE, "utf-8")
        for name in ("old", "new"):
            (work / f"{name}.yaml").write_text(_TURNS.replace("mine", name), "utf-8")
        (work / "prompt.txt").write_text("The code is 4182.\n", "utf-8")
        (work / "benign.txt").write_text("The code is 4182.\n", "utf-8")
        (work / "attacked.txt").write_text("The c\u200bode i\u200bs 4182.\n", "utf-8")
        (work / "dump.json").write_text(json.dumps({"code": 4182}, indent=8), "utf-8")
        return site

    def run(self, line: str, cli: Cli) -> Outcome:
        """Run one line; a line with a pipe or a redirection goes to a shell."""
        line = _VERIFY.sub("", line)
        if any(sign in line for sign in _SHELL):
            command = f'stressbench() {{ "{sys.executable}" -m stressbench "$@"; }}\n{line}'
            done = subprocess.run(
                ["bash", "-ec", command],
                cwd=self.work,
                env=self._environment,
                capture_output=True,
                text=True,
                check=False,
            )
            return Outcome(done.returncode, done.stdout, done.stderr)
        return cli(*self._adapted(shlex.split(line, comments=True)[1:]))

    @property
    def _environment(self) -> dict[str, str]:
        added = {"PYTHONPATH": str(ROOT), "GITHUB_STEP_SUMMARY": "summary.md", "NO_COLOR": "1"}
        return {**os.environ, **added}

    def _adapted(self, words: list[str]) -> list[str]:
        if words[0] != "run":
            return words
        words = [_HUB_ID.sub("=./my-model", word) for word in words]
        if "--base-url" in words:
            assert self.server is not None
            words[words.index("--base-url") + 1] = self.server
            words += ["--role", "dense"]  # the server has one model
        elif not {"--engine", "--resume", "--dry-run"} & {*words}:
            words += ["--engine", "simulated"]
        if not {"--limit", "--resume", "--interleave"} & {*words}:
            words += ["--limit", "1"]
        return words
