"""Text from files as Markdown that says just that: no markup, mention or link comes of it."""

from __future__ import annotations

import html
import re

from stressbench.safe_text import safe_line


def text(value: str) -> str:
    """One line that Markdown and HTML leave alone."""
    escaped = html.escape(safe_line(value), quote=False)
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~^$])", r"\\\1", escaped)
    escaped = escaped.replace("://", "\\://").replace("www.", "www\\.")
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}")


def code(value: str) -> str:
    """The inside of a code span between backticks."""
    return safe_line(value).replace("`", "'")
