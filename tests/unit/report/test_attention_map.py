"""The prompt as a heat map of what the answer looked at."""

from __future__ import annotations

from io import StringIO

import msgspec
import numpy as np
import records as make
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from stressbench.report.terminal.attention_map import HeatMap
from stressbench.report.terminal.case import print_record
from stressbench.schema.results.record import CaseRecord, Prompt

TEXT = "The code is 4711. Blue sky."
TOKENS = ("<s>", "The", " code", " is", " 4711", ".", " Blue", " sky", ".", "</s>")


def asked(text: str = TEXT) -> CaseRecord:
    return msgspec.structs.replace(make.record(0), prompt=Prompt(text=text, spans=[]))


def arrays(shares: list[float], tokens: tuple[str, ...] = TOKENS) -> dict[str, np.ndarray]:
    """Arrays of one layer group in which each token receives its share."""
    lengths = [0 if token.startswith("<") else len(token.encode()) for token in tokens]
    starts = np.cumsum([0, *lengths]).astype(np.int32)
    return {"answer_received": np.array([shares], np.float32), "token_starts": starts}


def looked_at_the_code() -> HeatMap:
    shares = [0.1, 0, 0, 0, 0.8, 0, 0.02, 0.02, 0.02, 0.04]
    found = HeatMap.of(asked(), arrays(shares))
    assert found is not None
    return found


def shown(heat: HeatMap, **console: object) -> str:
    out = StringIO()
    print_record(Console(width=100, file=out, **console), asked(), heat)
    return out.getvalue()


def test_what_was_looked_at_is_bracketed_where_there_is_no_colour() -> None:
    heat = looked_at_the_code()
    assert heat.marked(colour=False).plain == "The code is[[ 4711]]. Blue sky."
    assert heat.marked(colour=True).plain == TEXT


def test_the_hottest_stretch_is_listed_with_its_tokens() -> None:
    text = shown(looked_at_the_code())
    assert "4711" in text
    assert "4-5" in text
    assert "8.0" in text
    assert "14% went to the chat template" in text


def test_colour_is_used_where_the_terminal_has_it() -> None:
    assert "\x1b[" in shown(looked_at_the_code(), force_terminal=True, color_system="truecolor")
    assert "\x1b[" not in shown(looked_at_the_code())


def test_arrays_that_do_not_fit_the_prompt_draw_nothing() -> None:
    good = arrays([0.1] * 10)
    assert HeatMap.of(asked(), {}) is None
    assert HeatMap.of(asked(), {**good, "token_starts": good["token_starts"][:-2]}) is None
    assert HeatMap.of(asked(), {**good, "answer_received": np.full((1, 10), np.nan)}) is None


@given(
    text=st.text(max_size=30),
    starts=st.lists(st.integers(-50, 200), min_size=2, max_size=20),
    heat=st.floats(0, 1, width=32),
)
def test_any_text_and_any_places_are_drawn_and_nothing_is_lost(text, starts, heat) -> None:
    received = np.full((3, len(starts) - 1), heat, np.float32)
    places = np.array(starts, np.int32)
    found = HeatMap.of(asked(text), {"answer_received": received, "token_starts": places})
    assert found is not None
    clean = HeatMap(text, found.heat * 0, found.starts).marked(colour=True).plain
    assert found.marked(colour=True).plain == clean
    found.stretches()
    assert 0 <= found.template_share() <= 1 + 1e-6
