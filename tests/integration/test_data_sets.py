"""Haystacks and traffic out of Hugging Face data sets: local folders, no network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stressbench.errors import SuiteError
from stressbench.prompts.base import expand
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.suite.suite import PromptSpec
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.template import ChatTemplate

pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    data = tmp_path / "data"
    data.mkdir()
    rows = [{"text": f"Ship {n} left port {n % 5} at dawn. The crew sang."} for n in range(200)]
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return data


def test_a_data_set_folder_is_a_corpus_and_a_log_of_traffic(folder: Path) -> None:
    prompt_format = PromptFormat(ByteTokenizer(), ChatTemplate())
    niah = PromptSpec(
        use="niah",
        items=1,
        budgets=[1200],
        arms=["stress"],
        params={"haystack": "corpus", "corpus": str(folder)},
    )
    ((case,),) = expand(niah, seed=0, prompt_format=prompt_format)
    assert len(case.content_ids) == 1200
    assert case.text.count("left port") > 10
    replay = PromptSpec(use="replay", items=5, params={"path": str(folder), "field": "text"})
    conditions = list(expand(replay, seed=0, prompt_format=prompt_format))
    assert all("left port" in case.text for (case,) in conditions)


def test_a_data_set_that_is_not_there_is_named(folder: Path) -> None:
    spec = PromptSpec(use="replay", params={"path": str(folder / "nowhere")})
    with pytest.raises(SuiteError, match="neither a file nor a data set"):
        list(expand(spec, seed=0, prompt_format=PromptFormat(ByteTokenizer(), ChatTemplate())))
