"""The dtype that a model is served in: the one requested, and how vLLM resolves ``auto``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stressbench.engines.cpu import cpu_dtype
from stressbench.schema.suite.suite import EngineSpec

_SAME: Final = {"half": "float16", "float": "float32"}
"""vLLM's other names for two dtypes."""
_DOWNCAST: Final = "bfloat16"
"""The dtype that vLLM serves a float32 checkpoint in under ``auto``, even on a CPU without
AVX-512. (A GPU before Ampere gets float16, which has the same size.)"""


def requested_dtype(spec: EngineSpec, *args: Mapping[str, object], flags: str | None) -> str:
    """The dtype to request from vLLM: the last of ``args`` that names one, else ``spec.dtype``.

    ``flags`` are the CPU's flags if a CPU serves the model, None on a GPU. ``auto`` leaves
    the choice to vLLM.
    """
    named = [str(each["dtype"]) for each in args if each.get("dtype") is not None]
    requested = (named or [spec.dtype])[-1].removeprefix("torch.").lower()
    requested = _SAME.get(requested, requested)
    return cpu_dtype(flags) if requested == "auto" and flags is not None else requested


def expected_dtype(
    spec: EngineSpec,
    *args: Mapping[str, object],
    config: Mapping[str, object],
    flags: str | None,
) -> str | None:
    """The dtype that vLLM will serve a model in; None if ``config`` does not name one.

    ``config`` is the model's ``config.json``; for the other arguments see ``requested_dtype``.
    """
    requested = requested_dtype(spec, *args, flags=flags)
    if requested != "auto":
        return requested
    given = config.get("dtype") or config.get("torch_dtype")
    if given is None:
        return None
    named = str(given).removeprefix("torch.")
    return _DOWNCAST if named == "float32" else named
