"""vLLM in this process: ``AsyncLLM`` with our stat logger, one engine process per model."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final

from stressbench.engines.base import (
    NO_CACHE,
    Completion,
    EngineInfo,
    EngineSetup,
    EngineTraits,
)
from stressbench.engines.ends import Ends, end_tokens
from stressbench.engines.vllm.args import (
    engine_arguments,
    import_vllm,
    log_to,
    recorded_environment,
)
from stressbench.engines.vllm.checked_args import check_names, configured
from stressbench.engines.vllm.log import root_cause
from stressbench.engines.vllm.process import EngineGuard, engine_process
from stressbench.engines.vllm.steps import scheduler_limits, stat_logger, watch_scheduler
from stressbench.errors import ArgumentError, EngineError, RequestError
from stressbench.schema.case import Request
from stressbench.schema.step import StepReading

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.config import VllmConfig
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.outputs import CompletionOutput, RequestOutput
    from vllm.v1.engine.async_llm import AsyncLLM


_WARM_UP_TOKENS: Final = 32
_CONTEXT: Final = 8
"""Tokens of the prompt that decide how the text of an answer begins (see ``Ends``)."""
_PATHS: Final = frozenset({"model", "tokenizer"})
"""Arguments that are paths on this machine. The header has the files' hashes instead."""


