"""The child process that measures files for ``stressbench tokens``.

This module imports nothing heavy, so the command can start the child before it imports the
rest of the survey.
"""

from __future__ import annotations

from stressbench.survey.isolation import SILENCE_S, Isolated


def measuring_process(silence_s: float = SILENCE_S) -> Isolated:
    """Return a child process that measures files, one request for each file."""
    return Isolated("stressbench.survey.measure_file:measure_file", silence_s=silence_s)
