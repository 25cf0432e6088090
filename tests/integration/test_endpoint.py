"""The openai engine against servers that behave, and servers that do not."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from stressbench.clock import Clock
from stressbench.engines.base import Completion, EngineSetup, RemoteRequestError
from stressbench.engines.openai import http as _openai_http
from stressbench.engines.openai.engine import OpenAIEngine
from stressbench.errors import EngineError
from stressbench.schema.step import StepReading
from stressbench.schema.suite.suite import EngineSpec
from stressbench.store import read_run
from tests.cases import REQUEST
from tests.conftest import Cli
from tests.endpoint import (
    DONE,
    END,
    MODEL,
    STREAM,
    Asked,
    Behave,
    Endpoint,
    answer_well,
    chat,
    chunk,
    event,
    plain,
    token,
    usage,
)

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every back-off, in seconds; none is waited for."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    original = _openai_http.Connection.__init__

    def patched(self: object, *args: object, **kwargs: object) -> None:
        original(self, *args, sleep=sleep, **kwargs)

    monkeypatch.setattr(_openai_http.Connection, "__init__", patched)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return asked


def setup_of(endpoint: Endpoint, **args: object) -> EngineSetup:
    engine = EngineSpec(args={"base_url": endpoint.url, "metrics": "off", **args})
    return EngineSetup(
        role="dense",
        model=MODEL,
        model_path=None,
        tokenizer_path=Path(),
        engine=engine,
        args={},
        clock=Clock(),
        seed=7,
        concurrency=4,
        log=Path("unused"),
        on_step=lambda _reading: None,
    )


@asynccontextmanager
async def started(endpoint: Endpoint, **args: object) -> AsyncIterator[OpenAIEngine]:
    engine = OpenAIEngine(setup_of(endpoint, **args))
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def ask(behave: Behave, **args: object) -> Completion:
    async with Endpoint(behave).listening() as endpoint, started(endpoint, **args) as engine:
        return await engine.complete(REQUEST, "one")


async def fails(behave: Behave, **args: object) -> RemoteRequestError:
    """A request fails, the engine lives on and answers the next one."""
    bad = True

    async def first_bad(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (behave if bad else answer_well)(asked, writer)

    async with Endpoint(first_bad).listening() as endpoint, started(endpoint, **args) as engine:
        with pytest.raises(RemoteRequestError) as raised:
            await engine.complete(REQUEST, "one")
        bad = False
        assert (await engine.complete(REQUEST, "two")).text == "t0t1"
    return raised.value


def says(*parts: bytes) -> Behave:
    """Stream exactly these bytes, one chunk each."""

    async def behave(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        for part in (STREAM, *map(chunk, parts), END):
            writer.write(part)
            await writer.drain()

    return behave


def refuses(status: int, *lines: str, body: bytes = b'{"error": {"message": "no"}}') -> Behave:
    async def behave(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(status, body, *lines))

    return behave


def cut_after(data: bytes) -> Behave:
    async def behave(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.transport.abort()

    return behave


async def test_token_ids_go_out_and_come_back() -> None:
    async with Endpoint().listening() as endpoint, started(endpoint) as engine:
        done = await engine.complete(REQUEST, "run/case/0")
    (asked,) = endpoint.asked
    assert asked.path == "/v1/completions"
    assert asked.headers["x-request-id"] == "run/case/0"
    assert asked.body["prompt"] == list(REQUEST.prompt_token_ids)
    assert asked.body["cache_salt"] == hashlib.sha256(REQUEST.cache_salt.encode()).hexdigest()
    assert asked.body["temperature"] == 0
    assert done.text == "t0t1"
    assert done.token_ids == (0, 1)
    assert done.logprobs == (-0.25, -0.25)
    assert done.prompt_tokens == len(REQUEST.prompt_token_ids)
    assert done.sent_ns <= done.token_ns[0] <= done.token_ns[1] <= done.finish_ns
    assert done.retries == ()
    assert set(done.why_null) >= {"kv.cached_tokens", "kv.preemptions", "timing.queue_ms"}


async def test_what_the_server_counts_is_taken_over() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 32}}
    metrics = event({"choices": [], "usage": None, "metrics": {"queue_time_ms": 1.5}})
    counts = usage(64, 1, **details)
    done = await ask(says(token(5, "a", "stop"), metrics, counts, DONE))
    assert done.cached_tokens == 32
    assert done.queue_ns == 1_500_000
    assert "kv.cached_tokens" not in done.why_null


@pytest.mark.parametrize("told", [1e308, -1.0, 1e12])
async def test_a_time_that_nobody_can_have_waited_is_null(told: float) -> None:
    metrics = event({"choices": [], "metrics": {"queue_time_ms": told}})
    done = await ask(says(token(5, "a", "stop"), metrics, DONE))
    assert done.queue_ns is None
    assert "impossible waiting time" in done.why_null["timing.queue_ms"]


@pytest.mark.parametrize("size", [1, 2, 7, 64])
async def test_bytes_may_be_cut_anywhere(size: int) -> None:
    stream = event({"choices": [{"text": "日本", "token_ids": [1], "finish_reason": None}]})
    stream += b": ping\r\n\r\n" + token(2, "!", "stop").replace(b"\n", b"\r\n") + DONE
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    done = await ask(says(*pieces))
    assert done.text == "日本!"
    assert len(done.token_ns) == 2


async def test_chat_where_ids_are_not_taken() -> None:
    async def behave(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(chat("Par", "is", prompt=41)) + END)

    endpoint = Endpoint(behave, takes=lambda asked: 404 if "prompt" in asked.body else 200)
    async with endpoint.listening(), started(endpoint) as engine:
        done = await engine.complete(REQUEST, "one")
        forced = replace(REQUEST, case=replace(REQUEST.case, forced_ids=True))
        with pytest.raises(RemoteRequestError, match="only takes text") as raised:
            await engine.complete(forced, "two")
    assert endpoint.asked[0].body["messages"] == [{"role": "user", "content": REQUEST.case.text}]
    assert done.text == "Paris"
    assert (done.prompt_tokens, done.output_tokens, done.token_ids) == (41, 2, ())
    assert "chat template" in done.why_null["tokens.template"]
    assert raised.value.kind == "rejected"


async def test_unknown_fields_are_left_out_for_a_server_that_refuses_them() -> None:
    def takes(asked: Asked) -> int:
        return 400 if {"cache_salt", "return_token_ids"} & set(asked.body) else 200

    endpoint = Endpoint(takes=takes)
    async with endpoint.listening():
        engine = OpenAIEngine(setup_of(endpoint))
        info = await engine.start()
        await engine.complete(REQUEST, "one")
        await engine.stop()
    assert info.args["accepted"] == ["logprobs", "penalties", "seed", "stream_options"]
    assert "cache_salt" not in endpoint.asked[0].body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "rejected"),
        (413, "rejected"),
        (422, "rejected"),
        (404, "rejected"),
        (307, "error"),
        (500, "error"),
        (502, "error"),
        (504, "timeout"),
        (408, "timeout"),
    ],
)
async def test_a_refusal_has_its_status_and_is_not_tried_again(status: int, kind: str) -> None:
    error = await fails(refuses(status))
    assert error.kind == kind
    assert f"HTTP {status}" in error.message
    assert error.retries == ()


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"\xff\xfe", b"[" * 10_000])
async def test_what_a_server_says_may_be_anything(body: bytes) -> None:
    error = await fails(refuses(500, body=body))
    assert error.message.startswith("HTTP 500: ")
    assert len(error.message) < 400


async def test_busy_servers_are_tried_again_with_growing_back_off(waits: list[float]) -> None:
    error = await fails(refuses(503), retries=4)
    assert error.kind == "rejected"
    assert [retry.reason for retry in error.retries] == ["HTTP 503: no"] * 4
    assert [retry.waited_ms for retry in error.retries] == [wait * 1e3 for wait in waits]
    assert all(0 <= wait <= 0.5 * 2**attempt for attempt, wait in enumerate(waits))


async def test_a_retried_request_keeps_the_time_of_its_first_attempt() -> None:
    left = [refuses(429), refuses(503), cut_after(b""), cut_after(STREAM)]

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if left else answer_well)(asked, writer)

    done = await ask(behave)
    assert done.text == "t0t1"
    assert len(done.retries) == 4
    assert "429" in done.retries[0].reason
    assert "connection lost" in done.retries[2].reason
    assert done.sent_ns <= done.retries[0].t_ns <= done.token_ns[0]


@pytest.mark.parametrize(
    "header", ["7", "Fri, 01 Jan 2100 00:00:00 GMT", "soon", "-1", "\xb2", "Fri, 99 Jan 2100"]
)
async def test_retry_after_is_honoured(header: str, waits: list[float]) -> None:
    left = [refuses(429, f"Retry-After: {header}")]

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (left.pop() if left else answer_well)(asked, writer)

    if header.endswith("GMT"):
        with pytest.raises(RemoteRequestError) as raised:
            await ask(behave)
        assert raised.value.kind == "rejected"  # nobody waits for decades
        return
    await ask(behave)
    assert (7 <= waits[0] <= 8) if header == "7" else (0 <= waits[0] <= 0.5)


BROKEN: dict[str, tuple[Behave, str]] = {
    "cut": (cut_after(STREAM + chunk(token(0, "a"))), "connection lost"),
    "ended": (says(token(0, "a")), "ended early, after 1 output"),
    "not JSON": (says(b"data: {oops\n\n"), "malformed event"),
    "wrong types": (says(event({"choices": [{"text": 5}]})), "malformed event"),
    "not UTF-8": (says(b'data: {"choices": [{"text": "\xff"}]}\n\n'), "malformed event"),
    "huge line": (says(*[b"data: " + b"x" * 65_536] * 70), "more than"),
    "an error inside": (says(token(0, "a"), event({"error": {"message": "OOM"}})), "OOM"),
    "too many tokens": (says(*[token(n, "a") for n in range(9)]), "more than the limit of 8"),
    "prompt miscounted": (
        says(token(0, "a", "stop"), usage(65, 1), DONE),
        "65 prompt tokens, and 64",
    ),
    "output miscounted": (
        says(token(0, "a", "stop"), usage(64, 2), DONE),
        "2 output tokens and sent 1",
    ),
    "negative counts": (says(usage(-1, 1)), "malformed event"),
    "goes on": (says(token(0, "a", "stop"), DONE, token(1, "b")), "after the end"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_is_an_error_and_the_run_goes_on(name: str) -> None:
    behave, message = BROKEN[name]
    error = await fails(behave, retries=0)
    assert error.kind == "error"
    assert message in error.message


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        STREAM + b"zzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
async def test_what_is_not_even_http_is_a_lost_connection(garbage: bytes) -> None:
    error = await fails(cut_after(garbage), retries=1)
    assert error.kind == "error"
    assert "connection lost" in error.message
    assert len(error.retries) == 1


async def test_an_answer_without_any_output_is_an_answer() -> None:
    nothing = event({"choices": [{"text": "", "finish_reason": "stop"}]})
    assert (await ask(says(nothing), retries=0)).text == ""
    assert (await ask(says(nothing, usage(64, 0), DONE), retries=0)).output_tokens == 0


async def test_a_cut_after_the_end_still_has_its_counts_checked() -> None:
    data = STREAM + chunk(token(0, "a", "stop") + usage(65, 1) + DONE)
    assert "65 prompt tokens" in (await fails(cut_after(data), retries=0)).message
    good_data = STREAM + chunk(token(0, "a", "stop") + usage(64, 1) + DONE)
    assert (await ask(cut_after(good_data), retries=0)).text == "a"


async def test_what_a_server_says_cannot_steer_a_terminal() -> None:
    evil = "\x1b]0;pwned\x07 \u202e"
    error = await fails(refuses(500, body=json.dumps({"error": evil}).encode()))
    assert error.message.isprintable()
    async with Endpoint(models=[evil]).listening() as endpoint:
        with pytest.raises(EngineError) as raised:
            async with started(endpoint):
                pass
    assert f"{raised.value}{raised.value.hint}".isprintable()


async def test_no_stream_at_all_is_an_error() -> None:
    async def behave(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(200, b'{"choices": []}'))

    assert "a stream was requested" in (await fails(behave)).message


async def test_pings_do_not_add_up_to_a_huge_event() -> None:
    pings = [b": ping\n\n" * 8192] * 70
    assert (await ask(says(*pings, token(0, "a", "stop"), DONE))).text == "a"


async def test_a_stream_that_never_ends_is_cut_by_the_time_limit() -> None:
    reached, gone = asyncio.Event(), asyncio.Event()

    async def forever(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        reached.set()
        writer.write(STREAM)
        try:
            while not writer.is_closing():
                writer.write(chunk(b": ping\n\n"))
                await writer.drain()
                await asyncio.sleep(0)
        finally:
            gone.set()

    async with Endpoint(forever).listening() as endpoint, started(endpoint) as engine:
        request = asyncio.ensure_future(engine.complete(REQUEST, "one"))
        await reached.wait()
        request.cancel()  # as the time limit of the load does
        with pytest.raises(asyncio.CancelledError):
            await request
        await gone.wait()  # the server is told


async def test_a_server_that_has_gone_ends_the_run() -> None:
    async with Endpoint().listening() as endpoint:
        engine = OpenAIEngine(setup_of(endpoint, retries=2))
        await engine.start()
    with pytest.raises(EngineError, match="is gone") as raised:
        await engine.complete(REQUEST, "one")
    assert not isinstance(raised.value, RemoteRequestError)
    await engine.stop()


async def test_nobody_there_is_said_at_once() -> None:
    with pytest.raises(EngineError, match="no server answers"):
        async with started(Endpoint(port=1)):
            pass


async def test_the_wrong_model_names_the_right_ones() -> None:
    endpoint = Endpoint(models=["reference-dens", "other"])
    async with endpoint.listening():
        with pytest.raises(EngineError, match=r"did you mean 'reference-dens'.*serves") as raised:
            async with started(endpoint):
                pass
        async with started(endpoint, model="other"):
            pass
    assert "engine.args.model" in (raised.value.hint or "")


async def test_the_key_goes_to_the_server_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    seen: list[str] = []

    async def tells(asked: Asked, writer: asyncio.StreamWriter) -> None:
        seen.append(asked.headers["authorization"])
        writer.write(plain(401, json.dumps({"error": f"Incorrect key {KEY}"}).encode()))

    async with Endpoint(tells).listening() as endpoint:
        setup = setup_of(endpoint, api_key_env="MY_KEY")
        engine = OpenAIEngine(setup)
        info = await engine.start()
        with pytest.raises(RemoteRequestError) as raised:
            await engine.complete(REQUEST, "one")
        await engine.stop()
    assert seen == [f"Bearer {KEY}"]
    for text in (str(raised.value), repr(info), repr(setup), repr(vars(engine))):
        assert KEY not in text


PAGE = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 64.0
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 32.0
vllm:num_preemptions_total{engine="0",model_name="m"} 0.0
vllm:prompt_tokens_by_source_total{engine="0",source="local_compute"} 100.0
vllm:prompt_tokens_by_source_total{engine="0",source="local_cache_hit"} 7.0
vllm:generation_tokens_total{engine="0",model_name="m"} 10.0
vllm:cache_config_info{block_size="32",engine="0",num_gpu_blocks="65"} 1.0
"""


