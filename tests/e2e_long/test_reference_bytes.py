"""The reference pair comes out byte for byte the same when it is built a second time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stressbench.models.reference import pair as reference

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_rebuilding_gives_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "from stressbench.models.reference import pair as r;"
        "print(*(r.obtain(n, lambda p, f: None)[1].sha256 for n in r.NAMES))"
    )
    environment = os.environ | {
        "STRESSBENCH_CACHE": str(tmp_path),
        "PYTHONHASHSEED": "4711",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    again = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    built = [reference.obtain(name, lambda _phase, _fraction: None)[1] for name in reference.NAMES]
    assert again.stdout.split() == [record.sha256 for record in built]
