"""What the attention probe costs: prefill time, memory, and how far samples are from exact.

One engine serves every arm of a figure in turn (forwards, then backwards), the same prompt
each time, no prefix caching, a short answer. Prefill is the time to the first token, decode
that for each further one. Memory is the peak of the engine process's resident set, reset
before each prompt. Parts can be named:
python -m benchmarks.attention cost memory eager estimates.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks._spread import spread, verdict
from stressbench.clock import Clock
from stressbench.engines.base import EngineInfo, EngineSetup
from stressbench.engines.vllm.engine import VllmEngine
from stressbench.probes.attention.probe import AttentionProbe
from stressbench.probes.base import WORKER_EXTENSION, ProbeFinding, ProbeSetup
from stressbench.runner.plan.prepare import Prepared, prepare
from stressbench.schema.case import Request
from stressbench.schema.suite.parse import parse_suite

Floats: TypeAlias = NDArray[np.float32]
TARGETS: Final = {"last:64": 1.15, "all": 1.5}
TARGET_EXTRA_MIB: Final = 200.0
TURNS: Final = 3
FIGURES: Final = ("entropy", "entropy_norm", "entropy2", "sink_mass", "recency_mass")
ESTIMATES: Final = ("last:64", "last:256", "stride:4", "stride:16")
SUITE: Final = """
schema: 1
name: bench
models:
  dense: {{model: reference-dense}}
engine: {{max_model_len: {window}, enable_prefix_caching: false, dtype: float32}}
load: {{concurrency: 1}}
prompts:
  - {{use: niah, items: {items}, budgets: [{budget}], arms: [stress], depths: [0.5], max_tokens: 8}}
