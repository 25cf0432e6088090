"""vLLM, in process: ``AsyncLLM`` with a stat logger of ours, one engine process a model."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from stressbench.clock import Clock
from stressbench.engines._vllm_process import EngineGuard, engine_process, last_error
from stressbench.engines._vllm_setup import (
    engine_arguments,
    import_vllm,
    log_to,
    telling_environment,
)
from stressbench.engines.base import Completion, EngineInfo, EngineSetup
from stressbench.errors import EngineError, RequestError
from stressbench.schema.case import Request
from stressbench.schema.step import StepReading

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.config import VllmConfig
    from vllm.outputs import RequestOutput
    from vllm.v1.engine.async_llm import AsyncLLM
    from vllm.v1.metrics.loggers import StatLoggerBase
    from vllm.v1.metrics.stats import IterationStats, SchedulerStats


_WARM_UP_TOKENS: Final = 32
_PLACES: Final = frozenset({"model", "tokenizer"})
"""Arguments that say where files lie on this machine; what they are stands in their hashes."""


class VllmEngine:
    """Real vLLM on a GPU, or on the CPU where there is none (``AsyncLLM``, streaming)."""

    simulated = False
    weights = True
    workers = True

    @staticmethod
    def check(*args: Mapping[str, object]) -> None:
        """Nothing: vLLM knows its arguments best, and refuses them when it starts."""

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup
        self._llm: AsyncLLM | None = None
        self._guard: EngineGuard | None = None
        self._processes: tuple[int, ...] = ()
        self._warm = False

    async def start(self) -> EngineInfo:
        starting = asyncio.ensure_future(asyncio.to_thread(self._load))
        try:
            info = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # A thread cannot be cancelled, but without its engine process it gives up.
            for child in multiprocessing.active_children():
                child.terminate()
            with suppress(EngineError):
                await starting
            await self.stop()
            raise
        await self._warm_up()
        return info

    async def _warm_up(self) -> None:
        """Send one request whose answer nobody reads.

        The first forward pass allocates and chooses kernels, which took 15 s of a
        measured TTFT; it must not be charged to whichever request happens to be first.
        """
        assert self._llm is not None
        from vllm import SamplingParams
        from vllm.inputs.engine import tokens_input

        prompt = tokens_input([0] * _WARM_UP_TOKENS, cache_salt="warm-up")
        sampling = SamplingParams(temperature=0.0, max_tokens=2, ignore_eos=True)
        try:
            async for _ in self._llm.generate(prompt, sampling, "warm-up"):
                pass
        except Exception as error:  # vLLM raises whatever its layers raise
            await self.stop()
            raise self._broken("does not serve", error) from error
        self._warm = True

    def _load(self) -> EngineInfo:
        setup = self._setup
        self._guard = EngineGuard()
        with engine_process(setup.log):
            import_vllm(setup.log)
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM

            args = engine_arguments(setup)
            try:
                engine_args = AsyncEngineArgs(**args)
            except TypeError as error:
                raise EngineError(
                    f"vLLM does not know an engine argument: {_one_line(error)}",
                    where="engine.args",
                    hint="see `vllm serve --help` for the arguments of this version",
                ) from error
            try:
                self._llm = AsyncLLM.from_engine_args(
                    engine_args, stat_loggers=[_stat_logger(setup.clock, self._on_step)]
                )
            except Exception as error:  # vLLM raises whatever its layers raise
                raise self._broken("does not start with", error) from error
            log_to(setup.log)
        self._processes = tuple(
            child.pid for child in multiprocessing.active_children() if child.pid is not None
        )
        config = self._llm.vllm_config
        return EngineInfo(
            dtype=str(config.model_config.dtype).removeprefix("torch."),
            max_model_len=config.model_config.max_model_len,
            kv_blocks=config.cache_config.num_gpu_blocks,
            block_size=config.cache_config.block_size,
            args={name: value for name, value in args.items() if name not in _PLACES},
            environment=telling_environment(),
        )

    async def complete(self, request: Request, request_id: str) -> Completion:
        llm = self._llm
        if llm is None:
            raise EngineError("the engine is not running")
        from vllm.inputs.engine import tokens_input
        from vllm.v1.engine.exceptions import EngineDeadError

        stream = _Stream(self._setup.clock.now_ns)
        prompt = tokens_input(list(request.prompt_token_ids), cache_salt=request.cache_salt)
        try:
            async for output in llm.generate(prompt, _sampling(request), request_id):
                stream.take(output)
        except EngineDeadError as error:
            raise self._broken("died while it served", error) from error
        except Exception as error:  # one bad request must not end the run
            rejected = isinstance(error, ValueError)
            raise RequestError(
                _one_line(error), kind="rejected" if rejected else "error"
            ) from error
        return stream.completion()

    def _broken(self, how: str, error: Exception) -> EngineError:
        cause = last_error(self._setup.log) or _one_line(error)
        return EngineError(
            f"vLLM {how} {self._setup.model}: {cause}", hint=f"its full log is {self._setup.log}"
        )

    def _on_step(self, reading: StepReading) -> None:
        if self._warm:
            self._setup.on_step(reading)

    async def call_worker(self, method: str, *args: object) -> list[object]:
        if self._llm is None:
            raise EngineError("the engine is not running")
        try:
            answers: list[object] = await self._llm.collective_rpc(method, args=args)
        except Exception as error:  # a worker raises whatever its layers raise
            raise self._broken(f"failed in {method} while serving", error) from error
        return answers

    def processes(self) -> tuple[int, ...]:
        return self._processes

    async def stop(self) -> None:
        llm, self._llm = self._llm, None
        if llm is not None:
            await asyncio.to_thread(llm.shutdown)
        if self._guard is not None:
            await asyncio.to_thread(self._guard.close)


class _Stream:
    """Gathers the streamed outputs of one request, each with its time of arrival."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._text: list[str] = []
        self._token_ids: list[int] = []
        self._token_ns: list[int] = []
        self._logprobs: list[float] = []
        self._last: RequestOutput | None = None
        self._sent_ns = now_ns()

    def take(self, output: RequestOutput) -> None:
        self._last = output
        part = output.outputs[0]
        if not part.token_ids:
            return
        self._token_ns.append(self._now_ns())
        self._token_ids.extend(part.token_ids)
        self._text.append(part.text)
        for token_id, position in zip(part.token_ids, part.logprobs or (), strict=False):
            self._logprobs.append(position[token_id].logprob)

    def completion(self) -> Completion:
        finish_ns = self._now_ns()
        output = self._last
        if output is None:
            raise RequestError("vLLM ended the stream without an output")
        stats = output.metrics
        known = stats is not None and stats.queued_ts > 0 and stats.scheduled_ts > 0
        return Completion(
            text="".join(self._text),
            token_ids=tuple(self._token_ids),
            finish_reason=output.outputs[0].finish_reason,
            sent_ns=self._sent_ns,
            token_ns=tuple(self._token_ns),
            finish_ns=finish_ns,
            queue_ns=round((stats.scheduled_ts - stats.queued_ts) * 1e9) if known else None,
            cached_tokens=output.num_cached_tokens,
            preemptions=stats.num_preemptions if stats is not None else None,
            logprobs=tuple(self._logprobs) or None,
        )


