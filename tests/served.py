"""An engine as probes see it, for tests that have none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from stressbench.errors import EngineError
from stressbench.schema.served import EngineInfo


@dataclass(frozen=True)
class NoEngine:
    """Serves nothing; ``pids`` are its processes."""

    pids: tuple[int, ...] = ()

    @cached_property
    def info(self) -> EngineInfo:
        return EngineInfo(
            dtype=None,
            max_model_len=None,
            kv_blocks=None,
            block_size=None,
            args={},
            processes=self.pids,
        )

    async def call_worker(self, method: str, *args: object) -> list[object]:
        raise EngineError(f"no workers that could {method}")