"""


def main(parts: Sequence[str] = ("cost", "memory", "eager", "estimates")) -> int:
    known = {"cost": cost, "memory": memory, "eager": eager, "estimates": estimates}
    return max([asyncio.run(known[part]()) for part in parts])


@dataclass(frozen=True)
class Sent:
    """One prompt, answered."""

    prefill_s: float
    token_s: float
    finding: ProbeFinding | None = None


@dataclass(frozen=True)
class Bench:
    """An engine that serves one prompt after another, with and without the probe."""

    engine: VllmEngine
    info: EngineInfo
    requests: list[Request]
    model_path: Path

    async def call_worker(self, method: str, *args: object) -> list[object]:
        return await self.engine.call_worker(method, *args)

    async def warm_up(self, queries: str | None = "all") -> None:
        """Send the beginning of a prompt, through the probe as well unless ``queries`` is None."""
        first = self.requests[0]
        short = msgspec.structs.replace(first, prompt_token_ids=first.prompt_token_ids[:256])
        await self.send(msgspec.structs.replace(short, spans=()), queries, "warm")

    async def send(self, request: Request, queries: str | None, name: str) -> Sent:
        """Send a prompt with the probe, or without it where ``queries`` is None."""
        request = msgspec.structs.replace(request, cache_salt=name)
        if queries is None:
            return await self._complete(request, name)
        setup = ProbeSetup(
            role="dense", params={"queries": queries}, clock=Clock(), write=lambda _: None
        )
        probe = AttentionProbe(setup)
        await probe.start(self)
        await probe.sent(name, request)
        sent = await self._complete(request, name)
        finding = await probe.finished(name, ok=True)
        await probe.stop()
        assert finding.fields is not None, finding.why_null
        return replace(sent, finding=finding)

    async def _complete(self, request: Request, name: str) -> Sent:
        completion = await self.engine.complete(request, name)
        first_ns, last_ns = completion.token_ns[0], completion.token_ns[-1]
        further = max(len(completion.token_ids) - (completion.first_tokens or 1), 1)
        return Sent((first_ns - completion.sent_ns) / 1e9, (last_ns - first_ns) / further / 1e9)


@asynccontextmanager
async def serving(budget: int, items: int = 1) -> AsyncIterator[Bench]:
    """The dense reference, ready for prompts of ``budget`` tokens."""
    suite = SUITE.format(window=budget + 64, budget=budget, items=items).encode()
    prepared = prepare(
        parse_suite(suite, source="bench"), engine="vllm", limit=None, progress=lambda *_: None
    )
    with tempfile.TemporaryDirectory() as folder:
        engine = VllmEngine(_setup(prepared, Path(folder) / "engine.log"))
        try:
            info = await engine.start()
            path = prepared.models["dense"].path
            assert path is not None
            requests = list(prepared.plan.of("dense"))
            yield Bench(engine, info, requests, path)
        finally:
            await engine.stop()


def _setup(prepared: Prepared, log: Path) -> EngineSetup:
    model = prepared.models["dense"]
    return EngineSetup(
        role="dense",
        model=model.name,
        model_path=model.path,
        tokenizer_path=model.tokenizer_path,
        engine=model.engine,
        args={},
        clock=Clock(),
        seed=7,
        concurrency=1,
        log=log,
        on_step=lambda _: None,
        worker_extension=WORKER_EXTENSION,
    )


async def cost(budget: int = 4096) -> int:
    """Prefill time with the probe over without, at 4k tokens."""
    arms: tuple[str | None, ...] = (None, *TARGETS)
    taken: dict[str | None, list[Sent]] = {arm: [] for arm in arms}
    async with serving(budget) as bench:
        await bench.warm_up()
        for turn in range(TURNS):
            for arm in arms if turn % 2 == 0 else reversed(arms):
                sent = await bench.send(bench.requests[0], arm, f"{arm}-{turn}")
                taken[arm].append(sent)
                told = f"prefill {sent.prefill_s:.2f} s, then {1e3 * sent.token_s:.0f} ms a token"
                print(f"  turn {turn + 1}: {arm or 'no probe'}: {told}", flush=True)
    plain = taken[None]
    print(f"prefill of {budget} tokens without the probe: {spread([x.prefill_s for x in plain])} s")
    missed = False
    for arm, target in TARGETS.items():
        pairs = [*zip(taken[arm], plain, strict=True)]
        ratios = [one.prefill_s / other.prefill_s for one, other in pairs]
        missed |= median(ratios) > target
        told = verdict(median(ratios), target, least=False)
        print(f"  queries {arm:<8} prefill with / without {spread(ratios)}  {told}")
        decode = [one.token_s / other.token_s for one, other in pairs]
        print(f"  queries {arm:<8} decode  with / without {spread(decode)}")
    return int(missed)


async def memory(budget: int = 8000) -> int:
    """Peak resident memory of the engine with the exact probe, less without it.

    An engine for each pair: what the probe keeps, its compiled loop included, would otherwise
    count in both.
    """
    extra = []
    for _ in range(TURNS):
        async with serving(budget) as bench:
            await bench.warm_up(None)
            peaks = []
            for arm in (None, "all"):
                _reset_peaks(bench.info.processes)
                await bench.send(bench.requests[0], arm, f"{arm}")
                peaks.append(_peak_bytes(bench.info.processes))
        extra.append((peaks[1] - peaks[0]) / 2**20)
        print(f"  {peaks[0] / 2**20:,.0f} MiB without, {extra[-1]:+.0f} MiB with", flush=True)
    told = verdict(max(extra), TARGET_EXTRA_MIB, least=False)
    print(f"extra peak memory at {budget} tokens, exact: {spread(extra, '{:+.0f}')} MiB")
    print(f"  the greatest of them: {told}")
    return int(max(extra) > TARGET_EXTRA_MIB)


async def eager(budget: int = 1024) -> int:
    """The same prompt through Hugging Face eager attention, which keeps every probability."""
    async with serving(budget) as bench:
        request = bench.requests[0]
        await bench.warm_up()
        ours = [
            (await bench.send(request, "all", f"all-{turn}")).prefill_s for turn in range(TURNS)
        ]
        path, ids = bench.model_path, request.prompt_token_ids
    theirs, kept_bytes = await asyncio.to_thread(_eager, path, ids)
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    print(f"{budget} tokens: exact in vLLM / eager output_attentions {spread(ratios)} of the time")
    whole = kept_bytes * (4096 / budget) ** 2
    print(
        f"  eager keeps {kept_bytes / 2**20:.0f} MiB of probabilities, and would keep "
        f"{whole / 2**30:.1f} GiB at 4096 tokens"
    )
    return 0


def _eager(path: Path, ids: Sequence[int]) -> tuple[list[float], int]:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        path, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    seconds = []
    kept_bytes = 0
    with torch.inference_mode():
        for turn in range(TURNS + 1):
            began = time.perf_counter()
            given = model(torch.tensor([list(ids)]), output_attentions=True).attentions
            entropies = [-(p * p.clamp(min=1e-30).log()).sum(-1).mean(-1) for p in given]
            del entropies
            if turn:  # the first warms up
                seconds.append(time.perf_counter() - began)
            kept_bytes = sum(p.numel() * p.element_size() for p in given)
            del given
    return seconds, kept_bytes


async def estimates(budget: int = 1024, items: int = 4) -> int:
    """Means over chosen rows less means over all of them, by head."""
    errors: dict[str, list[Floats]] = {mode: [] for mode in ESTIMATES}
    async with serving(budget, items) as bench:
        for index, request in enumerate(bench.requests):
            exact = await _by_head(bench, request, "all", f"all-{index}")
            for mode in ESTIMATES:
                some = await _by_head(bench, request, mode, f"{mode}-{index}")
                errors[mode].append(some - exact)
    print(f"{budget} tokens, {items} prompts: estimate less exact, by head (bias; largest)")
    print(f"  {'queries':<10}" + "".join(f"{name:>24}" for name in FIGURES))
    for mode, found in errors.items():
        every = np.stack(found)
        cells = [f"{e.mean():+.3f}; {np.abs(e).max():.3f}" for e in every.swapaxes(0, 1)]
        print(f"  {mode:<10}" + "".join(f"{cell:>24}" for cell in cells))
    return 0


async def _by_head(bench: Bench, request: Request, queries: str, name: str) -> Floats:
    from stressbench.telemetry.attention import ROW_FIGURES

    finding = (await bench.send(request, queries, name)).finding
    assert finding is not None
    figures = finding.arrays["prompt_figures"]
    return np.stack([figures[ROW_FIGURES.index(name)] for name in FIGURES]).astype(np.float32)


def _reset_peaks(pids: Sequence[int]) -> None:
    """Linux: writing 5 sets VmHWM to the resident set of now."""
    for pid in _family(pids):
        Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


def _peak_bytes(pids: Sequence[int]) -> int:
    return sum(_high_water(pid) for pid in _family(pids))


def _high_water(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _family(pids: Sequence[int]) -> list[int]:
    found = list(pids)
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += _family([int(child) for child in (task / "children").read_text().split()])
    return sorted(set(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ("cost", "memory", "eager", "estimates")))