def _sampling(request: Request) -> SamplingParams:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=0.0,
        seed=request.seed,
        max_tokens=request.case.max_tokens,
        logprobs=0,  # of the chosen token alone
        output_kind=RequestOutputKind.DELTA,
    )


def _stat_logger(
    clock: Clock, on_step: Callable[[StepReading], None]
) -> Callable[[VllmConfig, int], StatLoggerBase]:
    """A factory, as vLLM wants one, of loggers that pass every step on."""
    from vllm.v1.metrics.loggers import StatLoggerBase

    class StepLogger(StatLoggerBase):  # type: ignore[misc]  # vLLM is untyped here
        def __init__(self, vllm_config: VllmConfig, engine_index: int = 0) -> None:
            self._engine = engine_index
            self._config = vllm_config

        def record(
            self,
            scheduler_stats: SchedulerStats | None,
            iteration_stats: IterationStats | None,
            *_others: object,
            **_more: object,
        ) -> None:
            if scheduler_stats is not None:
                on_step(_reading(clock.now_ns(), scheduler_stats, iteration_stats))

        def log_engine_initialized(self) -> None:
            """Nothing to say: the run header holds the engine's set-up."""

    return StepLogger


def _reading(t_ns: int, scheduler: SchedulerStats, iteration: IterationStats | None) -> StepReading:
    prefix = scheduler.prefix_cache_stats
    return StepReading(
        t_ns=t_ns,
        running=scheduler.num_running_reqs,
        waiting=scheduler.num_waiting_reqs + scheduler.num_skipped_waiting_reqs,
        kv_usage=scheduler.kv_cache_usage,
        prefix_queries=prefix.queries if prefix is not None else None,
        prefix_hits=prefix.hits if prefix is not None else None,
        preemptions=iteration.num_preempted_reqs if iteration is not None else 0,
        prompt_tokens=iteration.prompt_token_stats.computed if iteration is not None else 0,
        output_tokens=iteration.num_generation_tokens if iteration is not None else 0,
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


PLUGIN = VllmEngine
