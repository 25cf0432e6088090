"""Measure the sparse reference's routing: whether it is balanced and follows content.

The routers were fitted with NumPy on the dense model's activations. This module runs the
finished sparse model with another implementation (transformers, float32) and counts the experts
that tokens are routed to, on the calibration text and on text that the fit never saw.
"""

# ruff: noqa: RUF001 - some of the text is in other scripts, or contains lookalikes

from __future__ import annotations

import base64
import inspect
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from stressbench.models.reference import upcycle
from stressbench.models.reference.calibration import Encode, Kind
from stressbench.models.reference.router import Floats, load, mean_entropy
from stressbench.seeds import derive_rng

Sequences: TypeAlias = Mapping[Kind, Sequence[Sequence[int]]]

HELD_OUT_SEED: Final = 77
HELD_OUT_SCRIPTS: Final = """
Старый мост ремонтируют третий год, и жители привыкли к объезду через лес.
Η αγορά ανοίγει στις επτά και κλείνει λίγο πριν από το μεσημέρι.
请在星期五以前把修改后的合同寄回,附件一共有十二页。
この駅から海までは歩いて二十分ほどかかります。傘を忘れないでください。
우체국은 오늘 문을 닫았고 소포는 다음 주에 도착할 것이다.
اشترينا الخبز والزيتون ثم عدنا إلى البيت قبل غروب الشمس.
पुस्तकालय में शांति थी और सब लोग अपनी किताबें पढ़ रहे थे।
הרכבת האחרונה יוצאת בחצות, ואין עוד אוטובוסים אחריה.
Ｐｌｅａｓｅ ｒｅｔｕｒｎ ｔｈｅ ｋｅｙ ｂｅｆｏｒｅ ｎｉｎｅ．
Çarşıda yağmur dindi; güneş çıkınca ıslak taşlar parladı.
🎻🌦️🚂 → 🏔️ ✨ 12 ℃ ≥ 7 ℃ ∫ λ dx ≈ ¼
კარი ღიაა და შუქი ანთია, მაგრამ სახლში არავინაა.
"""
"""Sentences in many scripts that are not in the calibration text, one per line."""
_PROSE_WORDS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRouting:
    """One layer's routing over one set of texts, from its real top-k assignments."""

    layer: int
    peak_load: float
    """Load of the busiest expert over the mean load; 1 is perfect, ``experts`` the worst."""
    idle_load: float
    """Load of the least busy expert over the mean load."""
    prose_base64_distance: float
    """Total-variation distance between the two kinds' histograms over experts, 0 to 1."""
    entropy: float
    """Mean entropy of the gate's softmax over ln(experts), 0 to 1."""


def routing_report(model: Path, sequences: Sequences) -> list[LayerRouting]:
    """Route ``sequences`` (token ids by kind) through the model and report every layer.

    The first token of each sequence is not counted (see ``upcycle.fit_routers``). Each kind has
    the weight of its tokens. Needs the packages torch and transformers.
    """
    logits = _router_logits(model, sequences)
    layers = len(logits["prose"])
    return [
        _layer_report(layer, {kind: values[layer] for kind, values in logits.items()})
        for layer in range(layers)
    ]


def calibration_mixture(encode: Encode) -> Sequences:
    """The text that the routers were fitted to."""
    return upcycle.calibration_sequences(encode)


def held_out_mixture(encode: Encode) -> Sequences:
    """Text that no part of the fit has seen, with equally many tokens of each kind.

    Prose and code were written by people: documentation and source of Python's standard
    library. JSON, base64 and scripts have other content than the calibration text.
    """
    size = upcycle.SEQUENCES * upcycle.SEQUENCE_TOKENS
    sources: dict[Kind, str] = {
        "prose": _library_prose(),
        "json": _held_out_json(),
        "base64": base64.b64encode(derive_rng(HELD_OUT_SEED, "base64").randbytes(6000)).decode(),
        "code": inspect.getsource(json.decoder) + inspect.getsource(random),
        "scripts": " ".join(HELD_OUT_SCRIPTS.strip().splitlines() * 4),
    }
    mixture: dict[Kind, list[list[int]]] = {}
    for kind, text in sources.items():
        ids = encode(text)[:size]
        step = upcycle.SEQUENCE_TOKENS
        mixture[kind] = [ids[start : start + step] for start in range(0, size, step)]
    return mixture


def _library_prose() -> str:
    """Running text from module documentation, without listings and signatures."""
    import argparse
    import decimal
    import difflib
    import email.message
    import statistics
    import textwrap
    import threading
    import unittest

    modules = (argparse, decimal, difflib, email.message, statistics, textwrap, threading, unittest)
    paragraphs = [
        " ".join(paragraph.split())
        for module in modules
        for _, member in sorted(vars(module).items())
        if inspect.isclass(member) or inspect.isfunction(member)
        for paragraph in (inspect.getdoc(member) or "").split("\n\n")
        if paragraph.count(" ") >= _PROSE_WORDS and ">>>" not in paragraph
    ]
    return "\n\n".join(dict.fromkeys(paragraphs))


def _held_out_json() -> str:
    rng = derive_rng(HELD_OUT_SEED, "json")
    cities = ("Bergen", "Quito", "Hanoi", "Tartu", "Dakar", "Perth")
    readings = [
        {
            "station": rng.choice(cities),
            "sensor": f"{rng.choice('abcdef')}-{rng.randrange(100):02d}",
            "wind": {"speed": rng.randrange(400) / 10, "gust": None, "bearing": rng.randrange(360)},
            "samples": [rng.randrange(1000) for _ in range(4)],
            "calibrated": rng.randrange(2) == 0,
        }
        for _ in range(40)
    ]
    half = len(readings) // 2
    return json.dumps(readings[:half], indent=1) + json.dumps(readings[half:])


def _router_logits(model: Path, sequences: Sequences) -> dict[Kind, list[Floats]]:
    """Gate logits of every counted token: by kind, for each layer, (tokens, experts)."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    logits: dict[Kind, list[Floats]] = {}
    with torch.inference_mode():
        for kind, batch in sequences.items():
            outputs = [
                network(torch.tensor([list(ids)]), output_router_logits=True).router_logits
                for ids in batch
            ]
            logits[kind] = [
                np.concatenate([layer[1:].double().numpy() for layer in layers])
                for layers in zip(*outputs, strict=True)
            ]
    return logits


def _layer_report(layer: int, logits: Mapping[Kind, Floats]) -> LayerRouting:
    together = np.concatenate(list(logits.values()))
    share = load(together, upcycle.TOP_K) * upcycle.EXPERTS
    prose, blob = (load(logits[kind], upcycle.TOP_K) for kind in ("prose", "base64"))
    return LayerRouting(
        layer=layer,
        peak_load=float(share.max()),
        idle_load=float(share.min()),
        prose_base64_distance=float(np.abs(prose - blob).sum() / 2),
        entropy=mean_entropy(together),
    )
