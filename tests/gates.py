"""A capture for a test: what the gates of a DeepSeek model were given, by request."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np


class Gates:
    """Hidden states at every MoE layer's gate, (tokens, layers, width), and the token ids."""

    def start(self, host) -> None:
        self.host = host
        self.hidden = defaultdict(list)
        self.ids = defaultdict(list)
        gates = [m for name, m in host.model.named_modules() if name.endswith("mlp.gate")]
        self.layers = len(gates)
        for layer, gate in enumerate(gates):
            host.after(gate, partial(self.seen, layer))
        (embedding,) = (m for n, m in host.model.named_modules() if n.endswith("embed_tokens"))
        host.after(embedding, self.embedded)

    def embedded(self, _module, args, _out) -> None:
        for rows in self.host.step().rows:
            self.ids[rows.key] += args[0][rows.start : rows.stop].tolist()

    def seen(self, layer, _module, args, _out) -> None:
        for rows in self.host.step().rows:
            part = args[0][rows.start : rows.stop].float().cpu().numpy().copy()
            self.hidden[rows.key, layer].append(part)

    def expect(self, key, settings) -> None: ...

    def before_step(self, step) -> None: ...

    def after_step(self, step) -> None: ...

    def collect(self, key):
        hidden = [np.concatenate(self.hidden[key, layer]) for layer in range(self.layers)]
        return {
            "hidden": np.stack(hidden, axis=1),
            "ids": np.array(self.ids[key], np.int32),
        }
