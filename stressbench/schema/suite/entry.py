"""The entries under ``prompts:`` of a suite, as everything that lists them names them.

A class that a suite uses once stands for its only entry. A class that it uses more than once,
such as ``replay`` for several data sets, has an entry for each label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from stressbench.schema.base import Open


class Entry(Open, frozen=True, kw_only=True, order=True):
    """One entry of a suite."""

    prompt_class: str
    label: str = ""
    """Empty if the suite uses the class once."""

    @property
    def name(self) -> str:
        """``niah``, or ``chat (replay)``: the label, with the class if that is another word."""
        if self.label in {"", self.prompt_class}:
            return self.prompt_class
        return f"{self.label} ({self.prompt_class})"


def entry_of(prompt_class: str, label: str, repeated: frozenset[str]) -> Entry:
    """The entry of a case; ``repeated`` are the classes that its suite uses more than once."""
    return Entry(prompt_class=prompt_class, label=label if prompt_class in repeated else "")


def repeated_classes(suite_spec: Mapping[str, object]) -> frozenset[str]:
    """The prompt classes that a suite uses more than once."""
    uses = Counter(use for use, _ in _named(suite_spec))
    return frozenset(use for use, n in uses.items() if n > 1)


def in_suite_order(suite_spec: Mapping[str, object]) -> list[Entry]:
    """The entries of a suite as it lists them."""
    repeated = repeated_classes(suite_spec)
    return [entry_of(use, label, repeated) for use, label in _named(suite_spec)]


def _named(suite_spec: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Class and label of each entry in the header of a run, which anyone may have edited."""
    entries = suite_spec.get("prompts")
    for each in entries if isinstance(entries, list) else ():
        if isinstance(each, dict):
            use = str(each.get("use"))
            yield use, str(each.get("label") or use)
