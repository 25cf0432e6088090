"""Run every benchmark, or those named on the command line: python -m benchmarks engine pipeline."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    found = {m.name for m in pkgutil.iter_modules([str(HERE)]) if not m.name.startswith("_")}
    wanted = sys.argv[1:] or sorted(found)
    if unknown := [name for name in wanted if name not in found]:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(sorted(found))}")
        return 2
    missed: list[str] = []
    for name in wanted:
        print(f"\n== {name}", flush=True)
        began_s = time.monotonic()
        if importlib.import_module(f"benchmarks.{name}").main():
            missed.append(name)
        print(f"({time.monotonic() - began_s:.0f} s)", flush=True)
    if missed:
        print(f"\nbehind their targets: {', '.join(missed)}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
