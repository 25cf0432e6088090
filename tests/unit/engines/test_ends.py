"""An answer that was told to go on is the same answer, however its outputs were merged."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.engines.base import Completion
from stressbench.engines.ends import Ends, end_tokens
from stressbench.engines.openai.answer import Expected, StreamedAnswer
from stressbench.engines.vllm.engine import _Stream

END = 0
PIECES = {0: b"", 1: b" 482", 2: b"913", 3: b" the", 4: b"\xe6\x97", 5: b"\xa5", 6: b"\n", 7: b"x"}
"""Token ids and their bytes: id 0 ends an answer, 4 and 5 are two halves of one character."""
HALF = "\N{REPLACEMENT CHARACTER}"


def decode(ids: Sequence[int]) -> str:
    return b"".join(PIECES[each] for each in ids).decode("utf-8", "replace")


def streamed(ids: Sequence[int]) -> list[str]:
    """What each token adds to the text: half a character waits for its other half."""
    done, texts = "", []
    for size in range(1, len(ids) + 1):
        text = decode(ids[:size])
        whole = text if not text.endswith(HALF) else done
        texts.append(whole[len(done) :])
        done = whole
    return texts


def lots(ids: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[list[int], str]]:
    texts, at, place = streamed(ids), 0, 0
    while at < len(ids):
        size = sizes[place % len(sizes)]
        yield list(ids[at : at + size]), "".join(texts[at : at + size])
        at, place = at + size, place + 1


def through_vllm(ids: Sequence[int], sizes: Sequence[int]) -> Completion:
    stream = _Stream(lambda: 1, Ends(frozenset({END}), decode))
    for some, text in lots(ids, sizes):
        logprobs = [{each: SimpleNamespace(logprob=-float(each))} for each in some]
        part = SimpleNamespace(
            token_ids=some,
            text=text,
            logprobs=logprobs,
            finish_reason="length",
            routed_experts=None,
        )
        stream.take(
            SimpleNamespace(outputs=[part], prompt_token_ids=[7], metrics=None, num_cached_tokens=0)
        )
    return stream.completion(cached=True)


def through_http(
    ids: Sequence[int], sizes: Sequence[int], ends: Ends | None = None, *, told: bool = True
) -> Completion:
    ends = ends or Ends(frozenset({END}), decode)
    answer = StreamedAnswer(Expected(prompt_tokens=1, max_tokens=99, ends=ends), lambda: 1)
    for some, text in lots(ids, sizes):
        choice: dict[str, object] = {"text": text}
        if told:
            choice["token_ids"] = some
            choice["logprobs"] = {"token_logprobs": [-float(each) for each in some]}
        answer.take([json.dumps({"choices": [choice]}).encode()])
    last = {"choices": [{"text": "", "finish_reason": "length"}]}
    answer.take([json.dumps(last).encode()])
    return answer.completion(0, (), chat=False)


token_ids = st.lists(st.sampled_from(sorted(PIECES)), min_size=1, max_size=20)


@pytest.mark.parametrize("through", [through_vllm, through_http])
@settings(deadline=None)
@given(ids=token_ids, sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_an_answer_is_cut_at_the_end_token_however_outputs_are_merged(
    through, ids: list[int], sizes: list[int]
) -> None:
    whole = through(ids, sizes)
    one_by_one = through(ids, [1])
    assert whole.text == one_by_one.text
    assert whole.logprobs == one_by_one.logprobs
    assert whole.token_ids == tuple(ids)
    end = ids.index(END) if END in ids else None
    assert whole.text == "".join(streamed(ids)[:end])
    assert whole.finish_reason == ("length" if end is None else "stop")


def test_a_blank_that_a_tokenizer_drops_at_the_start_is_no_matter() -> None:
    ends = Ends(frozenset({END}), lambda ids: decode(ids).lstrip())
    assert ends.text([], [1, 2], " 482913 the rest") == " 482913"


def test_a_server_that_does_not_tell_ids_leaves_the_answer_unjudged() -> None:
    blind = through_http([1, 2, 0, 7], [1], told=False)
    assert "ignore_eos" in blind.why_null["quality.score"]
    unknown = through_http([1, 2, 7], [1], Ends(frozenset(), decode))
    assert "ignore_eos" in unknown.why_null["quality.score"]
    assert "quality.score" not in through_http([1, 2, 7], [1]).why_null


@pytest.mark.parametrize("given_", [0, [0], [0, 2], 7, None, [], True])
def test_the_end_tokens_are_those_of_the_folder_zero_too(tmp_path: Path, given_: object) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": given_}), "utf-8")
    wanted = given_ if isinstance(given_, list) else [] if given_ in {None, True} else [given_]
    assert end_tokens(tmp_path) == frozenset(wanted)