class VllmEngine:
    """vLLM in this process, on a GPU, or on the CPU if there is none (``AsyncLLM``, streaming)."""

    traits: ClassVar[EngineTraits] = EngineTraits(weights=True, workers=True, cold=True)

    @staticmethod
    def check(*args: Mapping[str, object]) -> None:
        """Refuse a name that vLLM does not know. vLLM checks the values when it starts."""
        check_names(*args)

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup
        self._llm: AsyncLLM | None = None
        self._guard: EngineGuard | None = None
        self._log_begin = 0
        self._warm = False
        self._caching = True
        self._ends = Ends(end_tokens(setup.model_path), self._decode)

    async def start(self) -> EngineInfo:
        starting = asyncio.ensure_future(asyncio.to_thread(self._load))
        try:
            info = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # A thread cannot be cancelled, but it gives up once its engine process is gone.
            for child in multiprocessing.active_children():
                child.terminate()
            with suppress(EngineError):
                await starting
            await self.stop()
            raise
        await self._warm_up()
        return info

    async def _warm_up(self) -> None:
        """Send one request and ignore its answer.

        The first forward pass allocates memory and chooses kernels, which once added 15 s to
        a measured TTFT. No request of the run must pay for it.
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
        # Skip what an earlier part of the run, or a failed start, has written to this log.
        self._log_begin = setup.log.stat().st_size if setup.log.exists() else 0
        with engine_process(setup.log):
            import_vllm(setup.log)
            args = engine_arguments(setup)
            try:
                self._llm = self._build(*configured(args))
            except ArgumentError:
                raise
            except Exception as error:  # vLLM raises whatever its layers raise
                raise self._broken("does not start with", error) from error
            log_to(setup.log)
        children = (child.pid for child in multiprocessing.active_children())
        config = self._llm.vllm_config
        self._caching = bool(config.cache_config.enable_prefix_caching)
        return EngineInfo(
            dtype=str(config.model_config.dtype).removeprefix("torch."),
            max_model_len=config.model_config.max_model_len,
            kv_blocks=config.cache_config.num_gpu_blocks,
            block_size=config.cache_config.block_size,
            args={name: value for name, value in args.items() if name not in _PATHS},
            scheduler=scheduler_limits(config),
            environment=recorded_environment(),
            experts=config.model_config.get_num_experts() or None,
            processes=tuple(pid for pid in children if pid is not None),
        )

    def _build(self, engine_args: AsyncEngineArgs, config: VllmConfig) -> AsyncLLM:
        """What ``AsyncLLM.from_engine_args`` does, with a watch on the scheduler."""
        from vllm.v1.engine.async_llm import AsyncLLM

        watch_scheduler(config)
        return AsyncLLM.from_vllm_config(
            config,
            stat_loggers=[stat_logger(self._setup.clock, self._on_step)],
            enable_log_requests=engine_args.enable_log_requests,
            disable_log_stats=engine_args.disable_log_stats,
        )

    async def complete(self, request: Request, request_id: str) -> Completion:
        llm = self._llm
        if llm is None:
            raise EngineError("the engine is not running")
        from vllm.inputs.engine import tokens_input
        from vllm.v1.engine.exceptions import EngineDeadError

        ends = self._ends if request.case.ignore_eos else None
        stream = _Stream(self._setup.clock.now_ns, ends)
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
        return stream.completion(cached=self._caching)

    def _decode(self, ids: Sequence[int]) -> str:
        assert self._llm is not None
        return str(self._llm.get_tokenizer().decode(list(ids), skip_special_tokens=True))

    def _broken(self, how: str, error: Exception) -> EngineError:
        cause = root_cause(self._setup.log, self._log_begin) or _one_line(error)
        return EngineError(
            f"vLLM {how} {self._setup.model}: {cause}", hint=f"its full log is {self._setup.log}"
        )

    def _on_step(self, reading: StepReading) -> None:
        if self._warm:
            self._setup.on_step(reading)

    async def clear_cache(self) -> None:
        if self._llm is not None:
            await self._llm.reset_prefix_cache()

    async def call_worker(self, method: str, *args: object) -> list[object]:
        if self._llm is None:
            raise EngineError("the engine is not running")
        try:
            answers: list[object] = await self._llm.collective_rpc(method, args=args)
        except Exception as error:  # a worker raises whatever its layers raise
            raise self._broken(f"failed in {method} while serving", error) from error
        return answers

    async def stop(self) -> None:
        llm, self._llm = self._llm, None
        if llm is not None:
            await asyncio.to_thread(llm.shutdown)
        if self._guard is not None:
            await asyncio.to_thread(self._guard.close)


class _Stream:
    """Gathers the streamed outputs of one request, each with its time of arrival."""

    def __init__(self, now_ns: Callable[[], int], ends: Ends | None = None) -> None:
        self._now_ns = now_ns
        self._ends = ends
        """What ends the answer, if the engine generates past the end."""
        self._over = False
        self._text: list[str] = []
        self._token_ids: list[int] = []
        self._token_ns: list[int] = []
        self._first_tokens = 0
        self._logprobs: list[float] = []
        self._last: RequestOutput | None = None
        self._sent_ns = now_ns()

    def take(self, output: RequestOutput) -> None:
        self._last = output
        part = output.outputs[0]
        if not part.token_ids:
            return
        if not self._token_ns:
            self._first_tokens = len(part.token_ids)
        self._token_ns.append(self._now_ns())
        if not self._over:
            self._answer(output, part)
        self._token_ids.extend(part.token_ids)

    def _answer(self, output: RequestOutput, part: CompletionOutput) -> None:
        """Keep the part of an output that comes before the token that ends the answer."""
        text, ids = part.text, part.token_ids
        end = self._ends.first(ids) if self._ends else None
        if self._ends and end is not None:
            self._over, ids = True, ids[:end]
            before = (*(output.prompt_token_ids or ())[-_CONTEXT:], *self._token_ids)
            text = self._ends.text(before, ids, text)
        self._text.append(text)
        for token_id, position in zip(ids, part.logprobs or (), strict=False):
            self._logprobs.append(position[token_id].logprob)

    def completion(self, *, cached: bool) -> Completion:
        finish_ns = self._now_ns()
        output = self._last
        if output is None:
            raise RequestError("vLLM ended the stream without an output")
        stats = output.metrics
        known = stats is not None and stats.queued_ts > 0 and stats.scheduled_ts > 0
        return Completion(
            text="".join(self._text),
            token_ids=tuple(self._token_ids),
            finish_reason="stop" if self._over else output.outputs[0].finish_reason,
            sent_ns=self._sent_ns,
            token_ns=tuple(self._token_ns),
            finish_ns=finish_ns,
            first_tokens=self._first_tokens or None,
            queue_ns=round((stats.scheduled_ts - stats.queued_ts) * 1e9) if known else None,
            cached_tokens=output.num_cached_tokens if cached else None,
            preemptions=stats.num_preemptions if stats is not None else None,
            routed_experts=output.outputs[0].routed_experts,
            logprobs=tuple(self._logprobs) or None,
            why_null={} if cached else {"kv.cached_tokens": NO_CACHE},
        )


def _sampling(request: Request) -> SamplingParams:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=0.0,
        seed=request.seed,
        max_tokens=request.case.max_tokens,
        ignore_eos=request.case.ignore_eos,
        logprobs=0,  # the chosen token's only
        output_kind=RequestOutputKind.DELTA,
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


PLUGIN = VllmEngine
