"""Which engine arguments the installed vLLM knows, and what it makes of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stressbench.catalog import nearest
from stressbench.errors import ArgumentError, SuiteError

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.engine.arg_utils import AsyncEngineArgs

_PYDANTIC: Final = re.compile(r"Value error, (.*?) \[type=")
_HINT: Final = "see `vllm serve --help` for the arguments of this version"


def check_names(*args: Mapping[str, object]) -> None:
    """Raise ``SuiteError`` for an engine argument that the installed vLLM does not have.

    Does nothing without vLLM: starting the engine then says that it is missing.
    """
    known = known_arguments()
    for name in dict.fromkeys(name for given in args for name in given):
        if known and name not in known:
            raise SuiteError(
                f"vLLM has no engine argument {name!r}{nearest(name, known)}",
                where="engine.args",
                hint=_HINT,
            )


@cache
def known_arguments() -> frozenset[str]:
    """The arguments of the installed vLLM; empty if it is missing or has another layout.

    Reads the source of vLLM's dataclass, because importing vLLM takes many seconds.
    """
    spec = find_spec("vllm")
    places = spec.submodule_search_locations if spec else None
    file = Path(next(iter(places))) / "engine" / "arg_utils.py" if places else None
    try:
        tree = ast.parse(file.read_bytes()) if file else ast.Module([], [])
    except (OSError, SyntaxError, ValueError):
        return frozenset()
    return frozenset(
        field.target.id
        for kind in tree.body
        if isinstance(kind, ast.ClassDef) and kind.name in {"EngineArgs", "AsyncEngineArgs"}
        for field in kind.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    )


def configured(args: dict[str, object]) -> tuple[AsyncEngineArgs, VllmConfig]:
    """Engine arguments and configuration of vLLM; ``ArgumentError`` for a refused value."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.usage.usage_lib import UsageContext

    try:
        engine_args = AsyncEngineArgs(**args)
        return engine_args, engine_args.create_engine_config(UsageContext.ENGINE_CONTEXT)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"vLLM refuses the model or an engine argument: {_reason(error)}",
            where="engine.args",
            hint=_HINT,
        ) from error


def _reason(error: Exception) -> str:
    """What vLLM says, without the frame that pydantic puts around it."""
    text = " ".join(str(error).split())
    said = _PYDANTIC.search(text)
    return said[1] if said else text
