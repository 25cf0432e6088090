"""What single classes do in addition to the contract of all."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from stressbench.errors import SuiteError
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.prompts.reasoning.freq_words import zipf_counts
from stressbench.prompts.routing.moe_concentrate import strongest
from stressbench.schema.case import Case
from stressbench.schema.suite.suite import PromptSpec
from tests.unit.prompts.specs import cases


def one(prompt_format: PromptFormat, use: str, **fields: object) -> dict[str, Case]:
    """The arms of one item."""
    spec = PromptSpec(use=use, items=1, **fields)  # type: ignore[arg-type]
    return {case.arm: case for case in cases(spec, prompt_format)}


def test_items_of_a_group_share_their_prefix_to_the_token(
    prompt_formats: dict[str, PromptFormat],
) -> None:
    prompt_format = prompt_formats["cl100k_base"]
    spec = PromptSpec(use="shared_prefix", items=6, params={"prefixes": 2, "prefix_tokens": 400})
    groups: dict[object, set[tuple[int, ...]]] = {}
    texts = set()
    for case in cases(spec, prompt_format):
        groups.setdefault(case.params["group"], set()).add(case.content_ids[:400])
        texts.add(case.text)
    assert [len(shared) for shared in groups.values()] == [1, 1]
    assert len(texts) == 6
    with pytest.raises(SuiteError, match="give 16 different prompts, and items is 17"):
        cases(PromptSpec(use="shared_prefix", items=17), prompt_format)


def test_a_blob_carries_the_text_of_its_twin(bytes_format: PromptFormat) -> None:
    made = one(bytes_format, "base64_blob", budgets=[2000], params={"bytes": 120})
    blob = made["stress"].text.partition("Data: ")[2].partition(" (end")[0]
    prose = base64.b64decode(blob, validate=True).decode()
    assert len(prose) == 120
    assert f" {prose}. The secret code" in made["isocontent"].text
    assert prose not in made["isotoken"].text


def test_the_blob_stands_where_it_was_asked_for(bytes_format: PromptFormat) -> None:
    orders = {}
    for position in ("before", "after", "around"):
        made = one(bytes_format, "base64_blob", budgets=[2000], params={"position": position})
        orders[position] = [segment.part for segment in made["stress"].segments]
    assert orders == {
        "before": ["blob", "needle", "question"],
        "after": ["needle", "blob", "question"],
        "around": ["blob", "needle", "blob", "question"],
    }


def test_every_json_format_is_the_same_object(bytes_format: PromptFormat) -> None:
    tables = []
    for shape in ("compact", "pretty", "jcs"):
        made = one(bytes_format, "kv_json", params={"format": shape, "pairs": 12})
        text = made["stress"].text
        tables.append(text[text.index("{") : text.index("}") + 1])
    assert len({str(sorted(json.loads(table).items())) for table in tables}) == 1
    assert len(tables[0]) < len(tables[1])
    assert list(json.loads(tables[2])) == sorted(json.loads(tables[2]))
    assert list(json.loads(tables[0])) == list(json.loads(tables[1]))


def test_escaping_is_undone_by_as_many_readings(bytes_format: PromptFormat) -> None:
    made = one(bytes_format, "escaped_json", params={"levels": 3, "pairs": 4})
    inner = made["stress"].text.partition("codes: ")[2].partition(" (end")[0]
    for _ in range(3):
        inner = json.loads(inner)
    assert made["stress"].expected[0] in json.loads(inner).values()
    assert f"codes: {inner} (end" in made["isocontent"].text


def test_shuffled_words_are_the_twins_words(prompt_formats: dict[str, PromptFormat]) -> None:
    prompt_format = prompt_formats["o200k_base"]
    made = one(prompt_format, "shuffled_order", budgets=[600])
    stress, twin = made["stress"], made["isocontent"]
    assert sorted(stress.text.split()) == sorted(twin.text.split())
    assert stress.text != twin.text
    assert len(stress.content_ids) == len(twin.content_ids)


def test_a_window_keeps_words_near_their_place(bytes_format: PromptFormat) -> None:
    made = one(bytes_format, "shuffled_order", budgets=[3000], params={"window": 5})
    stress, twin = (made[arm].text.split()[4:] for arm in ("stress", "isocontent"))
    for start in range(0, 200, 5):
        assert sorted(stress[start : start + 5]) == sorted(twin[start : start + 5])


def test_shuffled_ids_are_the_twins_ids(prompt_formats: dict[str, PromptFormat]) -> None:
    made = one(
        prompt_formats["o200k_base"], "shuffled_order", budgets=[600], params={"unit": "ids"}
    )
    stress, twin = made["stress"], made["isocontent"]
    assert stress.forced_ids
    assert stress.content_ids != twin.content_ids
    assert sorted(stress.content_ids) == sorted(twin.content_ids)


@pytest.mark.parametrize("mode", ["chars", "random"])
def test_other_cuts_of_the_same_text(mode: str, prompt_formats: dict[str, PromptFormat]) -> None:
    prompt_format = prompt_formats["cl100k_base"]
    made = one(prompt_format, "non_canonical_seg", budgets=[900], params={"mode": mode})
    stress, twin = made["stress"], made["isocontent"]
    assert stress.text == twin.text == prompt_format.tokenizer.decode(stress.content_ids)
    assert len(stress.content_ids) > 1.5 * len(twin.content_ids)


def test_hidden_codes_are_hidden_and_count_as_rivals(bytes_format: PromptFormat) -> None:
    tags = one(bytes_format, "bidi_tags", budgets=[2000])["stress"]
    shown = "".join(char for char in tags.text if ord(char) < 0xE0000)
    assert tags.expected[0] in shown
    assert tags.values[0] not in shown
    hidden = "".join(chr(ord(c) - 0xE0000) for c in tags.text if ord(c) >= 0xE0000)
    assert tags.values[0] in hidden
    bidi = one(bytes_format, "bidi_tags", budgets=[2000], params={"mode": "bidi"})["stress"]
    assert f"\u202e{bidi.expected[0][::-1]}\u202c" in bidi.text


def test_the_latest_date_is_the_truth(bytes_format: PromptFormat) -> None:
    from datetime import datetime

    made = one(bytes_format, "near_distractor", budgets=[3000], params={"distractors": 6})
    found = []
    for part in made["stress"].text.split("Since ")[1:]:
        date, _, rest = part.partition(" the secret code")
        found.append((datetime.strptime(date + " 2023", "%d %B %Y"), rest.split()[3].rstrip(".")))  # noqa: DTZ007
    assert len(found) == 7
    assert max(found)[1] == made["stress"].expected[0]


def test_true_and_false_are_balanced(bytes_format: PromptFormat) -> None:
    spec = PromptSpec(use="fact_join", items=10, budgets=[900], arms=["stress"])
    truths = [case.expected[0] for case in cases(spec, bytes_format)]
    assert truths.count("yes") == truths.count("no") == 5


def test_frequencies_fall_and_the_top_is_clear() -> None:
    for words in (20, 60, 500, 5000):
        for alpha in (0.5, 1.2, 4.0):
            counts = zipf_counts(words, alpha)
            assert counts[0] > counts[1] > counts[2] > counts[3]
            assert all(count >= 1 for count in counts)


def test_switching_and_sorted_text_have_the_same_phrases(bytes_format: PromptFormat) -> None:
    from stressbench.prompts.routing.moe_churn import Switching

    mixed, sorted_ = Switching(6, sort=False), Switching(6, sort=True)
    for index in range(20):
        assert sorted(mixed.chunk(index)) == sorted(sorted_.chunk(index))
        assert mixed.chunk(index)[::2] == sorted_.chunk(index)[:4]


def test_the_search_log_ranks_words_by_the_load_they_caused(
    tmp_path: Path, bytes_format: PromptFormat
) -> None:
    log = tmp_path / "records.jsonl"
    lines: list[dict[str, object]] = [{"type": "run"}]
    searched = (("crate", 2.0), ("lantern oak", 3.5), ("rope", 1.1), ("crate", 2.4))
    for word, load in searched:
        lines.append(
            {
                "type": "case",
                "prompt_class": "moe_concentrate",
                "arm": "stress",
                "params": {"searched": word},
                "routing": {"prefill_imbalance_mean": load, "imbalance_mean": 9 - load},
            }
        )
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert strongest(str(log), where="x") == [("lantern", "oak"), ("crate",), ("rope",)]
    attack = one(bytes_format, "moe_concentrate", budgets=[900], params={"log": str(log)})
    assert attack["stress"].params["searched"] == "lantern oak"
    assert attack["stress"].text.count("lantern oak") > 10
    assert len(str(attack["isocontent"].params["searched"]).split(" ")) == 2
    params = {"log": str(log), "search": True, "words": 3}
    varied = one(bytes_format, "moe_concentrate", budgets=[900], params=params)["stress"]
    assert varied.params["searched"] in {"lantern oak crate", "lantern oak rope"}
    search = one(bytes_format, "moe_concentrate", budgets=[900])["stress"]
    cities = [case.text.rpartition("code for ")[2] for case in (attack["stress"], varied, search)]
    assert cities[0] not in cities[1:]  # reported on other facts than were searched on
    log.write_text('{"type": "run"}\n', "utf-8")
    strongest.cache_clear()
    with pytest.raises(SuiteError, match="no routing telemetry"):
        strongest(str(log), where="x")


def test_the_search_log_may_be_a_run_directory_and_its_last_line_may_be_cut(tmp_path: Path) -> None:
    log = tmp_path / "records.jsonl"
    line = json.dumps(
        {
            "type": "case",
            "arm": "stress",
            "params": {"searched": "rope"},
            "routing": {"prefill_imbalance_mean": 2.0},
        }
    )
    for cut in range(1, len(line)):
        log.write_text(f"{line}\n{line[:cut]}", "utf-8")
        strongest.cache_clear()
        assert strongest(str(tmp_path), where="x") == [("rope",)]
    log.write_text(f"{line[:-1]}\n{line}\n", "utf-8")
    strongest.cache_clear()
    with pytest.raises(SuiteError, match=r"records.jsonl:1: not a record"):
        strongest(str(tmp_path), where="x")


def test_near_duplicates_look_like_the_needle_and_hold_no_code(bytes_format: PromptFormat) -> None:
    params = {"haystack": "near_duplicates"}
    made = one(bytes_format, "niah", budgets=[2500], params=params)["stress"]
    assert made.text.count("secret") > 12
    digits = "".join(char if char.isdigit() else " " for char in made.text).split()
    assert digits == [made.expected[0]]
