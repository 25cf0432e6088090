"""On a machine that ``make`` cannot set up, it says why in one sentence and leaves nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT

TOOLS = ("make", "sh", "sed", "uname", "g++")
OLD = f"""\
#!/bin/sh
exec {sys.executable} -c "import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])" "$2"
"""
WITHOUT_VENV = f"""\
#!/bin/sh
exec {sys.executable} -c "import sys; sys.modules['ensurepip'] = None; exec(sys.argv[1])" "$2"
"""


@dataclass
class Machine:
    """A checkout that was never set up, and a PATH with nothing but what a test puts there."""

    checkout: Path
    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def has(self, name: str, script: str) -> None:
        (self.path / name).unlink(missing_ok=True)
        (self.path / name).write_text(script, "utf-8")
        (self.path / name).chmod(0o755)

    def has_not(self, name: str) -> None:
        (self.path / name).unlink()

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.path / "make"), *arguments],
            cwd=self.checkout,
            env={"PATH": str(self.path), **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def complaint(self, *arguments: str) -> str:
        """The one sentence that ``make`` ends with."""
        done = self.make(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert not (self.checkout / ".venv").exists()
        sentence = re.fullmatch(r"Makefile:\d+: \*\*\* (.*)\.  Stop\.", line)
        assert sentence, line
        return sentence[1]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """It has all that is needed: Python is ``python3``, and there is no GPU."""
    made = Machine(tmp_path / "checkout", tmp_path / "bin")
    made.checkout.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, made.checkout)
    shutil.copytree(ROOT / "requirements", made.checkout / "requirements")
    made.path.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"needs {name}")
        (made.path / name).symlink_to(found)
    made.has("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    return made


@pytest.mark.parametrize("target", ["setup", "demo", "check", "test"])
def test_where_nothing_is_missing_it_begins(machine: Machine, target: str) -> None:
    done = machine.make("--dry-run", target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("python3 -m venv .venv\n")


@pytest.mark.parametrize("target", ["setup", "demo", "check", "test"])
def test_an_old_python_is_named_with_what_to_type(machine: Machine, target: str) -> None:
    machine.has("python3", OLD)
    assert machine.complaint(target) == (
        "stressbench needs Python 3.11 or newer, and 'python3' is Python 3.9.2: install it"
        " (Debian, Ubuntu: apt install python3.11 python3.11-venv),"
        f" then type: make {target} PYTHON=python3.11"
    )


def test_a_newer_python_that_is_there_is_named(machine: Machine) -> None:
    machine.has("python3.9", OLD)
    machine.has("python3.11", (machine.path / "python3").read_text("utf-8"))
    assert machine.complaint("demo", "PYTHON=python3.9") == (
        "stressbench needs Python 3.11 or newer, and 'python3.9' is Python 3.9.2:"
        " type: make demo PYTHON=python3.11"
    )


def test_a_python_that_is_not_there_or_does_not_run_is_named(machine: Machine) -> None:
    said = machine.complaint("check", "PYTHON=python3.13")
    assert "there is no 'python3.13' here: type: make check PYTHON=python3" in said
    machine.has("python3.13", "#!/bin/sh\nexit 127\n")
    said = machine.complaint("check", "PYTHON=python3.13")
    assert "'python3.13' does not run: type: make check PYTHON=python3" in said


def test_a_missing_venv_module_is_named_with_its_package(machine: Machine) -> None:
    machine.has("python3", WITHOUT_VENV)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert machine.complaint("check") == (
        "'python3' cannot make a virtual environment, because its venv module is missing:"
        f" install it (Debian, Ubuntu: apt install python{version}-venv), then type: make check"
    )


def test_a_missing_compiler_is_named(machine: Machine) -> None:
    machine.has_not("g++")
    assert machine.complaint("demo") == (
        "vLLM needs a C++ compiler on a CPU, and there is no 'g++' here:"
        " install it (Debian, Ubuntu: apt install g++), then type: make demo"
    )


def test_the_compiler_is_the_one_that_torch_would_use(machine: Machine) -> None:
    machine.environment["CXX"] = "clang++ -O1"
    assert "there is no 'clang++' here" in machine.complaint("demo")
    machine.has("clang++", "#!/bin/sh\n")
    machine.has_not("g++")
    assert machine.make("--dry-run", "demo").returncode == 0


def test_on_a_gpu_no_compiler_is_asked_for(machine: Machine) -> None:
    machine.has_not("g++")
    machine.has("nvidia-smi", "#!/bin/sh\n")
    done = machine.make("--dry-run", "setup")
    assert done.returncode == 0, done.stderr
    assert "'.[gpu,tokenizers,datasets,dev]'" in done.stdout


def test_another_system_is_named(machine: Machine) -> None:
    machine.has("uname", "#!/bin/sh\necho Darwin\n")
    assert machine.complaint("demo") == (
        "stressbench runs on Linux, and this is Darwin: use a Linux machine or container"
    )


def test_an_old_make_is_named(machine: Machine) -> None:
    said = machine.complaint("check", "MAKE_VERSION=3.81", ".FEATURES=target-specific")
    assert said == (
        "this is make 3.81, and stressbench needs GNU make 4.0 or newer:"
        " install it (Debian, Ubuntu: apt install make)"
    )


def test_help_names_what_there_is_and_how_long_it_takes(machine: Machine) -> None:
    text = machine.make().stdout
    assert text == machine.make("help").stdout
    named = re.findall(r"^  make ([a-z2-]+) .* (?:\d+ (?:s|min)|hours)$", text, re.MULTILINE)
    assert {"check", "test", "demo", "unit", "integration", "e2e", "e2e-long", "bench"} <= {*named}
    for target in re.findall(r"^  make ([a-z2-]+)", text, re.MULTILINE):
        done = machine.make("--dry-run", target)
        assert done.returncode == 0, (target, done.stderr)
