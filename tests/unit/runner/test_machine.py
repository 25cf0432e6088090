"""The machine under a run, on recorded roots of a file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressbench.runner.record.machine import read_machine

CPU = "processor\t: 0\nmodel name\t: A CPU\nflags\t\t: fpu fma avx2 avx512f avx512_bf16\n"
NODES = "sys/class/kfd/kfd/topology/nodes"
PROCESSOR = "cpu_cores_count 96\nsimd_count 0\ngfx_target_version 0\ndrm_render_minor 0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "proc/cpuinfo", CPU)
    return tmp_path


def write(root: Path, path: str, text: str) -> Path:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, "utf-8")
    return root / path


def mi300(minor: int, version: int = 90402) -> str:
    return (
        f"cpu_cores_count 0\nsimd_count 1216\ngfx_target_version {version}\nvendor_id 4098\n"
        f"device_id 29857\ndrm_render_minor {minor}\nunique_id 17112133741289654321\n"
    )


def amd(root: Path, *nodes: str) -> None:
    write(root, "dev/kfd", "")
    for number, properties in enumerate((PROCESSOR, *nodes)):
        write(root, f"{NODES}/{number}/properties", properties)


def product(root: Path, minor: int, name: str) -> None:
    write(root, f"sys/class/drm/renderD{minor}/device/product_name", f"{name}\n")


def test_without_a_gpu_the_cpu_is_the_device(root: Path) -> None:
    machine = read_machine(root)
    assert (machine.device, machine.device_name, machine.driver) == ("cpu", "A CPU", None)
    assert machine.isa == ["avx2", "fma", "avx512f", "avx512_bf16"]
    assert machine.cores >= 1


def test_nvidia_gpus_are_counted_by_name(root: Path) -> None:
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        write(root, f"proc/driver/nvidia/gpus/{bus}/information", "Model: \t\t NVIDIA H200\n")
    write(root, "proc/driver/nvidia/version", "NVRM version: 570.1\nGCC version: 13\n")
    machine = read_machine(root)
    assert (machine.device, machine.device_name) == ("cuda", "2 x NVIDIA H200")
    assert machine.driver == "NVRM version: 570.1"
    assert machine.isa


def test_amd_gpus_are_counted_by_their_product_name(root: Path) -> None:
    amd(root, mi300(128), mi300(136))
    write(root, "sys/module/amdgpu/version", "6.12.12\n")
    for minor in (128, 136):
        product(root, minor, "AMD Instinct MI300X OAM")
    machine = read_machine(root)
    assert (machine.device, machine.device_name) == ("rocm", "2 x AMD Instinct MI300X OAM")
    assert machine.driver == "amdgpu 6.12.12"


@pytest.mark.parametrize(
    ("version", "name"), [(90402, "gfx942"), (90010, "gfx90a"), (110000, "gfx1100"), (0, "GPU")]
)
def test_a_card_without_a_product_name_is_known_by_its_architecture(
    root: Path, version: int, name: str
) -> None:
    amd(root, mi300(128, version))
    product(root, 128, "")  # a board without the chip that would tell
    machine = read_machine(root)
    assert machine.device == "rocm"
    assert machine.device_name.startswith("1 x AMD ")
    assert machine.device_name.endswith(name)
    assert machine.driver is None


def test_gpus_that_a_container_must_not_read_are_not_its_own(root: Path) -> None:
    amd(root, mi300(128), mi300(136))
    unreadable = root / NODES / "1/properties"
    unreadable.unlink()
    unreadable.mkdir()  # reading it is an error whoever asks
    assert read_machine(root).device_name == "1 x AMD GPU gfx942"


@pytest.mark.parametrize("nodes", [(), (PROCESSOR,)])
def test_the_driver_alone_is_no_gpu(root: Path, nodes: tuple[str, ...]) -> None:
    amd(root, *nodes)
    assert read_machine(root).device == "cpu"


def test_without_the_compute_driver_an_amd_card_only_draws(root: Path) -> None:
    amd(root, mi300(128))
    (root / "dev/kfd").unlink()
    assert read_machine(root).device == "cpu"


def test_a_machine_that_shows_nothing_is_not_an_error(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    assert machine.device == "cpu"
    assert machine.device_name
    assert machine.isa == []
