"""Options that change a suite: ``--model``, ``--seed``, ``--set`` and ``--base-url``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stressbench.errors import UsageError

if TYPE_CHECKING:
    from stressbench.schema.suite.parse import Suite


@dataclass(frozen=True, slots=True)
class Overrides:
    """The changes that the command line makes to a suite."""

    changes: tuple[str, ...]
    """``PATH=VALUE``, as for ``--set``."""
    replaced: tuple[str, ...] = ()
    """Roles whose model ``--model`` replaces."""
    set_paths: tuple[str, ...] = ()
    """Paths that ``--set`` names."""

    def check_roles(self, suite: Suite) -> None:
        """Raise ``UsageError`` if ``--model`` names a role that ``suite`` does not have.

        A role of a suite is one that its file or ``--set`` names, so that a typing mistake
        cannot add a model to the run.
        """
        for role in self.replaced:
            path = ("models", role)
            if path in suite.lines or any(_below(set_, path) for set_ in self.set_paths):
                continue
            raise _no_role(suite, role, set(suite.spec.models) - {*self.replaced} | _written(suite))


def _below(set_path: str, path: tuple[str, ...]) -> bool:
    steps = tuple(set_path.split("."))
    return steps[: len(path)] == path or steps == path[: len(steps)]


def _written(suite: Suite) -> set[str]:
    """The roles that the suite's own text has."""
    return {str(path[1]) for path in suite.lines if len(path) > 1 and path[0] == "models"}


def _no_role(suite: Suite, role: str, known: Iterable[str]) -> UsageError:
    from stressbench.catalog import nearest

    known = sorted(known)
    return UsageError(
        f"the suite {suite.spec.name!r} has no role {role!r}{nearest(role, known)}",
        where="--model",
        hint=f"its roles are: {', '.join(known)}; to add one: --set models.{role}.model=SPEC",
    )


def overrides(models: list[str] | None, seed: int | None, given: list[str] | None) -> Overrides:
    """What ``--model``, ``--seed`` and ``--set`` change. Raises ``UsageError``."""
    changes = list(given or [])
    replaced: list[str] = []
    for pair in models or []:
        role, found, spec = pair.partition("=")
        if not found or not role or not spec:
            raise UsageError(
                f"expected ROLE=SPEC, not {pair!r}",
                where="--model",
                hint="--model dense=reference-dense",
            )
        replaced.append(role)
        changes.append(f"models.{role}.model={json.dumps(spec)}")
    if seed is not None:
        changes.append(f"seed={seed}")
    paths = tuple(each.partition("=")[0] for each in given or ())
    return Overrides(tuple(changes), tuple(replaced), paths)


def served_at(base_url: str | None, engine: str | None) -> tuple[str | None, tuple[str, ...]]:
    """The engine, and the changes of a suite, that ``--base-url`` asks for."""
    if base_url is None:
        return engine, ()
    if engine not in {None, "openai"}:
        raise UsageError(f"--base-url is for --engine openai, not for {engine!r}")
    from stressbench.engines.openai.args import read_address

    read_address(base_url)  # refuses an address that holds a key before anything records it
    return "openai", (f"engine.args.base_url={json.dumps(base_url)}",)
