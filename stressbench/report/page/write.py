"""The page as one HTML file: strict content-security policy, data apart from code.

Everything from a run goes into one ``<script type="application/json">`` that no browser
executes, its markup characters escaped; the scripts put it on the page as text only. The
policy allows exactly the inlined scripts and styles, by their hashes, and no network.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

import msgspec

from stressbench.report.model.page.view import Page
from stressbench.safe_text import safe_line

SCRIPTS: Final = (
    "vendor/d3.min.js",
    "vendor/plot.umd.min.js",
    "text.js",
    "chart.js",
    "frame.js",
    "overview.js",
    "quality.js",
    "depth.js",
    "engine.js",
    "versus.js",
    "cases.js",
    "page.js",
)
STYLES: Final = ("page.css",)
_PLOT_STYLE: Final = """:where(.plot-d6a7b5) {
  --plot-background: white;
  display: block;
  height: auto;
  height: intrinsic;
  max-width: 100%;
}
:where(.plot-d6a7b5 text),
:where(.plot-d6a7b5 tspan) {
  white-space: pre;
}"""
"""What Observable Plot 0.6.17 writes into each figure; its hash is in the policy."""

_ESCAPES: Final = {
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def render(page: Page) -> str:
    """The whole file."""
    return written(page.title, page, SCRIPTS)


def written(title: str, data: object, names: Iterable[str]) -> str:
    """A page of ``data``, which ``names`` draw."""
    styles = [_asset(name) for name in STYLES]
    scripts = [_asset(name) for name in names]
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, [*styles, _PLOT_STYLE]))}",
            "img-src data: blob:",  # a figure on its way to a PNG file
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    body = _asset("page.html")
    parts = {
        "policy": policy,
        "title": html.escape(safe_line(f"{title} - stressbench")),
        "styles": "".join(f"<style>{style}</style>\n" for style in styles),
        "data": embedded(data),
        "scripts": "".join(f"<script>{script}</script>\n" for script in scripts),
    }
    # In one pass, so that text of one part is never mistaken for a place to fill.
    pieces = body.split("\0")
    return "".join(parts[piece] if index % 2 else piece for index, piece in enumerate(pieces))


def embedded(data: object) -> str:
    """JSON for use inside any HTML element: no markup character is left in it."""
    return msgspec.json.encode(data).decode().translate(_ESCAPES)


def _asset(name: str) -> str:
    file = files("stressbench.report.page").joinpath("assets", *name.split("/"))
    text = file.read_text("utf-8")
    if name == "page.html":
        return text.replace("{{", "\0").replace("}}", "\0")
    return text


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
