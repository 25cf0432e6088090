"""AMD GPUs, as Linux's compute driver (KFD) shows them; nothing of ROCm is needed to look."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_NODES: Final = "sys/class/kfd/kfd/topology/nodes"


def amd_gpus(root: Path) -> list[str]:
    """The names of the GPUs of the machine whose file system begins at ``root``.

    A name is the board's product name, else the architecture: ``AMD GPU gfx942``. None are
    found without ``/dev/kfd``, through which work is sent to them. A processor is a node of
    the topology too, without SIMD units. A container may be shown nodes that it must not
    read: these GPUs are not its own. A GPU that is partitioned counts as often as it has
    partitions, as it does for vLLM.
    """
    if not (root / "dev/kfd").exists():
        return []
    nodes = sorted((root / _NODES).glob("[0-9]*"), key=lambda node: (len(node.name), node.name))
    found = (_properties(node / "properties") for node in nodes)
    return [_name(root, each) for each in found if each.get("simd_count", 0) > 0]


def amd_driver(root: Path) -> str | None:
    """The driver's version; None where it is the kernel's own, which has none."""
    version = _line(root / "sys/module/amdgpu/version")
    return f"amdgpu {version}" if version else None


def _name(root: Path, properties: dict[str, int]) -> str:
    minor = properties.get("drm_render_minor", 0)
    product = _line(root / f"sys/class/drm/renderD{minor}/device/product_name") if minor else None
    return product or _architecture(properties)


def _architecture(properties: dict[str, int]) -> str:
    """``gfx942`` is 90402 in the topology, ``gfx90a`` 90010: stepping and minor are hexadecimal."""
    version = properties.get("gfx_target_version", 0)
    if not version:
        return "AMD GPU"
    return f"AMD GPU gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def _properties(file: Path) -> dict[str, int]:
    """Names and numbers, one pair a line; empty where the file may not be read."""
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
