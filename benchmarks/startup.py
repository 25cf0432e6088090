"""How fast the command line is there: `stressbench --help` against a bare typer program."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks._spread import spread, verdict

TARGET = 2.0
ROUNDS = 15
_BARE = """
import typer

app = typer.Typer()


@app.command()
def one(name: str) -> None:
    '''Do one thing.'''


@app.command()
def other(name: str) -> None:
    '''Do another.'''


app()
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(_BARE, "utf-8")
        ours = [sys.executable, "-m", "stressbench", "--help"]
        rival = [sys.executable, str(bare), "--help"]
        for command in (ours, rival):
            _seconds(command)  # the first start fills the page cache
        pairs = [(_seconds(ours), _seconds(rival)) for _ in range(ROUNDS)]
    ratios = [one / other for one, other in pairs]
    print(f"stressbench --help  {spread([one for one, _ in pairs])} s")
    print(f"bare typer --help   {spread([other for _, other in pairs])} s")
    print(f"ratio               {spread(ratios)}  {verdict(median(ratios), TARGET, least=False)}")
    return int(median(ratios) > TARGET)


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
