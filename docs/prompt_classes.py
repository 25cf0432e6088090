"""Writes docs/prompt-classes.md from the classes and scorers themselves.

Run ``python docs/prompt_classes.py`` after changing one; a test compares.
"""

# ruff: noqa: E501, INP001 - Markdown has long lines; a script is no package

from __future__ import annotations

import inspect
import textwrap
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from stressbench import catalog
from stressbench.prompts.base import Description, describe

PAGE = Path(__file__).with_name("prompt-classes.md")
_LONGEST = 700

_INTRODUCTION = """\
# Prompt classes and scorers

<!-- Written by docs/prompt_classes.py from the code; do not edit. -->

A prompt class is the experimental factor of a suite. An entry under `prompts:` names a class
and its sweep:

```yaml
prompts:
  - {use: niah, items: 8, budgets: [512, 2048], depths: [0, 0.5, 1]}
  - {use: kv_json, items: 8, params: {pairs: [10, 40], format: [compact, pretty]}}
```

**Budgets** are exact: a prompt has that many tokens of the budget tokenizer, chat template
included; `max_tokens` for the answer comes on top. A budget that is too small is refused with
the smallest possible one. Classes that are not sized by a budget record their size as
`content_tokens`.

**Depths** say where the fact stands: 0 is the start of the context, 1 its end. Without
`depths` every item gets one of its own, evenly spread and unrelated to the item. An item has
the same fact and the same haystack at every depth.

**Parameters** given as a list are swept; the value then stands in the case id, for example
`kv_json/stress/format-pretty/d0.5/i3`.

**Arms** tell what a case is for:

| arm | what it is |
| --- | --- |
| `stress` | the condition under test, of the budget's length |
| `isocontent` | its benign twin: same question, same fact, the same source text in plain form; token inflation is measured against it |
| `isotoken` | benign text filled to exactly as many tokens as `stress`: separates longer from stranger |
| `no_context` | the question alone: what can be guessed |
| `oracle_context` | the fact alone: the ceiling |

Where the filler's phrases meet, prompts are joined from pieces that are tokenized once; every
seam is checked against the tokenizer, and a text with an unsafe seam is encoded as a whole.
The ids that are sent are therefore always the tokenizer's own encoding of the text, except in
the classes that break tokenization on purpose.
"""


def page() -> str:
    """The whole page."""
    names = catalog.names("prompts")
    shown = [describe(name) for name in names]
    lines = [_INTRODUCTION, "## All classes", "", "| class | what it is | scorer |"]
    lines.append("| --- | --- | --- |")
    lines += [
        f"| [`{one.name}`](#{one.name}) | {_plain(one.summary)} | `{one.scorer}` |" for one in shown
    ]
    for one in shown:
        lines += ["", *_section(one)]
    lines += ["", "## Scorers", "", *_scorers()]
    return "\n".join(lines) + "\n"


def _section(one: Description) -> Iterator[str]:
    yield f"### {one.name}"
    yield ""
    yield _plain(textwrap.dedent("    " + one.doc).strip())
    yield ""
    takes = [word for word, has in (("budgets", one.sized), ("depths", one.deep)) if has]
    yield (
        f"Takes {' and '.join(takes) or 'neither budgets nor depths'}. "
        f"Arms: {', '.join(f'`{arm}`' for arm in one.arms)}. Scorer: `{one.scorer}`. "
        f"Output limit: {one.max_tokens} tokens unless the suite says otherwise."
    )
    if one.params:
        yield ""
        yield "| parameter | default | values | meaning |"
        yield "| --- | --- | --- | --- |"
        for param in one.params:
            yield (
                f"| `{param.name}` | `{param.default!r}` | {_values(param.choices, param.least, param.most)} "
                f"| {param.doc} |"
            )
    if one.example:
        yield ""
        yield f"A tiny example; the answer is {_answer(one)}."
        yield ""
        yield "```text"
        yield _visible(one.example)
        yield "```"


def _values(choices: tuple[str, ...], least: float | None, most: float | None) -> str:
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    return "" if least is None or most is None else f"{least:g} to {most:g}"


def _answer(one: Description) -> str:
    first = ", ".join(f"`{_visible(value)}`" for value in one.expected[:4])
    return first if len(one.expected) <= 4 else f"{first}..."  # noqa: PLR2004 - a line's worth


def _scorers() -> Iterator[str]:
    for name in catalog.names("scorers"):
        yield f"### {name}"
        yield ""
        yield _plain(inspect.getdoc(catalog.load("scorers", name)) or "")
        yield ""


def _plain(text: str) -> str:
    return text.replace("``", "`")


def _visible(text: str) -> str:
    cut = (
        text
        if len(text) <= _LONGEST
        else text[: _LONGEST // 2] + " [...] " + text[-_LONGEST // 2 :]
    )
    return "".join(_spelled(char) if _is_hidden(char) else char for char in cut)


def _is_hidden(char: str) -> bool:
    return char != "\n" and unicodedata.category(char) in {"Cc", "Cf"}


def _spelled(char: str) -> str:
    return f"\\u{{{ord(char):x}}}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
