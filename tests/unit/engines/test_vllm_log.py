"""The cause of an engine's failure is what went wrong first, not what followed from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.engines.vllm.log import root_cause

CORE = "(EngineCore pid=1) ERROR 11-22 07:37:09 [core.py:9] "
WORKER = "(Worker_PP1 pid=2) ERROR 11-22 07:37:08 [multiproc_executor.py:822] "
START = "INFO 11-22 07:37:06 [core.py:402] loading\n"
PARENT = (
    "Traceback (most recent call last):\n"
    '  File "x.py", line 1, in f\n'
    "RuntimeError: Engine core initialization failed. See root cause above. Failed: {}\n"
)


def said(prefix: str, *lines: str) -> str:
    return "".join(f"{prefix}{line}\n" for line in lines)


def traceback(prefix: str, error: str, code: str = "self.run()") -> str:
    place = '  File "/site-packages/vllm/v1/worker.py", line 100, in step'
    return said(prefix, "Traceback (most recent call last):", place, f"    {code}", error)


NO_START = (
    START
    + said(CORE, "EngineCore failed to start.")
    + traceback(CORE, "ValueError: Available memory is less than requested.")
    + PARENT
)
PIPELINE = (
    START
    + said(WORKER, "WorkerProc hit an exception.")
    + traceback(WORKER, "AssertionError", "assert self.intermediate_tensors is not None")
    + said(CORE, "EngineCore encountered a fatal error.")
    + traceback(CORE, "RuntimeError: Worker failed, please check the stack trace above")
    + traceback("", "KeyError: 'warm-up-864991ad'")
)
DEATH = (
    START
    + said(CORE, "Worker proc VllmWorker-1 died unexpectedly, shutting down executor.")
    + said(CORE, "EngineCore encountered a fatal error.")
    + traceback(CORE, "RuntimeError: cancelled")
    + traceback("", "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.")
)
LAST_WORDS = (
    START
    + said(WORKER, "WorkerProc hit an exception.")
    + traceback(WORKER, "ValueError: Available memory on node 0 is less than requested.")
    + said(CORE, "EngineCore failed to start.")
    + traceback(CORE, "RuntimeError: Worker failed, please check the stack trace above")
    + said(CORE, "Worker proc VllmWorker-0 died unexpectedly, shutting down executor.")
    + PARENT
)
"""The worker prints nothing after its traceback."""
CHAIN = (
    START
    + said(CORE, "EngineCore failed to start.")
    + traceback(CORE, "KeyError: 'QwenForNothing'")
    + said(CORE, "", "The above exception was the direct cause of the following exception:", "")
    + traceback(CORE, "ValueError: the architecture QwenForNothing is not supported")
    + PARENT
)
HANDLED = said("", "ERROR 11-22 07:37:01 [plugins.py:3] ImportError: no module named x") + NO_START


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (NO_START, "ValueError: Available memory is less than requested."),
        (PIPELINE, "AssertionError: assert self.intermediate_tensors is not None"),
        (DEATH, "Worker proc VllmWorker-1 died unexpectedly, shutting down executor."),
        (LAST_WORDS, "ValueError: Available memory on node 0 is less than requested."),
        (CHAIN, "ValueError: the architecture QwenForNothing is not supported"),
        (HANDLED, "ValueError: Available memory is less than requested."),
    ],
    ids=["start", "pipeline", "death", "last words", "chain", "handled"],
)
def test_the_cause_is_what_went_wrong_first(tmp_path: Path, log: str, cause: str) -> None:
    file = tmp_path / "engine.log"
    file.write_text(log, "utf-8")
    assert root_cause(file) == cause


def test_what_an_earlier_engine_wrote_is_not_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    file.write_text(PIPELINE + NO_START, "utf-8")
    found = root_cause(file, since=len(PIPELINE.encode()))
    assert found == "ValueError: Available memory is less than requested."


@pytest.mark.parametrize("content", [b"", b"all is well\n", b"\xff\xfe\x00"])
def test_a_log_without_an_error_has_no_cause(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "engine.log"
    log.write_bytes(content)
    assert root_cause(log) is None
    assert root_cause(tmp_path / "absent.log") is None


@settings(deadline=None)
@given(st.lists(st.sampled_from((PIPELINE + DEATH + CHAIN).splitlines()) | st.text(), max_size=20))
def test_no_log_is_too_strange(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    file = tmp_path_factory.getbasetemp() / "strange.log"
    file.write_text("\n".join(lines), "utf-8", "surrogatepass")
    found = root_cause(file)
    assert found is None or (found and "\n" not in found)
