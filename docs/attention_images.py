"""Draw needle lift by layer and head for docs/telemetry.md, and print its tables, from a run.

    .venv/bin/python docs/attention_images.py results/attention-...

Writes docs/images/attention-lift.svg: one panel a model, heads from left to right, layers from
top to bottom, over the requests of the class ``niah``.
"""

# ruff: noqa: INP001 - a script is no package

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from html import escape
from math import floor, log10
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from numpy.typing import NDArray

from stressbench.schema.results.record import CaseRecord
from stressbench.stats.exact import t_quantile
from stressbench.store import Run, read_run
from stressbench.store.arrays import ArrayReader

IMAGE = Path(__file__).parent / "images" / "attention-lift.svg"
FONT = 'font-family="sans-serif" font-size="11"'
CELL_X, CELL_Y, GAP, TOP, WIDE = 22, 11, 40, 44, 330
STEPS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0)
COLOURS = ("#0b4a8f", "#b3d0ee", "#f7f3e8", "#fbd5b5", "#f29d64", "#dc5a2b", "#96210f")
"""One a step of lift: blue is below an even share, red above."""
FIELDS = {
    "entropy, normalised": "entropy_norm_mean",
    "the same without the sink": "entropy_norm_nosink_mean",
    "effective tokens": "effective_tokens_mean",
    "sink mass": "sink_mass_mean",
    "recency mass": "recency_mass_mean",
    "sink heads": "sink_heads",
    "collapsed heads": "collapsed_heads",
    "needle mass, all heads": "needle_mass_mean",
    "needle lift, all heads": "needle_lift_mean",
    "needle lift, best head": "needle_lift_max",
    "retrieval score, best head": "retrieval_score_max",
    "retrieval heads": "retrieval_heads",
}


def main(directory: str) -> None:
    """Write the picture and print the tables of one run."""
    run = read_run(Path(directory))
    records = [each for each in run.records() if each.sections.get("attention") is not None]
    IMAGE.write_text(svg(lifts(run, records)), "utf-8")
    out = sys.stdout.write
    niah = [each for each in records if each.prompt_class == "niah"]
    out("".join(by_model("niah", niah)))
    out("".join(by_kind("depth", ((str(r.params.get("depth")), r) for r in niah))))
    rivals = [r for r in records if r.prompt_class == "near_distractor"]
    out("".join(by_kind("rivals", ((str(r.params.get("distractors")), r) for r in rivals))))
    blobs = [r for r in records if r.prompt_class == "base64_blob"]
    out("".join(by_kind("arm", ((r.arm, r) for r in blobs))))
    passages = [r for r in records if r.prompt_class == "gold_doc_qa"]
    named = ((f"{passage(r)}, {r.params.get('docs')} passages", r) for r in passages)
    out("".join(by_kind("anchor", named)))


def passage(record: CaseRecord) -> str:
    """Where the anchor passage stands."""
    return "first" if record.params.get("depth") == 0 else "last"


def lifts(run: Run, records: Iterable[CaseRecord]) -> dict[str, NDArray[np.float64]]:
    """Mean lift on the needle by role, (layers, heads)."""
    arrays = ArrayReader(run.directory)
    found: defaultdict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for record in records:
        lift = arrays.one(record, "attention", "needle_lift_by_head")
        if record.prompt_class == "niah" and lift is not None:
            found[record.role].append(lift.astype(np.float64))
    return {role: np.mean(every, axis=0) for role, every in found.items()}


def by_model(title: str, records: list[CaseRecord]) -> Iterator[str]:
    """One row a figure, one column a model."""
    roles = sorted({record.role for record in records})
    yield f"\n| {title} | {' | '.join(roles)} |\n|---|{'---|' * len(roles)}\n"
    yield f"| requests | {' | '.join(str(sum(r.role == x for r in records)) for x in roles)} |\n"
    for label, field in FIELDS.items():
        cells = [figure([r for r in records if r.role == role], field) for role in roles]
        yield f"| {label} | {' | '.join(cells)} |\n"


