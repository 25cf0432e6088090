"""The engine's output and its last words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stressbench.engines._vllm_process import EngineGuard, engine_process, last_error

LOG = """\
INFO 11-22 07:37:06 [core.py:402] loading
(EngineCore pid=1) ERROR 11-22 [core.py:9] EngineCore failed to start.
(EngineCore pid=1) ERROR 11-22 [core.py:9] Traceback (most recent call last):
(EngineCore pid=1) ERROR 11-22 [core.py:9] ValueError: Available memory is less than requested.
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


def test_the_cause_is_the_engines_own_error(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text(LOG, "utf-8")
    assert last_error(log) == "ValueError: Available memory is less than requested."


@pytest.mark.parametrize("content", [b"", b"all is well\n", b"\xff\xfe\x00"])
def test_a_log_without_an_error_has_no_cause(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "engine.log"
    log.write_bytes(content)
    assert last_error(log) is None
    assert last_error(tmp_path / "absent.log") is None


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


def test_an_engines_processes_end_with_their_guard(tmp_path: Path) -> None:
    guard = EngineGuard()
    with engine_process(tmp_path / "engine.log", guard):
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    outsider = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    guard.close()
    assert sleeper.wait() == -signal.SIGKILL
    assert outsider.poll() is None
    outsider.kill()
    outsider.wait()


def test_an_engines_processes_end_when_the_run_is_killed(tmp_path: Path) -> None:
    program = f"""
import os, signal, subprocess, sys
from pathlib import Path
from stressbench.engines._vllm_process import EngineGuard, engine_process

guard = EngineGuard()
with engine_process(Path({str(tmp_path)!r}) / "engine.log", guard):
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], stderr=sys.__stderr__
    )
os.kill(os.getpid(), signal.SIGKILL)
"""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    killed = subprocess.run(
        [sys.executable, "-c", program.replace("stderr=sys.__stderr__", f"pass_fds=({write},)")],
        pass_fds=(write,),
        check=False,
    )
    os.close(write)
    assert killed.returncode == -signal.SIGKILL
    # The sleeper holds the pipe's other end: it reads as ended once the sleeper is gone.
    assert os.read(read, 1) == b""
    os.close(read)
