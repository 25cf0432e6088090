"""Print how reference-sparse routes, layer by layer, on calibration and held-out text.

    python -m benchmarks reference_routing

Asked of it in every layer: distance >= 0.3 between prose and base64, busiest expert
<= 2 times the mean. Exits with 1 where a layer misses one. Takes about a minute.
"""

from __future__ import annotations

import sys

from benchmarks._routing_report import (
    calibration_mixture,
    held_out_mixture,
    routing_report,
)
from stressbench.models.reference import pair as reference

DISTANCE = 0.3
PEAK = 2.0


def main() -> int:
    from tokenizers import Tokenizer

    folder, manifest = reference.obtain(reference.SPARSE, _progress)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    print(f"{folder}  sha256 {manifest.sha256}")
    missed = False
    for title, mixture in (("calibration", calibration_mixture), ("held-out", held_out_mixture)):
        sequences = mixture(lambda text: tokenizer.encode(text).ids)
        counts = {kind: sum(map(len, batch)) for kind, batch in sequences.items()}
        print(f"\n{title} text, tokens {counts}")
        print("layer  distance  busiest/mean  idlest/mean  entropy")
        report = routing_report(folder, sequences)
        for row in report:
            print(
                f"{row.layer:5d}  {row.prose_base64_distance:8.3f}  {row.peak_load:12.3f}"
                f"  {row.idle_load:11.3f}  {row.entropy:7.3f}"
            )
        least = min(row.prose_base64_distance for row in report)
        worst = max(row.peak_load for row in report)
        print(f"worst  {least:8.3f}  {worst:12.3f}")
        missed |= least < DISTANCE or worst > PEAK
    return int(missed)


def _progress(phase: str, fraction: float) -> None:
    if fraction in {0.0, 1.0}:
        print(phase, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
