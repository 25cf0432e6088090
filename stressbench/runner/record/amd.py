"""AMD GPUs, as Linux's compute driver (KFD) lists them. This needs no ROCm library."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_NODES: Final = "sys/class/kfd/kfd/topology/nodes"


def amd_gpus(root: Path) -> list[str]:
    """The names of the GPUs of the machine whose file system begins at ``root``.

    A name is the board's product name, or else the architecture: ``AMD GPU gfx942``. Without
    ``/dev/kfd``, through which programs use a GPU, the list is empty. Processors are nodes of
    the topology too, but have no SIMD units. A container may see nodes that it cannot read;
    those GPUs belong to others. A partitioned GPU counts once per partition, as in vLLM.
    """
    if not (root / "dev/kfd").exists():
        return []
    nodes = sorted((root / _NODES).glob("[0-9]*"), key=lambda node: (len(node.name), node.name))
    found = (_properties(node / "properties") for node in nodes)
    return [_name(root, each) for each in found if each.get("simd_count", 0) > 0]


def amd_driver(root: Path) -> str | None:
    """The driver's version; None for the kernel's own driver, which has none."""
    version = _line(root / "sys/module/amdgpu/version")
    return f"amdgpu {version}" if version else None


def _name(root: Path, properties: dict[str, int]) -> str:
    minor = properties.get("drm_render_minor", 0)
    product = _line(root / f"sys/class/drm/renderD{minor}/device/product_name") if minor else None
    return product or _architecture(properties)


def _architecture(properties: dict[str, int]) -> str:
    """The name of a version: 90402 is ``gfx942``, 90010 is ``gfx90a`` (hexadecimal digits)."""
    version = properties.get("gfx_target_version", 0)
    if not version:
        return "AMD GPU"
    return f"AMD GPU gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def _properties(file: Path) -> dict[str, int]:
    """Names and numbers, one pair per line; empty if the file cannot be read."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}  # noqa: PLR2004


def _line(file: Path) -> str | None:
    try:
        return file.read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
