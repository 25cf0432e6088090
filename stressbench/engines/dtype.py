"""The dtype that a model is served in: what is asked for, and what vLLM makes of ``auto``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stressbench.engines.cpu import cpu_dtype
from stressbench.schema.suite.suite import EngineSpec

_SAME: Final = {"half": "float16", "float": "float32"}
"""What vLLM also calls two of them."""
_DOWNCAST: Final = "bfloat16"
"""What vLLM makes of a float32 checkpoint on any device that has it, a CPU without AVX-512 and a
GPU before Ampere (float16 there, of the same size) included."""


def told_dtype(spec: EngineSpec, *args: Mapping[str, object], flags: str | None) -> str:
    """The dtype that vLLM is told: the last of ``args`` that names one, else ``spec.dtype``.

    ``flags`` are the CPU's where it serves the model, None on a GPU. ``auto``, where the
    choice is left to vLLM.
    """
    named = [str(each["dtype"]) for each in args if each.get("dtype") is not None]
    told = (named or [spec.dtype])[-1].removeprefix("torch.").lower()
    told = _SAME.get(told, told)
    return cpu_dtype(flags) if told == "auto" and flags is not None else told


def expected_dtype(
    spec: EngineSpec,
    *args: Mapping[str, object],
    config: Mapping[str, object],
    flags: str | None,
) -> str | None:
    """The dtype that vLLM is going to serve a model in; None where ``config`` does not tell.

    ``config`` is the model's ``config.json``; the others are those of ``told_dtype``.
    """
    told = told_dtype(spec, *args, flags=flags)
    if told != "auto":
        return told
    given = config.get("dtype") or config.get("torch_dtype")
    if given is None:
        return None
    named = str(given).removeprefix("torch.")
    return _DOWNCAST if named == "float32" else named
