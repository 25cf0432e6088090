"""A deterministic engine without a model: a simulation of vLLM's scheduler, on any device."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import ClassVar, Final

from stressbench.engines.base import (
    NO_CACHE,
    Completion,
    EngineInfo,
    EngineSetup,
    EngineTraits,
)
from stressbench.engines.simulated.answers import answer
from stressbench.engines.simulated.args import (
    block_size_of,
    device_of,
    read_args,
    served_dtype,
    step_cost,
)
from stressbench.errors import EngineError, RequestError
from stressbench.schema.case import Request
from stressbench.schema.step import StepReading
from stressbench.seeds import derive_rng
from stressbench.simulation.closed_loop import TURNAROUND_S
from stressbench.simulation.contents import contents_of
from stressbench.simulation.request import SchedulerLimits, SimulatedRequest, SimulatedStep
from stressbench.simulation.scheduler import Scheduler

_NS_PER_S: Final = 1e9
_WHY_NULL: Final = {"confidence": "simulated: no model computes token probabilities"}


class SimulatedEngine:
    """Computes what an engine would do and when; every number is simulated.

    The scheduler, the paged KV cache, its prefix cache and preemption follow vLLM's v1 rules step
    by step. How long a step takes is computed from a device (``engine.args.device``) or from two
    rates. Time is that of the event loop: if the loop's time is virtual, an hour of load takes
    only as long as computing it.
    """

    traits: ClassVar[EngineTraits] = EngineTraits(simulated=True)

    @staticmethod
    def check(*args: Mapping[str, object]) -> None:
        """Refuse arguments that ``SimulatedArgs`` does not know."""
        read_args(*args)

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup
        self._args = read_args(setup.engine.args, setup.args)
        self._served = 0
        self._waiters: dict[SimulatedRequest, asyncio.Future[None]] = {}
        self._scheduler: Scheduler | None = None
        self._driver: asyncio.Task[None] | None = None
        self._sent_at: tuple[float, int] = (-1.0, 0)

    async def start(self) -> EngineInfo:
        setup, args = self._setup, self._args
        spec, device = setup.engine, device_of(args)
        cost, blocks = step_cost(setup, args)
        limits = SchedulerLimits(
            blocks=blocks - 1,
            block_size=block_size_of(spec),
            max_num_seqs=setup.concurrency,
            max_num_batched_tokens=max(args.max_num_batched_tokens, setup.concurrency),
            enable_prefix_caching=spec.enable_prefix_caching,
            enable_chunked_prefill=args.enable_chunked_prefill,
            watermark=args.watermark,
        )
        self._scheduler = Scheduler(limits, cost)
        return EngineInfo(
            dtype=served_dtype(spec, device) if device is not None else None,
            max_model_len=spec.max_model_len,
            kv_blocks=blocks,
            block_size=limits.block_size,
            args=args.described(),
            scheduler={
                "max_num_seqs": limits.max_num_seqs,
                "max_num_batched_tokens": limits.max_num_batched_tokens,
                "enable_chunked_prefill": limits.enable_chunked_prefill,
                "enable_prefix_caching": limits.enable_prefix_caching,
                "watermark": limits.watermark,
            },
            why_null={"dtype": "simulated without a device"},
        )

    async def complete(self, request: Request, request_id: str) -> Completion:
        self._served += 1
        args, case = self._args, request.case
        if args.die_after and self._served >= args.die_after:
            raise EngineError("the simulated engine died, as engine.args.die_after requests")
        if args.fail_every and self._served % args.fail_every == 0:
            raise RequestError("failed, as engine.args.fail_every requests")
        # Every variant of a model gives the same answers: only speed is simulated.
        model_role = self._setup.role.partition("@")[0]
        rng = derive_rng(request.seed, model_role, case.case_id, request.repeat)
        words = answer(case, rng, args).split(" ")[: case.max_tokens]
        limited = args.answer_tokens == "limit" or case.ignore_eos
        simulated = SimulatedRequest(
            key=request_id,
            prompt_tokens=len(request.prompt_token_ids),
            output_tokens=case.max_tokens if limited else len(words),
            contents=self._contents(request),
        )
        sent_ns = self._setup.clock.now_ns()
        await self._serve(simulated)
        return self._completion(request, simulated, words, sent_ns)

    @property
    def _caching(self) -> bool:
        return self._setup.engine.enable_prefix_caching

    def _contents(self, request: Request) -> tuple[bytes, ...]:
        if not self._caching:
            return ()
        size = block_size_of(self._setup.engine)
        return contents_of(request.prompt_token_ids, request.cache_salt, size)

    async def _serve(self, simulated: SimulatedRequest) -> None:
        scheduler = self._scheduler
        if scheduler is None:
            raise EngineError("the engine is not running")
        try:
            scheduler.submit(simulated, self._arrival_s())
        except ValueError as error:
            raise RequestError(str(error), kind="rejected") from error
        waiter = self._waiters[simulated] = asyncio.get_running_loop().create_future()
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._drive(scheduler))
        try:
            await waiter
        except asyncio.CancelledError:
            scheduler.abort(simulated)
            raise
        finally:
            self._waiters.pop(simulated, None)

    def _arrival_s(self) -> float:
        """When a request that is sent now arrives; requests arrive in the order they are sent."""
        now_s = self._setup.clock.now_ns() / _NS_PER_S
        last_s, number = self._sent_at
        number = number + 1 if last_s == now_s else 0
        self._sent_at = (now_s, number)
        return now_s + TURNAROUND_S * (1 + number / (number + 8))

    async def _drive(self, scheduler: Scheduler) -> None:
        """Run steps while requests wait for them, each at its own time."""
        while self._waiters:
            arrival_s = scheduler.next_arrival_s if scheduler.idle else None
            if arrival_s is not None:
                await self._until(arrival_s)
            # One step at a time: the next step sees what arrives while this one runs.
            begin_s = max(scheduler.now_s, arrival_s or 0.0)
            step = scheduler.advance(math.nextafter(begin_s, math.inf))
            if step is None:
                return
            await self._until(step.ended_s)
            self._setup.on_step(_reading(step, scheduler.limits, self._setup.clock.now_ns()))
            for simulated in step.finished:
                waiter = self._waiters.get(simulated)
                if waiter is not None and not waiter.done():
                    waiter.set_result(None)

    async def _until(self, time_s: float) -> None:
        await asyncio.sleep(max(0.0, time_s - self._setup.clock.now_ns() / _NS_PER_S))

    def _completion(
        self, request: Request, simulated: SimulatedRequest, words: list[str], sent_ns: int
    ) -> Completion:
        token_ns = tuple(round(time_s * _NS_PER_S) for time_s in simulated.token_s)
        assert simulated.admitted_s is not None
        return Completion(
            text=" ".join(words),
            token_ids=tuple(range(simulated.output_tokens)),
            finish_reason="length" if len(words) == request.case.max_tokens else "stop",
            sent_ns=sent_ns,
            token_ns=token_ns,
            finish_ns=max(token_ns[-1], sent_ns),
            first_tokens=1,
            queue_ns=round((simulated.admitted_s - simulated.arrived_s) * _NS_PER_S),
            cached_tokens=simulated.cached_tokens if self._caching else None,
            preemptions=simulated.preemptions,
            logprobs=None,
            why_null=_WHY_NULL if self._caching else {**_WHY_NULL, "kv.cached_tokens": NO_CACHE},
        )

    async def stop(self) -> None:
        driver, self._driver, self._scheduler = self._driver, None, None
        if driver is not None:
            driver.cancel()
            await asyncio.wait([driver])


def _reading(step: SimulatedStep, limits: SchedulerLimits, t_ns: int) -> StepReading:
    recomputed = [(q.key, tokens) for q, tokens in step.recomputed]
    return StepReading(
        t_ns=t_ns,
        running=step.running - len(step.finished),
        waiting=step.waiting,
        kv_usage=step.blocks_left / limits.blocks,
        prefix_queries=step.prefix_queries if limits.enable_prefix_caching else None,
        prefix_hits=step.prefix_hits if limits.enable_prefix_caching else None,
        preemptions=len(step.preempted),
        prompt_tokens=step.prompt_tokens,
        output_tokens=step.output_tokens,
        scheduled_tokens=step.scheduled_tokens,
        blocks_used=step.blocks_used,
        slots_used=step.slots_used,
        admitted=tuple(simulated.key for simulated in step.admitted),
        preempted=tuple(simulated.key for simulated in step.preempted),
        recomputed=tuple(recomputed),
    )


PLUGIN = SimulatedEngine
