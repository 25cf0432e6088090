"""A user's corpus as haystack, and a user's traffic replayed."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from stressbench.errors import SuiteError
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.haystacks.records import RECORD_KINDS, Records
from stressbench.schema.suite.suite import PromptSpec
from tests.unit.prompts.specs import DATA, cases

STORY = [f"Sentence number {n} tells of ship {n % 7} and its crew." for n in range(60)]


def niah(corpus: Path | str, field: str = "text") -> PromptSpec:
    params = {"haystack": "corpus", "corpus": str(corpus), "field": field}
    return PromptSpec(use="niah", items=2, budgets=[900], params=dict(params), arms=["stress"])


def corpus_files(folder: Path) -> dict[str, tuple[Path, str]]:
    text, lines, table = folder / "a.txt", folder / "a.jsonl", folder / "a.csv"
    text.write_text("\n\n".join(STORY), "utf-8")
    lines.write_text("".join(json.dumps({"body": line}) + "\n" for line in STORY), "utf-8")
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["id", "body"], *([n, line] for n, line in enumerate(STORY))])
    return {"txt": (text, "text"), "jsonl": (lines, "body"), "csv": (table, "body")}


@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv"])
def test_a_corpus_fills_the_haystack_exactly(
    kind: str, tmp_path: Path, bytes_format: PromptFormat
) -> None:
    path, field = corpus_files(tmp_path)[kind]
    for case in cases(niah(path, field), bytes_format):
        assert len(case.content_ids) + bytes_format.template_tokens == 900
        assert case.text.count("tells of ship") > 5


def test_parquet_and_data_set_folders_are_read_through_datasets(
    tmp_path: Path, bytes_format: PromptFormat
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"body": STORY}), file)
    made = cases(niah(file, "body"), bytes_format)
    assert all("tells of ship" in case.text for case in made)


@pytest.mark.parametrize("kind", RECORD_KINDS)
def test_records_hide_the_needle_as_well(kind: str, bytes_format: PromptFormat) -> None:
    spec = PromptSpec(
        use="niah", items=2, budgets=[900], params={"haystack": kind}, arms=["stress"]
    )
    for case in cases(spec, bytes_format):
        assert len(case.content_ids) + bytes_format.template_tokens == 900
        assert case.expected[0] in case.text
        assert case.text.count("\n") > 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "too short."}\n', "1 sentences"),
        ("{broken\n", "not a JSON object"),
        ('{"other": 1}\n', "has no 'text'; it has other"),
        ("[1, 2]\n", "not a JSON object"),
    ],
)
def test_a_bad_corpus_is_named(
    content: str, message: str, tmp_path: Path, bytes_format: PromptFormat
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content, "utf-8")
    with pytest.raises(SuiteError, match=message):
        cases(niah(path), bytes_format)


def test_an_unknown_ending_and_a_missing_file_are_named(
    tmp_path: Path, bytes_format: PromptFormat
) -> None:
    odd = tmp_path / "text.docx"
    odd.write_bytes(b"PK")
    with pytest.raises(SuiteError, match="does not say which format"):
        cases(niah(odd), bytes_format)
    with pytest.raises(SuiteError, match="needs a file or data set"):
        cases(niah(""), bytes_format)


def test_prose_is_varied_and_holds_no_digits() -> None:
    sentences = [sentence for index in range(64) for sentence in PROSE.chunk(index)]
    assert len(set(sentences)) > 0.95 * len(sentences)
    text = "".join(sentences)
    assert not any(char.isdigit() for char in text)
    words = Counter(text.lower().replace(",", " ").replace(".", " ").split())
    assert len(words) > 450
    assert all(sentence.startswith(" ") and sentence.endswith(".") for sentence in sentences)


@pytest.mark.parametrize("kind", RECORD_KINDS)
def test_records_end_their_lines_and_hold_no_codes(kind: str) -> None:
    source = Records(kind)
    for record in [*source.padding, *source.chunk(0), *source.chunk(1)]:
        assert record.endswith("\n")
        digits = "".join(char if char.isdigit() else " " for char in record).split()
        assert all(len(number) < 6 for number in digits)


def replay(path: Path, items: int, **params: str) -> PromptSpec:
    return PromptSpec(use="replay", items=items, params={"path": str(path), **params})


def test_traffic_is_replayed_with_answers_times_and_chat(bytes_format: PromptFormat) -> None:
    made = cases(replay(DATA / "traffic.jsonl", 4), bytes_format)
    assert [case.text.split()[0] for case in made] == ["What", "Another", "Name", "Summarise"]
    turns = [(each.role, each.content) for each in made[1].messages]
    assert turns == [
        ("user", "Name a colour."), ("assistant", "Red."), ("user", "Another one?"),
    ]  # fmt: skip
    assert [case.messages for case in (made[0], made[2], made[3])] == [(), (), ()]
    assert [case.scorer for case in made] == [
        "exact_match", "well_formed", "exact_match", "well_formed",
    ]  # fmt: skip
    assert made[2].expected == ("2 and 3", "3 and 5")
    assert [case.params["timestamp_s"] for case in made] == [0.0, 1.5, 2.25, 4.0]


def test_the_sample_follows_the_lengths_of_the_traffic(
    tmp_path: Path, bytes_format: PromptFormat
) -> None:
    path = tmp_path / "traffic.jsonl"
    lengths = [20] * 700 + [200] * 200 + [2000] * 100
    with path.open("w", encoding="utf-8") as file:
        for number, length in enumerate(lengths):
            prompt = f"{number:05d} " + "x" * (length - 6)
            file.write(json.dumps({"prompt": prompt}) + "\n")
    made = cases(replay(path, 50), bytes_format, seed=1)
    assert Counter(len(case.text) for case in made) == {20: 35, 200: 10, 2000: 5}
    assert cases(replay(path, 50), bytes_format, seed=1) == made
    assert cases(replay(path, 50), bytes_format, seed=2) != made


def test_sampling_keeps_memory_flat(tmp_path: Path, bytes_format: PromptFormat) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number in range(rows):
                file.write(json.dumps({"prompt": f"{number} " + "word " * 40}) + "\n")
        tracemalloc.start()
        cases(replay(path, 20), bytes_format)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(100)  # imports and caches
    assert peak(20_000) < 2 * peak(2_000)


def test_asking_for_more_than_there_is_says_how_much_there_is(bytes_format: PromptFormat) -> None:
    with pytest.raises(SuiteError, match="items is 9, but there are only 4 prompts"):
        cases(replay(DATA / "traffic.jsonl", 9), bytes_format)
    with pytest.raises(SuiteError, match="has no 'question'; it has prompt"):
        cases(replay(DATA / "traffic.jsonl", 2, field="question"), bytes_format)


@pytest.mark.parametrize(("delimiter", "mark"), [(";", ";"), ("tab", "\t")])
def test_a_csv_file_may_have_another_delimiter(
    delimiter: str, mark: str, tmp_path: Path, bytes_format: PromptFormat
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"prompt{mark}answer\nOne, or two?{mark}1\n", "utf-8")
    (case,) = cases(replay(path, 1, delimiter=delimiter), bytes_format)
    assert (case.text, case.expected) == ("One, or two?", ("1",))
    with pytest.raises(SuiteError, match="single column") as caught:
        cases(replay(path, 1), bytes_format)
    assert "delimiter" in str(caught.value.hint)
