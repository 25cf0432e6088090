"""A real tokenizer that fails on real text: the others go on, and the answer says so."""

from __future__ import annotations

from tests.unit.survey.test_command import files, run


def test_a_tokenizer_that_fails_is_null_with_a_reason_and_the_rest_counts(tmp_path):
    (tmp_path / "spaces").write_text(" " * 1_000_000 + "x")
    [found] = files(tmp_path / "spaces", "-t", "o200k_base", "-t", "bytes")
    failed, counted = found["tokenizers"]
    assert failed["tokens"] is None
    assert "ValueError" in failed["why_null"]["tokens"]
    assert counted["tokens"] == found["bytes"] == 1_000_001
    [alone] = files(tmp_path / "spaces", "-t", "o200k_base")
    assert alone["bytes"] == 1_000_001
    assert "failed" in run(tmp_path / "spaces", "-t", "o200k_base")
