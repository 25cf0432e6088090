"""The parts of the openai engine that need no server: events, metrics, addresses, keys."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.engines.openai.answer import Expected, StreamedAnswer
from stressbench.engines.openai.args import ApiKey, read_address, read_args, read_key
from stressbench.engines.openai.error_message import error_message
from stressbench.engines.openai.metrics import (
    NAMES,
    MetricsSample,
    cache_config,
    is_vllm,
    names_of,
    read_sample,
    step_between,
)
from stressbench.engines.openai.request import OPTIONAL, Dialect, header_of
from stressbench.engines.openai.sse import EventStream
from stressbench.errors import EngineError, RequestError, SuiteError
from tests.conftest import ROOT

LINES = st.binary(max_size=20).filter(lambda data: b"\n" not in data and b"\r" not in data)


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(at % (len(stream) + 1) for at in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


@settings(max_examples=50)
@given(
    st.lists(LINES, max_size=6),
    st.lists(st.integers(0, 1000), max_size=6),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_events_are_the_same_however_the_bytes_are_cut(
    payloads: list[bytes], cuts: list[int], newline: bytes
) -> None:
    stream = b"".join(
        b"data: " + data + newline + b": comment" + newline + newline for data in payloads
    )
    whole = EventStream().feed(stream)
    assert whole == payloads
    events = EventStream()
    assert [found for part in cut(stream, cuts) for found in events.feed(part)] == payloads


@settings(deadline=None)
@given(ids=st.lists(st.text(), max_size=20, unique=True), more=st.text())
def test_a_request_id_makes_a_header_of_its_own_whatever_it_holds(
    ids: list[str], more: str
) -> None:
    odd = [*ids, *(f"case/{each}\r\n{more}" + "x" * 400 for each in ids)]
    headers = [header_of(each) for each in odd]
    for header in headers:
        assert len(header) <= 200
        assert header.isascii()
        assert header.isprintable()
        assert " " not in header
    assert len(set(headers)) == len(set(odd))
    assert header_of("dense/niah/stress/b64/d0.5/i0/quality/0") == (
        "dense/niah/stress/b64/d0.5/i0/quality/0"
    )


def test_the_lines_of_one_event_are_joined() -> None:
    assert EventStream().feed(b"event: x\nid: 1\ndata:a\ndata: b\n\ndata: c\n\n") == [b"a\nb", b"c"]


def test_an_event_without_end_is_refused() -> None:
    events = EventStream()
    half = b"x" * (3 << 20)
    assert events.feed(half) == []
    with pytest.raises(RequestError, match="more than"):
        events.feed(half)


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_any_event_is_read_or_refused_and_nothing_else_is_raised(data: bytes) -> None:
    answer = StreamedAnswer(Expected(prompt_tokens=None, max_tokens=4), lambda: 0)
    try:
        answer.take([data])
        answer.check()
    except RequestError:
        pass


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["choices", "usage", "text", "delta", "error", "token_ids"]), inner
            )
        ),
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    answer = StreamedAnswer(Expected(prompt_tokens=3, max_tokens=4), lambda: 0)
    try:
        answer.take([json.dumps(value).encode()])
        answer.check()
    except RequestError:
        pass


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"error": {"message": "too long", "type": "BadRequest"}}, "too long"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"error": "plain"}, "plain"),
        ({"object": "error", "message": "old vLLM"}, "old vLLM"),
        ("  two\n lines ", "two lines"),
        ("", "nothing"),
        (None, "nothing"),
    ],
)
def test_what_servers_say_is_found_in_all_their_shapes(said: object, message: str) -> None:
    assert error_message(said) == message


def test_a_request_holds_what_the_server_takes_and_no_more() -> None:
    full = Dialect(api="completions", model="m")
    bare = Dialect(api="completions", model="m", optional=frozenset())
    ask = {"max_tokens": 4, "seed": 7, "cache_salt": "s"}
    body = json.loads(full.body((1, 2), **ask))
    assert body["prompt"] == [1, 2]
    assert body["stream_options"] == {"include_usage": True}
    assert body["return_token_ids"] is True
    assert set(json.loads(bare.body((1, 2), **ask))) == {
        "model",
        "prompt",
        "max_tokens",
        "temperature",
        "stream",
    }
    assert "cache_salt" not in json.loads(full.body((1,), max_tokens=4, seed=7, cache_salt=""))
    assert len(OPTIONAL) == len(full.optional)


def test_text_that_is_no_unicode_is_rejected() -> None:
    dialect = Dialect(api="chat", model="m")
    with pytest.raises(RequestError, match="not Unicode") as raised:
        dialect.body("\ud800", max_tokens=1, seed=0, cache_salt="")
    assert raised.value.kind == "rejected"


PAGE = b"""\
vllm:num_requests_running{engine="0",model_name="a \\"b\\" }"} 1.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
vllm:num_requests_running_by_lora{engine="0"} 99.0
vllm:num_requests_waiting 0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.75 1700000000
vllm:prefix_cache_queries_total{engine="0"} 6.4e+01
vllm:prefix_cache_hits_total{engine="0"} 32.0
vllm:num_preemptions_total{engine="0"} 0.0
vllm:prompt_tokens_by_source_total{engine="0",source="local_compute"} 100.0
vllm:prompt_tokens_by_source_total{engine="0",source="local_cache_hit"} 7.0
vllm:generation_tokens_total{engine="0"} 10.0"""
NEWEST = NAMES[max(NAMES)]


def test_engines_behind_one_page_are_taken_together() -> None:
    sample = read_sample(PAGE, NEWEST, "0.32.0")
    assert sample == MetricsSample(
        running=3,
        waiting=0,
        kv_usage=0.5,
        prefix_queries=64,
        prefix_hits=32,
        preemptions=0,
        prompt_tokens=100,
        output_tokens=10,
    )
    assert is_vllm(PAGE)
    assert not is_vllm(b"go_gc_duration_seconds 1\n")


@pytest.mark.parametrize("name", [line.split(b"{")[0].split(b" ")[0] for line in PAGE.split(b"\n")])
def test_each_figure_that_is_missing_is_named(name: bytes) -> None:
    if name == b"vllm:num_requests_running_by_lora":
        return
    with pytest.raises(EngineError, match=f"lack {name.decode()}"):
        read_sample(PAGE.replace(name, b"other"), NEWEST, "0.40.0")


@pytest.mark.parametrize("value", [b"NaN", b"+Inf", b"much", b""])
def test_what_is_no_number_is_an_error(value: bytes) -> None:
    with pytest.raises(EngineError, match="no number"):
        read_sample(PAGE.replace(b"waiting 0", b"waiting " + value), NEWEST, None)


def test_counters_become_growth_and_survive_a_restart() -> None:
    before = read_sample(PAGE, NEWEST, None)
    after = read_sample(PAGE.replace(b"10.0", b"15.0"), NEWEST, None)
    assert step_between(before, after, 5).output_tokens == 5
    restarted = read_sample(PAGE.replace(b" 10.0", b" 3.0"), NEWEST, None)
    assert step_between(before, restarted, 5).output_tokens == 3


def test_names_go_by_version() -> None:
    assert names_of("0.32.0") is NEWEST
    assert names_of("1.2.3.dev1") is NEWEST
    assert names_of(None) is NEWEST
    assert names_of("weird") is NEWEST
    with pytest.raises(EngineError, match="oldest known"):
        names_of("0.9.2")


def test_the_names_are_on_the_page_of_their_version() -> None:
    recorded = (ROOT / "tests/golden/metrics/vllm-0.32.txt").read_text("utf-8").split()
    for field in dataclasses.fields(NEWEST):
        name = getattr(NEWEST, field.name).partition("{")[0]
        assert name.removesuffix("_total") in recorded


def test_the_cache_tells_its_size() -> None:
    page = b'vllm:cache_config_info{block_size="32",num_gpu_blocks="65"} 1.0'
    assert cache_config(page)["num_gpu_blocks"] == "65"
    assert cache_config(b"") == {}


@pytest.mark.parametrize(
    ("given", "api", "root"),
    [
        ("http://h:8000", "http://h:8000/v1", "http://h:8000"),
        ("http://h:8000/", "http://h:8000/v1", "http://h:8000"),
        ("http://h/v1/", "http://h/v1", "http://h"),
        ("https://h/gateway/openai", "https://h/gateway/openai", "https://h/gateway/openai"),
        ("http://[::1]:8000", "http://[::1]:8000/v1", "http://[::1]:8000"),
    ],
)
def test_addresses(given: str, api: str, root: str) -> None:
    address = read_address(given)
    assert (address.api, address.root) == (api, root)


@pytest.mark.parametrize("given", ["", "h:8000", "ftp://h", "http://", "http://h:x", "http://[::"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(SuiteError):
        read_address(given)


def test_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", " sk-0123456789 \n")
    key = read_key("K")
    assert key.headers() == {"Authorization": "Bearer sk-0123456789"}
    assert key.redact("bad key sk-0123456789!") == "bad key [API key]!"
    assert "0123" not in repr(key)
    assert ApiKey("K", None).headers() == {}
    assert ApiKey("K", "none").redact("none of it") == "none of it"
    monkeypatch.setenv("K", "a\r\nX-Evil: b")
    with pytest.raises(SuiteError, match="header"):
        read_key("K")


def test_later_arguments_win_and_values_are_not_repeated() -> None:
    args = read_args({"base_url": "http://a", "retries": 1}, {"base_url": "http://b"})
    assert (args.base_url, args.retries) == ("http://b", 1)
    with pytest.raises(SuiteError) as raised:
        read_args({"api_key": "sk-secret-secret"})
    assert "sk-secret" not in str(raised.value)
    assert "api_key_env" in (raised.value.hint or "")


@pytest.mark.parametrize("ignored", [False, True])
def test_a_server_is_told_to_go_on_past_the_end_where_the_suite_says_so(ignored) -> None:
    dialect = Dialect(api="completions", model="m")
    body = dialect.body([1], max_tokens=4, seed=0, cache_salt="", ignore_eos=ignored)
    assert json.loads(body).get("ignore_eos", False) is ignored