async def test_metrics_become_steps() -> None:
    page = PAGE
    seen: asyncio.Queue[StepReading] = asyncio.Queue()
    async with Endpoint(version="0.32.0", metrics=lambda: page).listening() as endpoint:
        setup = setup_of(endpoint, metrics="auto", scrape_interval_s=0.01)
        engine = OpenAIEngine(dataclasses.replace(setup, on_step=seen.put_nowait))
        info = await engine.start()
        steps = [await seen.get()]
        page = PAGE.replace('_total{engine="0",model_name="m"} 10.0', "_total{} 25.0")
        page = page.replace('usage_perc{engine="0",model_name="m"} 0.25', "usage_perc 0.5")
        while steps[-1].kv_usage != 0.5:
            steps.append(await seen.get())
        await engine.stop()
    assert (info.kv_blocks, info.block_size) == (65, 32)
    assert info.args["server"] == "vLLM 0.32.0"
    assert steps[0].running == 2
    assert sum(step.output_tokens for step in steps) == 15
    assert sum(step.prompt_tokens for step in steps) == 0


async def test_a_renamed_metric_is_an_error_and_not_an_empty_column() -> None:
    page = PAGE.replace("kv_cache_usage_perc", "kv_usage_ratio")
    async with Endpoint(version="0.99.0", metrics=lambda: page).listening() as endpoint:
        with pytest.raises(EngineError, match="lack vllm:kv_cache_usage_perc") as raised:
            async with started(endpoint, metrics="auto"):
                pass
        async with started(endpoint, metrics="off"):
            pass
    assert "metrics=off" in (raised.value.hint or "")


