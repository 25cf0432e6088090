"""Normalisers and detection on text made to hang them: linear time, and no crash."""

from __future__ import annotations

import pytest

from stressbench import catalog
from stressbench.levers.base import Normaliser
from stressbench.survey.kinds import kind_array

SIZE = 20_000
"""Enough for a quadratic rule to take minutes over all of them; a linear one takes moments."""
HOSTILE = {
    "letters": "a" * SIZE,
    "marks": "e" + "\u0301\u0323" * SIZE,
    "zero width": "a\u200b" * SIZE,
    "spaces": " " * SIZE + "x",
    "space lines": " \n" * SIZE + "x",
    "nul": "\0" * SIZE,
    "surrogates": "\ud800" * SIZE + "\u0430\ud800b",
    "open json": '[{"a' * SIZE,
    "brackets": "[" * SIZE,
    "braces and spaces": ("{" + " " * 100) * (SIZE // 100),
    "backslashes": "\\" * SIZE + '"',
    "quotes": '"' * SIZE,
    "hex pairs": "aa " * SIZE + "zz",
    "fences": "```\n" * SIZE,
    "assignments": "a = " * SIZE,
    "calls": "f(" * SIZE,
    "returns": "\r" * SIZE,
    "pipes": "|" * SIZE,
    "look-alikes": "a\u0430" * SIZE,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_detection_and_every_normaliser_end(name):
    text = HOSTILE[name]
    assert len(kind_array(text)) == len(text)
    for lever in catalog.names("levers"):
        plugin = catalog.load("levers", lever)
        if isinstance(plugin, type) and issubclass(plugin, Normaliser):
            assert isinstance(plugin().rewrite(text).text, str)
