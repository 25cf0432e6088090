"""Mistral's tekken file, read here, against mistral-common's own reading of it."""

from __future__ import annotations

import pytest

from tests.unit.tokens.vocabularies import opened


def test_tekken_equals_mistral_commons_own_reading():
    tekken = pytest.importorskip("mistral_common.tokens.tokenizers.tekken")
    directory = pytest.importorskip("mistral_common").__path__[0]
    own = tekken.Tekkenizer.from_file(f"{directory}/data/tekken_240911.json")
    for text in ("Hello wörld 123\n\n  的 \U0001f600", "def f(x):\n\treturn x"):
        assert opened("mistral:tekken").encode(text) == own.encode(text, bos=False, eos=False)
