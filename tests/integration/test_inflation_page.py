"""docs/token-inflation.md shows what the generator computes today, and what is known elsewhere."""

from __future__ import annotations

import pytest

from benchmarks import inflation_table as page
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "token-inflation.md").read_text("utf-8")


def table(name):
    inside = PAGE.split(page.BEGIN.format(name))[1].split(page.END.format(name))[0]
    header, _, *rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in inside.strip().splitlines()
    ]
    return [header, *rows]


@pytest.fixture(scope="module")
def computed():
    tokenizers = page.opened(list(page.VOCABULARIES))
    if len(tokenizers) < len(page.VOCABULARIES):
        pytest.skip("some vocabularies are not installed")
    return {
        "inflation": page.inflation_table(tokenizers),
        "density": page.density_table(tokenizers),
    }


@pytest.mark.parametrize("name", ["inflation", "density"])
def test_the_page_is_current(computed, name):
    assert table(name) == computed[name]


def test_the_tables_agree_with_figures_measured_elsewhere():
    assert page.shape_misses(table("inflation"), table("density")) == []


def test_the_page_covers_enough():
    assert len(page.VOCABULARIES) >= 5
    assert len(table("inflation")) > 10
    assert len(table("density")) > 10


def test_a_wrong_figure_is_noticed():
    wrong = [list(row) for row in table("inflation")]
    wrong[1][1] = "3.00"
    assert any("fullwidth" in miss for miss in page.shape_misses(wrong, table("density")))
    wrong[3][wrong[0].index("bytes")] = "9.99"
    assert any("on bytes" in miss for miss in page.shape_misses(wrong, table("density")))
