"""The engine's output and its last words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stressbench.engines.vllm.process import EngineGuard, engine_process


def test_what_a_child_prints_goes_to_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "run" / "engine.log"
    with engine_process(log):
        subprocess.run([sys.executable, "-c", "print('from the engine')"], check=True)
    os.write(1, b"from us\n")
    assert capfd.readouterr().out == "from us\n"
    assert "from the engine" in log.read_text("utf-8")


def test_children_do_not_feel_ctrl_c(tmp_path: Path) -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('alive')"
    with engine_process(tmp_path / "engine.log"):
        subprocess.run([sys.executable, "-c", program], check=True)
    assert "alive" in (tmp_path / "engine.log").read_text("utf-8")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


_RUN = """
import os, subprocess, sys, time
from stressbench.engines.vllm.process import EngineGuard

guard = EngineGuard()
held = int(sys.argv[1])
sleep = f"run([sys.executable, '-c', 'import time; time.sleep(600)'], pass_fds=({held},))"
child = f"import sys; from subprocess import run; {sleep}"
subprocess.Popen([sys.executable, "-c", child], pass_fds=(held,))
print("started", flush=True)
input()
"""


def family() -> tuple[subprocess.Popen[str], int]:
    """A process with a guard, a child and a grandchild, which hold the pipe that is returned."""
    read, write = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(write)],
        pass_fds=(write,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    time.sleep(2.5)  # the guard looks once a second, and cannot be asked whether it has
    return parent, read


def test_the_engine_ends_when_the_run_is_killed() -> None:
    parent, pipe = family()
    parent.kill()
    parent.communicate()
    # The pipe reads as ended once no process of the family is left to hold it.
    assert os.read(pipe, 1) == b""
    os.close(pipe)


def test_a_guard_that_was_closed_kills_nobody() -> None:
    guard = EngineGuard()
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    guard.close()
    guard.close()
    assert bystander.poll() is None
    bystander.communicate(b"\n")