def by_kind(title: str, records: Iterable[tuple[str, CaseRecord]]) -> Iterator[str]:
    """One row a kind and model: tokens, what the needle and others got, and the score.

    Figures with their 95 % interval: a kind has one record an item.
    """
    groups: defaultdict[tuple[str, str], list[CaseRecord]] = defaultdict(list)
    for kind, record in records:
        groups[kind, record.role].append(record)
    others = ("rival_mass_mean", "blob_mass_mean")
    yield f"\n| {title} | model | n | tokens | needle mass | lift | best head | rivals or blob"
    yield " | sink | score |\n|" + "---|" * 10 + "\n"
    for (kind, role), some in sorted(groups.items(), key=_by_model_and_number):
        other = next((spread(some, field) for field in others if figure(some, field) != "-"), "-")
        cells = (
            kind,
            role,
            str(len(some)),
            f"{mean(r.tokens.prompt or 0 for r in some):.0f}",
            spread(some, "needle_mass_mean"),
            spread(some, "needle_lift_mean"),
            figure(some, "needle_lift_max"),
            other,
            figure(some, "answer_sink_mass_mean"),
            f"{mean(r.quality.score for r in some):.2f}",
        )
        yield f"| {' | '.join(cells)} |\n"


def _by_model_and_number(group: tuple[tuple[str, str], object]) -> tuple[str, list[object]]:
    """Model first; numbers in a kind by value."""
    (kind, role), _ = group
    return role, [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", kind)]


def figure(records: Iterable[CaseRecord], field: str) -> str:
    """The mean of a field over the records that have it."""
    there = values(records, field)
    return f"{mean(there):.3g}" if there else "-"


def spread(records: list[CaseRecord], field: str) -> str:
    """The mean, and how far its 95 % interval reaches (t)."""
    there = values(records, field)
    if not there[1:]:
        return figure(records, field)
    reach = t_quantile(0.975, len(there) - 1) * stdev(there) / len(there) ** 0.5
    digits = max(0, 1 - floor(log10(reach))) if reach else 3
    return f"{mean(there):.{digits}f} ± {reach:.{digits}f}"


def values(records: Iterable[CaseRecord], field: str) -> list[float]:
    """A field of the records that have it."""
    found = [(r.sections.get("attention") or {}).get(field) for r in records]
    return [float(value) for value in found if isinstance(value, int | float)]


def svg(lifts: dict[str, NDArray[np.float64]]) -> str:
    """A panel for each model, and the scale."""
    layers = max(len(lift) for lift in lifts.values())
    width, height = GAP + len(lifts) * WIDE, TOP + layers * CELL_Y + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {FONT}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for place, (role, lift) in enumerate(lifts.items()):
        parts += panel(role, lift, GAP + place * WIDE)
    for step, colour in enumerate(COLOURS):
        x, y = GAP + step * 86, height - 26
        label = f"{STEPS[step]:g} to {STEPS[step + 1]:g}" if step + 1 < len(STEPS) else "above 12"
        parts += [
            f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}" stroke="#999"/>',
            f'<text x="{x + 17}" y="{y + 10}" fill="#444">{label}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def panel(role: str, lift: NDArray[np.float64], x: int) -> Iterator[str]:
    """One model's heads."""
    yield f'<text x="{x}" y="18" font-weight="bold" fill="#222">{escape(role)}</text>'
    yield f'<text x="{x}" y="34" fill="#666">needle lift: heads across, layers down</text>'
    bins = np.digitize(lift, STEPS[1:])
    for layer, head in np.ndindex(*lift.shape):
        yield (
            f'<rect x="{x + head * CELL_X}" y="{TOP + layer * CELL_Y}" width="{CELL_X}"'
            f' height="{CELL_Y}" fill="{COLOURS[bins[layer, head]]}" stroke="#ffffff">'
            f"<title>layer {layer}, head {head}: {lift[layer, head]:.2f}</title></rect>"
        )
    for layer in range(0, len(lift), 5):
        yield f'<text x="{x - 18}" y="{TOP + layer * CELL_Y + 9}" fill="#666">{layer}</text>'


if __name__ == "__main__":
    main(sys.argv[1])
