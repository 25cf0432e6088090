"""Draw expert load by kind of content, for docs/routing.md, from a run of the suite ``routing``.

    .venv/bin/python docs/routing_images.py results/routing-...

Writes docs/images/routing-load.svg and prints the table beneath it. One panel a kind: experts
from left to right, layers from top to bottom, the load over the layer's mean.
"""

# ruff: noqa: INP001 - a script is no package

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import cast

import numpy as np

from stressbench.schema.results.record import CaseRecord
from stressbench.stats.exact import t_quantile
from stressbench.store import read_run
from stressbench.store.arrays import ArrayReader
from stressbench.telemetry import routing

IMAGE = Path(__file__).parent / "images" / "routing-load.svg"
FIELDS = ("imbalance_mean", "entropy_norm_mean", "cv_excess_mean", "churn_mean", "confidence_mean")
HEAD = """\
| content | requests | imbalance | entropy | CV excess | churn | confidence | distance from prose |
|---|---|---|---|---|---|---|---|
"""
PHASE = "load_by_expert_prefill"
FONT = 'font-family="sans-serif" font-size="11"'
CELL_X, CELL_Y, GAP, TOP, COLUMNS = 13, 7, 26, 46, 5
STEPS = (0.0, 0.25, 0.5, 0.8, 1.25, 1.6, 2.0, 2.8, 4.01)
COLOURS = ("#0b4a8f", "#4d8fd1", "#b3d0ee", "#f4f4f2", "#fbd5b5", "#f29d64", "#dc5a2b", "#96210f")
"""One a step of load over the mean: blue is idle, near-white even, red busy."""
KINDS = {
    ("niah", "stress"): "prose",
    ("base64_blob", "isotoken"): "prose, as long as base64",
    ("moe_repeat", "isotoken"): "prose, as long as 'the'",
    ("base64_blob", "stress"): "base64 in prose",
    ("kv_json", "stress"): "JSON",
    ("long_code_table", "stress"): "code and tables",
    ("moe_churn", "stress"): "domains mixed",
    ("moe_churn", "isocontent"): "domains sorted",
    ("moe_repeat", "stress"): "'the' repeated",
}


@dataclass
class Kind:
    """Prompts of one kind: the sum of their loads (layers, experts), and their figures by item."""

    load: routing.Counts
    figures: defaultdict[str, list[list[float]]]

    @property
    def requests(self) -> int:
        """How many there are."""
        return sum(map(len, self.figures.values()))

    def interval(self, place: int) -> str:
        """Mean of one field with its 95 % interval, t over items."""
        means = np.array([np.mean(each, axis=0)[place] for each in self.figures.values()])
        half = t_quantile(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means))
        return f"{means.mean():.3f} ± {half:.3f}"


def main(directory: str) -> None:
    """Write the picture and print the table of one run."""
    kinds = gather(Path(directory))
    if not kinds:
        sys.exit("the run has no routing telemetry")
    prose = share(kinds.get("prose", next(iter(kinds.values()))).load)
    IMAGE.write_text(svg(kinds), "utf-8")
    sys.stdout.write(HEAD)
    for name, kind in kinds.items():
        distance = np.abs(share(kind.load) - prose).sum(axis=1).mean() / 2
        figures = " | ".join(map(kind.interval, range(len(FIELDS))))
        sys.stdout.write(f"| {name} | {kind.requests} | {figures} | {distance:.3f} |\n")


def gather(directory: Path) -> dict[str, Kind]:
    """The kinds of content in a run."""
    run = read_run(directory)
    arrays = ArrayReader(run.directory)
    found: dict[str, Kind] = {}
    for record in run.records():
        routing = record.sections.get("routing")
        load = arrays.one(record, "routing", PHASE) if routing else None
        if load is None or routing is None:
            continue
        kind = found.setdefault(
            kind_of(record), Kind(np.zeros(load.shape, np.int64), defaultdict(list))
        )
        kind.load += load.astype(np.int64)
        figures = [float(cast("float", routing[f"prefill_{name}"])) for name in FIELDS]
        kind.figures[record.item_id].append(figures)
    order = [*KINDS.values()]
    return dict(
        sorted(found.items(), key=lambda each: order.index(each[0]) if each[0] in order else 99)
    )


def kind_of(record: CaseRecord) -> str:
    """What the prompt is made of, in words."""
    return KINDS.get((record.prompt_class, record.arm), f"{record.prompt_class}, {record.arm}")


def share(load: routing.Counts) -> routing.Floats:
    """Of each layer's assignments."""
    shares: routing.Floats = load / load.sum(axis=1, keepdims=True)
    return shares


def svg(kinds: dict[str, Kind]) -> str:
    """All panels, and the scale."""
    layers, experts = next(iter(kinds.values())).load.shape
    wide, high = experts * CELL_X + 54, layers * CELL_Y + TOP + GAP
    rows = -(-len(kinds) // COLUMNS)
    width, height = COLUMNS * wide + GAP, rows * high + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {FONT}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for place, (name, kind) in enumerate(kinds.items()):
        x, y = GAP + place % COLUMNS * wide, TOP + place // COLUMNS * high
        load = kind.load / kind.load.mean(axis=1, keepdims=True)
        parts += panel(name, f"{kind.requests} requests", load, (x, y))
    parts += scale(GAP, height - 26)
    return "\n".join([*parts, "</svg>", ""])


def panel(kind: str, note: str, load: routing.Floats, at: tuple[int, int]) -> list[str]:
    """One kind: a path a colour, so that the file stays small."""
    x, y = at
    layers, experts = load.shape
    bins = np.digitize(load, STEPS[1:-1])
    parts = [
        f'<text x="{x}" y="{y - 18}" font-weight="bold" fill="#222">{escape(kind)}</text>',
        f'<text x="{x}" y="{y - 5}" fill="#666">{escape(note)}</text>',
    ]
    for step, colour in enumerate(COLOURS):
        cells = "".join(
            f"M{x + expert * CELL_X} {y + layer * CELL_Y}h{CELL_X}v{CELL_Y}h-{CELL_X}z"
            for layer, expert in zip(*np.nonzero(bins == step), strict=True)
        )
        if cells:
            parts.append(f'<path fill="{colour}" d="{cells}"/>')
    size = f'width="{experts * CELL_X}" height="{layers * CELL_Y}"'
    parts.append(f'<rect x="{x}" y="{y}" {size} fill="none" stroke="#999"/>')
    return parts


def scale(x: int, y: int) -> list[str]:
    """What the colours mean."""
    parts = [f'<text x="{x}" y="{y + 10}" fill="#222">load over the layer\'s mean:</text>']
    for step, colour in enumerate(COLOURS):
        left = x + 160 + step * 62
        label = f"{STEPS[step]:g} to {min(STEPS[step + 1], 4):g}"
        parts += [
            f'<rect x="{left}" y="{y}" width="12" height="12" fill="{colour}" stroke="#999"/>',
            f'<text x="{left + 16}" y="{y + 10}" fill="#444" font-size="9">{label}</text>',
        ]
    return parts


if __name__ == "__main__":
    main(sys.argv[1])
