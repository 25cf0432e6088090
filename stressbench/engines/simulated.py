"""A deterministic engine without a model: the pipeline's own test bench."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from stressbench.engines.base import Completion, EngineInfo, EngineSetup
from stressbench.errors import EngineError, RequestError, SuiteError
from stressbench.schema.base import Strict
from stressbench.schema.case import Case, Request
from stressbench.schema.step import StepReading
from stressbench.seeds import derive_rng

_REFUSAL: Final = "I cannot find that in the text."
_CONSTANT: Final = "42"


class SimulatedArgs(Strict, frozen=True, kw_only=True):
    """What ``engine.args`` may hold for this engine."""

    answers: Literal["mixed", "oracle", "echo", "constant", "empty", "refuse"] = "mixed"
    """``oracle`` is always right, ``echo`` repeats the prompt, ``mixed`` is right with
    probability ``accuracy`` (``stress_accuracy`` on stressed arms), else it gives a value
    that stands in the prompt for another key, or an invented one."""
    accuracy: float = 0.95
    stress_accuracy: float = 0.6
    prefill_tokens_per_s: float = 8000.0
    decode_tokens_per_s: float = 100.0
    kv_tokens: int = 65536
    """Capacity of the KV cache, used where ``engine.kv_blocks`` is not given."""
    fail_every: int = 0
    """Every n-th request fails; 0 means none."""
    die_after: int = 0
    """The engine dies at this request; 0 means never."""


class SimulatedEngine:
    """Computes what an idealised engine would answer and when; every number is simulated.

    Time is virtual: a request of P prompt and O output tokens takes
    ``P / prefill_tokens_per_s`` to its first token and ``1 / decode_tokens_per_s`` to each
    further one, and completes at once in real time. KV usage is the blocks of the
    requests in flight over the cache's blocks.
    """

    simulated = True
    weights = False
    workers = False

    @staticmethod
    def check(*args: Mapping[str, object]) -> None:
        """Refuse what ``SimulatedArgs`` does not know."""
        _read_args(*args)

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup
        self._args = _read_args(setup.engine.args, setup.args)
        self._block_size = setup.engine.block_size or 16
        self._blocks = setup.engine.kv_blocks or self._args.kv_tokens // self._block_size
        self._held = 0
        self._running = 0
        self._served = 0

    async def start(self) -> EngineInfo:
        return EngineInfo(
            dtype=None,
            max_model_len=self._setup.engine.max_model_len,
            kv_blocks=self._blocks,
            block_size=self._block_size,
            args=msgspec.to_builtins(self._args),
            why_null={"dtype": "simulated"},
        )

    async def complete(self, request: Request, request_id: str) -> Completion:
        self._served += 1
        if self._args.die_after and self._served >= self._args.die_after:
            raise EngineError("the simulated engine died, as engine.args.die_after asked")
        if self._args.fail_every and self._served % self._args.fail_every == 0:
            raise RequestError("failed, as engine.args.fail_every asked")
        rng = derive_rng(request.seed, self._setup.role, request.case.case_id, request.repeat)
        words = _ANSWERS[self._args.answers](request.case, rng, self._args).split(" ")
        words = words[: request.case.max_tokens]
        sent_ns = self._setup.clock.now_ns()
        prompt_tokens = len(request.prompt_token_ids)
        blocks = -(-(prompt_tokens + len(words)) // self._block_size)
        self._held += blocks
        self._running += 1
        self._step(prompt_tokens, 0)
        await asyncio.sleep(0)  # let the other requests in flight run
        self._step(0, len(words))
        self._held -= blocks
        self._running -= 1
        first_ns = sent_ns + round(prompt_tokens / self._args.prefill_tokens_per_s * 1e9)
        gap_ns = round(1e9 / self._args.decode_tokens_per_s)
        token_ns = tuple(first_ns + index * gap_ns for index in range(len(words)))
        return Completion(
            text=" ".join(words),
            token_ids=tuple(range(len(words))),
            finish_reason="length" if len(words) == request.case.max_tokens else "stop",
            sent_ns=sent_ns,
            token_ns=token_ns,
            finish_ns=token_ns[-1],
            queue_ns=0,
            cached_tokens=0,
            preemptions=0,
            logprobs=None,
            why_null={"confidence": "simulated: there is no distribution over tokens"},
        )

    def _step(self, prompt_tokens: int, output_tokens: int) -> None:
        self._setup.on_step(
            StepReading(
                t_ns=self._setup.clock.now_ns(),
                running=self._running,
                waiting=0,
                kv_usage=min(1.0, self._held / self._blocks),
                prefix_queries=prompt_tokens,
                prefix_hits=0,
                preemptions=0,
                prompt_tokens=prompt_tokens,
                output_tokens=output_tokens,
            )
        )

    async def call_worker(self, method: str, *args: object) -> list[object]:
        raise EngineError(f"the simulated engine has no workers that could {method}")

    def processes(self) -> tuple[int, ...]:
        return ()

    async def stop(self) -> None:
        self._held = self._running = 0


def _read_args(*given: Mapping[str, object]) -> SimulatedArgs:
    merged = {name: value for arguments in given for name, value in arguments.items()}
    try:
        return msgspec.convert(merged, SimulatedArgs)
    except msgspec.ValidationError as error:
        raise SuiteError(str(error), where="engine.args") from error


def _mixed(case: Case, rng: random.Random, args: SimulatedArgs) -> str:
    accuracy = args.stress_accuracy if case.arm == "stress" else args.accuracy
    if rng.random() < accuracy:
        return _oracle(case, rng, args)
    if case.values and rng.random() < 0.5:  # noqa: PLR2004 - a fair coin
        return rng.choice(case.values)
    return str(rng.randrange(10**6))


def _oracle(case: Case, _rng: random.Random, _args: SimulatedArgs) -> str:
    return ", ".join(case.expected) if case.expected else _REFUSAL


_ANSWERS: Final[dict[str, Callable[[Case, random.Random, SimulatedArgs], str]]] = {
    "mixed": _mixed,
    "oracle": _oracle,
    "echo": lambda case, _rng, _args: case.text,
    "constant": lambda _case, _rng, _args: _CONSTANT,
    "empty": lambda _case, _rng, _args: "",
    "refuse": lambda _case, _rng, _args: _REFUSAL,
}

PLUGIN = SimulatedEngine
