"""Attack the files of runs: ``python -m tests.campaign cut --minutes 30`` or ``kill --kills 100``.

``cut`` cuts files of small runs at any byte, up to three times in a row, goes on with them
and holds them against the uncut run. ``kill`` starts runs as processes, kills them with
SIGKILL at random moments, goes on with them, and lets ``compare`` judge too. Both print what
they did, and end with exit code 1 where anything was lost, double or unlike.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from stressbench.errors import ResultsError
from stressbench.store import RECORDS, Run, read_run
from tests.campaign.runs import (
    COMMAND,
    KINDS,
    check,
    complete,
    copied,
    cut,
    environment,
    gone_on,
    plugins,
    shuffled,
    sizes,
    suite,
)

_NOTHING_LEFT = ("empty", "a crash cut", "nothing to resume")


def main() -> int:
    """Parse the command line and attack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    commands = parser.add_subparsers(dest="attack", required=True)
    commands.add_parser("cut").add_argument("--minutes", type=float, default=30)
    commands.add_parser("kill").add_argument("--kills", type=int, default=100)
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, plugins():
        if given.attack == "cut":
            return cuts(Path(folder), given.seed, given.minutes * 60)
        return kills(Path(folder), given.seed, given.kills)


def cuts(folder: Path, seed: int, seconds: float) -> int:
    """Cut and go on until the time is over."""
    chance, done, faults = shuffled(seed), Counter[str](), 0
    wholes = {kind: complete(suite(kind, folder), folder / kind) for kind in KINDS}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        kind = chance.choice(KINDS)
        directory, history = copied(wholes[kind], folder / "cut"), list[dict[str, int]]()
        for _ in range(chance.randint(1, 3)):
            places = {
                name: chance.randint(0, size)
                for name, size in sizes(directory).items()
                if name == RECORDS or chance.random() < 0.5
            }
            history.append(places)
            cut(directory, places)
            try:
                again = gone_on(directory)
                if isinstance(again, str):
                    assert any(reason in again for reason in _NOTHING_LEFT), again
                    assert sizes(directory)[RECORDS] == places[RECORDS]
                    done["refused, nothing taken away"] += 1
                    break
                check(wholes[kind], again)
                done[f"{kind}: gone on with and equal"] += 1
            except Exception:  # noqa: BLE001 - whatever it is, it is the finding
                faults += 1
                print(f"FAULT {kind} {history}", traceback.format_exc(), sep="\n", flush=True)
                break
    for what, number in sorted(done.items()):
        print(f"{number:6}  {what}")
    print(f"{faults:6}  faults")
    return min(faults, 1)


def kills(folder: Path, seed: int, wanted: int) -> int:
    """Kill and go on until so many kills are made."""
    chance, done, faults = shuffled(seed), Counter[str](), 0
    env = environment(folder / "site")
    wholes = {kind: _timed(suite(kind, folder, items=24), folder / kind, env) for kind in KINDS}
    trial = 0
    while done["kills"] < wanted:
        kind = KINDS[trial % len(KINDS)]
        trial += 1
        try:
            whole, took_s = wholes[kind]
            _kill(whole, folder / "killed", env, chance.uniform(0, took_s), done)
        except Exception:  # noqa: BLE001 - whatever it is, it is the finding
            faults += 1
            print(f"FAULT {kind}", traceback.format_exc(), sep="\n", flush=True)
    for what, number in sorted(done.items()):
        print(f"{number:6}  {what}")
    print(f"{faults:6}  faults: lost, double, or unlike")
    return min(faults, 1)


def _timed(text: bytes, out: Path, env: dict[str, str]) -> tuple[Run, float]:
    """An uncut run, made as a process, and the seconds that it wrote for."""
    begun = time.monotonic()
    process, directory = _started(text, out, env)
    first = time.monotonic()
    process.communicate()
    took_s = time.monotonic() - first
    assert process.returncode == 0, process.args
    print(f"{out.name}: began after {first - begun:.1f} s, wrote for {took_s:.1f} s", flush=True)
    return read_run(directory), took_s


def _started(text: bytes, out: Path, env: dict[str, str]) -> tuple[subprocess.Popen[str], Path]:
    """A run of the same suite as a process, once it has written its first line."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    file = out / "suite.yaml"
    file.write_bytes(text)
    line = [*COMMAND, str(file), "--engine", "planted", "--no-progress", "--out", str(out)]
    process = subprocess.Popen(
        line, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while not (found := list(out.glob(f"*/{RECORDS}"))) or not found[0].stat().st_size:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    return process, found[0].parent


def _kill(whole: Run, out: Path, env: dict[str, str], after_s: float, done: Counter[str]) -> None:
    """One run, killed, gone on with (killed again once in a while), and judged."""
    process, directory = _started((whole.directory.parent / "suite.yaml").read_bytes(), out, env)
    time.sleep(after_s)
    process.kill()
    process.communicate()
    if process.returncode == 0:
        done["complete before it was killed"] += 1
        return
    done["kills"] += 1
    while True:
        written = (directory / RECORDS).read_bytes()
        line = [*COMMAND, "--resume", str(directory), "--no-progress"]
        process = subprocess.Popen(
            line, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        again_s = after_s * 0.7 + 1.0
        try:
            process.communicate(timeout=again_s if done["kills"] % 3 == 0 else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        if process.returncode >= 0:
            break
        done["kills"] += 1
        done["of them while going on"] += 1
    kept = (directory / RECORDS).read_bytes()
    whole_lines = written[: written.rfind(b"\n") + 1]
    assert kept.startswith(whole_lines), "what was written before has changed"
    _judge(whole, directory, env, done)


def _judge(whole: Run, directory: Path, env: dict[str, str], done: Counter[str]) -> None:
    try:
        again = read_run(directory)
    except ResultsError:
        done["killed in the first line"] += 1
        return
    check(_renamed(whole, again), again)
    judged = subprocess.run(
        [
            *(sys.executable, "-m", "stressbench", "compare", str(whole.path), str(again.path)),
            *("--gate", "quality.score drop < 90pt", "--gate", "failures.rate rise < 90pt"),
        ],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode in {0, 5}, judged.stderr
    done["equal by check and by compare"] += 1


def _renamed(whole: Run, again: Run) -> Run:
    """The uncut run under the names and times of the other, to be held against it."""
    copy = again.directory.parent / "uncut" / RECORDS
    copy.parent.mkdir(exist_ok=True)
    text = whole.path.read_bytes().replace(
        whole.header.run_id.encode(), again.header.run_id.encode()
    )
    copy.write_bytes(
        text.replace(whole.header.started_at.encode(), again.header.started_at.encode(), 1)
    )
    return read_run(copy)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    sys.exit(main())