async def test_without_metrics_kv_is_null_with_the_reason() -> None:
    async with Endpoint().listening() as endpoint, started(endpoint, metrics="auto") as engine:
        done = await engine.complete(REQUEST, "one")
    assert "no /metrics" in done.why_null["kv.usage_peak"]


async def test_a_cache_of_another_size_than_the_suite_asks_for_is_refused() -> None:
    async with Endpoint(metrics=lambda: PAGE).listening() as endpoint:
        setup = setup_of(endpoint, metrics="auto")
        asked = replace(setup.engine, kv_blocks=64)
        engine = OpenAIEngine(dataclasses.replace(setup, engine=asked))
        with pytest.raises(EngineError, match="kv_blocks=64 and the server has 65"):
            await engine.start()


SUITE = """\
schema: 1
name: endpoint
seed: 7
models:
  dense: {model: reference-dense}
load: {concurrency: 4}
prompts:
  - {use: short_qa, items: 3, max_tokens: 4}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    file = tmp_path / "endpoint.yaml"
    file.write_text(SUITE, "utf-8")
    return file


def test_a_run_against_a_server_leaves_complete_records(
    suite: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    out = tmp_path / "out"
    with Endpoint().in_a_thread() as endpoint:
        done = cli("run", suite, "--base-url", endpoint.url, "--out", out, "--no-progress")
    assert done.code == 0, done.err
    (directory,) = out.iterdir()
    run = read_run(directory)
    assert run.header.engine == "openai"
    model = run.header.models["dense"]
    assert model.engine_args["prompt"] == "token ids"
    # Neither the pair's own dtype nor one that the suite names says what the server computes in.
    assert model.dtype is None
    assert model.why_null["dtype"] == "the server does not report it"
    records = list(run.records())
    assert len(records) == len(endpoint.asked)
    for record in records:
        assert record.status == "ok"
        assert record.retries == []
        assert record.tokens.output == 2
        assert record.kv is not None
        assert "no /metrics" in record.why_null["kv.usage_peak"]
    for file in directory.iterdir():
        assert KEY not in file.read_text("utf-8")


def test_a_run_survives_every_figure_that_a_server_can_send(
    suite: Path, tmp_path: Path, cli: Cli
) -> None:
    odd = itertools.cycle([1e308, -1, 0, 5e-324, 2**63, None])

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        figure = next(odd)
        ids = asked.body["prompt"]
        assert isinstance(ids, list)
        logprobs = {"token_logprobs": [-1e308 if figure else 0.0]}
        parts = [token(n, "1", "stop" if n else None, logprobs=logprobs) for n in range(2)]
        metrics = event({"choices": [], "metrics": {"queue_time_ms": figure}})
        details = {"prompt_tokens_details": {"cached_tokens": 2**30}}
        stream = b"".join([*parts, metrics, usage(len(ids), 2, **details), DONE])
        writer.write(STREAM + chunk(stream) + END)

    out = tmp_path / "out"
    with Endpoint(behave).in_a_thread() as endpoint:
        done = cli("run", suite, "--base-url", endpoint.url, "--out", out, "--no-progress")
    assert done.code == 0, done.err
    (directory,) = out.iterdir()
    for record in read_run(directory).records():
        assert record.timing.queue_ms is not None or "timing.queue_ms" in record.why_null
        assert record.confidence is not None or "confidence" in record.why_null
        assert "more cached tokens" in record.why_null["kv.cached_tokens"]
    assert cli("report", directory).code == 0
    assert cli("compare", directory, directory).code in {0, 5}


def test_a_run_by_chat_knows_no_template_tokens(suite: Path, tmp_path: Path, cli: Cli) -> None:
    async def behave(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(chat("Par", "is", prompt=41)) + END)

    out = tmp_path / "out"
    endpoint = Endpoint(behave, takes=lambda asked: 404 if "prompt" in asked.body else 200)
    with endpoint.in_a_thread():
        done = cli("run", suite, "--base-url", endpoint.url, "--out", out, "--no-progress")
    assert done.code == 0, done.err
    (directory,) = out.iterdir()
    for record in read_run(directory).records():
        assert record.tokens.prompt == 41
        assert record.tokens.template is None
        assert "template" in record.why_null["tokens.template"]
        assert record.tokens.retok_drift == 0
        assert record.tokens.inflation is not None or "tokens.inflation" in record.why_null


def test_a_server_that_dies_ends_the_run_with_3_and_keeps_what_was_recorded(
    suite: Path, tmp_path: Path, cli: Cli
) -> None:
    async def dies(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(endpoint.asked) < 3:
            await answer_well(asked, writer)
            return
        assert endpoint.server is not None
        endpoint.server.close()
        writer.transport.abort()

    out = tmp_path / "out"
    endpoint = Endpoint(dies)
    one = ("--set", "load.concurrency=1")
    with endpoint.in_a_thread():
        done = cli("run", suite, "--base-url", endpoint.url, "--out", out, "--no-progress", *one)
    assert done.code == 3
    assert "is gone" in done.err
    assert "--resume" in done.err
    assert "Traceback" not in done.err
    (directory,) = out.iterdir()
    assert [record.status for record in read_run(directory).records()] == ["ok", "ok"]


def test_no_server_at_the_address_ends_the_run_with_3(
    suite: Path, tmp_path: Path, cli: Cli
) -> None:
    out = tmp_path / "out"
    with Endpoint(port=0).in_a_thread() as endpoint:
        pass
    done = cli("run", suite, "--base-url", endpoint.url, "--out", out, "--no-progress")
    assert done.code == 3
    assert "no server answers" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--base-url", "localhost:8000"], "not an http"),
        (["--base-url", f"http://me:{KEY}@localhost/v1"], "more than an address"),
        (["--base-url", f"http://localhost/v1?key={KEY}"], "more than an address"),
        (["--base-url", "http://localhost:99999/v1"], "not an http"),
        (["--base-url", "http://localhost/v1", "--engine", "vllm"], "--engine openai"),
        (["--engine", "openai"], "needs the address"),
        (["--engine", "openai", "--set", f"engine.args.api_key={KEY}"], "unknown field"),
        (["--engine", "openai", "--set", f"engine.args.api_key_env={KEY}"], "api_key_env"),
    ],
)
def test_a_wrong_address_or_a_key_in_the_wrong_place_is_refused_and_not_repeated(
    arguments: list[str], says: str, suite: Path, tmp_path: Path, cli: Cli
) -> None:
    out = tmp_path / "out"
    done = cli("run", suite, *arguments, "--out", out, "--no-progress")
    assert done.code == 2
    assert says in done.err
    assert KEY not in done.err + done.out
    assert not out.exists() or not list(out.iterdir())


async def test_a_prompt_of_megabytes_goes_out_whole_and_again_on_a_retry() -> None:
    ids = tuple(range(100_000, 300_000))
    left = [refuses(503)]

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (left.pop() if left else answer_well)(asked, writer)

    async with Endpoint(behave).listening() as endpoint, started(endpoint) as engine:
        done = await engine.complete(replace(REQUEST, prompt_token_ids=ids), "one")
    assert [asked.body["prompt"] for asked in endpoint.asked] == [list(ids)] * 2
    assert done.prompt_tokens == len(ids)


def test_a_server_that_never_answers_is_a_timeout(suite: Path, tmp_path: Path, cli: Cli) -> None:
    async def silent(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        await asyncio.Event().wait()

    out = tmp_path / "out"
    limit = ("--set", "load.timeout_s=0.05")
    with Endpoint(silent).in_a_thread() as endpoint:
        done = cli("run", suite, "--base-url", endpoint.url, "--out", out, "--no-progress", *limit)
    assert done.code in {0, 5}, done.err
    (directory,) = out.iterdir()
    for record in read_run(directory).records():
        assert record.status == "timeout"
        assert record.quality.score == 0
        assert record.retries is None
        assert record.why_null["retries"]


def test_a_dry_run_asks_no_server(suite: Path, tmp_path: Path, cli: Cli) -> None:
    nobody = ("--base-url", "http://127.0.0.1:1/v1")
    done = cli("run", suite, *nobody, "--out", tmp_path / "out", "--no-progress", "--dry-run")
    assert done.code == 0, done.err
    assert "short_qa" in done.out
