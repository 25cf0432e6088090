"""Prompts of an exact length: the time to make them over the time to tokenize them once.

The yardstick is what no generator that re-tokenizes can beat: encoding the finished
prompts once, one after the other, with the same tokenizer. Both are processor time, so
that a busy machine blurs neither. Filler is tokenized once and then cut, so an entry of a
suite that comes first pays for it (``first``) and the others do not (``then``, which has
the target). Made prompts are checked to be their own encoding.
"""

from __future__ import annotations

import time
from statistics import median

from benchmarks._spread import spread, verdict
from stressbench.models.reference.pair import DENSE, obtain_small_files
from stressbench.prompts.base import expand
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.suite.suite import PromptSpec
from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.template import ChatTemplate
from stressbench.tokens.tokenizer import Tokenizer

REPEATS = 3
TARGET = 0.25
PROMPTS = {4096: 64, 32_768: 16}
CLASSES = ("niah", "base64_blob", "unicode_fullwidth", "shuffled_order")
LONGEST = 1_000_000


def main() -> int:
    tokenizer = open_tokenizer(str(obtain_small_files(DENSE, lambda *_: None)))
    missed = False
    for name in CLASSES:
        for budget, items in PROMPTS.items():
            runs = [_run(tokenizer, name, budget, items, seed) for seed in range(REPEATS)]
            first, then = [run[0] for run in runs], [run[1] for run in runs]
            met = verdict(median(then), TARGET, least=False)
            print(f"{name:18} {budget:>6} tokens  then  {spread(then)}x  {met}")
            print(f"{'':32} first {spread(first)}x")
            missed |= median(then) > TARGET
    seconds = [_longest(tokenizer, seed) for seed in range(3)]
    print(f"{'niah':18} {LONGEST:>6} tokens  {spread(seconds, '{:.2f}')} s from a cold start")
    return int(missed)


def _run(
    tokenizer: Tokenizer, name: str, budget: int, items: int, seed: int
) -> tuple[float, float]:
    prompt_format = PromptFormat(tokenizer, ChatTemplate())
    ratios = []
    for entry in (0, 1):
        spec = PromptSpec(use=name, items=items, budgets=[budget], arms=["stress"])
        conditions = expand(spec, seed=2 * seed + entry, prompt_format=prompt_format)
        began_s = time.process_time()
        for _ in conditions:  # a run sends a case and forgets it
            pass
        took_s = time.process_time() - began_s
        ratios.append(took_s / _tokenize(tokenizer, spec, prompt_format, seed=2 * seed + entry))
    return ratios[0], ratios[1]


def _tokenize(
    tokenizer: Tokenizer, spec: PromptSpec, prompt_format: PromptFormat, *, seed: int
) -> float:
    took_s = 0.0
    for (case,) in expand(spec, seed=seed, prompt_format=prompt_format):
        began_s = time.process_time()
        encoded = tokenizer.encode(case.text)
        took_s += time.process_time() - began_s
        assert encoded == list(case.content_ids)
    return took_s


def _longest(tokenizer: Tokenizer, seed: int) -> float:
    spec = PromptSpec(use="niah", items=1, budgets=[LONGEST], arms=["stress"])
    prompt_format = PromptFormat(tokenizer, ChatTemplate())
    began_s = time.perf_counter()
    ((case,),) = expand(spec, seed=seed, prompt_format=prompt_format)
    assert len(case.content_ids) == LONGEST
    return time.perf_counter() - began_s


if __name__ == "__main__":
    raise SystemExit(main())
