"""Writes docs/prompt-classes.md from the code of the classes and scorers.

Run ``python docs/prompt_classes.py`` after changing one of them; a test compares the page.
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

A prompt class says what a prompt contains and what is difficult about it. An entry under
`prompts:` in a suite names a class, and what to vary:

```yaml
prompts:
  - {use: niah, items: 8, budgets: [512, 2048], depths: [0, 0.5, 1]}
  - {use: kv_json, items: 8, params: {pairs: [10, 40], format: [compact, pretty]}}
```

**Budgets** are exact: a prompt has exactly this many tokens of the budget tokenizer, including
the chat template; the answer's `max_tokens` are extra. If a budget is too small, the error
names the smallest possible one. A class without budgets gets its size from its parameters and
records it as `content_tokens`.

**Depths** say where the fact is: 0 is the start of the context, 1 its end. Without `depths`,
each item gets one depth; over the items, depths are spread evenly. An item has the same fact
and the same haystack at every depth.

**Parameters** given as a list are swept. The case id then names the value, for example
`kv_json/stress/format-pretty/d0.5/i3`.

**Arms** say what a case is for:

| arm | what it is |
| --- | --- |
| `stress` | the difficult prompt, of the budget's length |
| `isocontent` | its benign twin: the same question, fact and source text in plain form; token inflation is measured against it |
| `isotoken` | benign text of exactly as many tokens as `stress`: tells the effect of unusual text from the effect of length |
| `no_context` | the question alone: the guessing rate |
| `oracle_context` | the fact alone: the best score that is possible |

Words used below: a *needle* is the text with the fact that the question is about. A *rival* is
text like the needle with another value; answering with a rival's value is a *detached
reference*. A *canary* is a needle in a prompt that strains something other than retrieval: it
shows whether quality holds. A *twin* is the `isocontent` arm.

Prompts are joined from pieces that are tokenized once. Every seam between two pieces is checked
with the tokenizer, and a text with an unsafe seam is encoded as a whole. So the ids that are
sent are always the tokenizer's encoding of the text, except in the classes that break
tokenization on purpose.
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
        yield f"A small example; expected: {_answer(one)}."
        yield ""
        yield "```text"
        yield _visible(one.example)
        yield "```"


def _values(choices: tuple[str, ...], least: float | None, most: float | None) -> str:
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    return "" if least is None or most is None else f"{_number(least)} to {_number(most)}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


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
