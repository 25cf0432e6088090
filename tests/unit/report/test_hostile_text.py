"""Whatever a suite, a model or a file calls things: no terminal obeys it, and no markup works."""

from __future__ import annotations

import unicodedata
from io import StringIO
from pathlib import Path

import msgspec
import records as make
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import stressbench.report.page
from stressbench.cli.watch.live import LiveView, PlainView
from stressbench.compare.comparison import Options, compare
from stressbench.report.markdown.run import render as markdown
from stressbench.report.model.page.gather import page
from stressbench.report.model.run import reduce_run
from stressbench.report.terminal import layout, load
from stressbench.report.terminal.analysis import comparison, history, prediction, thrash
from stressbench.report.terminal.case import print_record
from stressbench.report.terminal.summary import summary
from stressbench.report.words.load import load_table
from stressbench.safe_text import BLANKS, is_hidden, safe_line
from stressbench.schema.analysis.history import History, Night, Series
from stressbench.schema.analysis.prediction import Prediction, Predictor
from stressbench.schema.analysis.thrash import Thrash
from stressbench.schema.results.kv import KvLevel, KvPrediction, KvSetup
from stressbench.schema.results.record import Load, Output, Retry

MARKUP = "[/nope][red]x[/red]:smile:[link=file:///]"
"""rich refuses the first tag where it reads markup at all."""
NASTY = [
    *("\x00", "\x07", "\x08", "\r", "\x1b[2J", "\x1b]0;x\x07", "\x7f", "\x85", "\x9b31m"),
    *("\u061c", "\u200b", "\u200e", "\u202e", "\u2028", "\u2029", "\u2066", "\ufeff"),
    "\U000e0041",
    *(
        "\u00a0",
        "\u3164",
        "\ufe0f",
        "\ue000",
        "\u0378",
        "\n",
        "\t",
        "a",
        "[",
        "]",
        "\\",
        "|",
        "<b>",
    ),
]
hostile = st.lists(st.sampled_from(NASTY), max_size=6).map(lambda some: MARKUP + "".join(some))


def harmless(text: str) -> bool:
    return not any(is_hidden(char) for char in text if char != "\n")


def hostile_run(directory: Path, name: str) -> Path:
    """A run in which everything that may be named is named ``name``."""
    rows = []
    for item in range(6):
        for arm in ("stress", "isocontent"):
            row = make.record(item, role="r", arm=arm, prompt_class=name, score=float(item % 2))
            row = make.probed(row, **{name: {"field": name}, "attention": {"sink_mass_mean": 0.4}})
            rows.append(
                msgspec.structs.replace(
                    row,
                    role=name,
                    model=name,
                    params={**row.params, name: name},
                    error=name,
                    output=Output(text=name, finish_reason=name),
                    quality=msgspec.structs.replace(row.quality, scorer=name, expected=[name]),
                    retries=[Retry(t_ns=1, reason=name, waited_ms=1.0)],
                    why_null={"routing": name, "kv": name, "other": name},
                    load=Load(level=1, rate=None, concurrency=2, began_ns=0, held_ms=0.0),
                )
            )
    cache = KvSetup(
        block_size=16,
        blocks=9,
        capacity_tokens=144,
        bytes_per_token=None,
        bytes_per_block=None,
        predicted=KvPrediction(
            requests=6,
            planned=6,
            exact=False,
            largest_demand_blocks=4,
            safe_concurrency=2,
            onset_concurrency=3,
            tried_concurrency=4,
            levels=[
                KvLevel(
                    concurrency=2,
                    preemptions=1,
                    preempted=1,
                    recomputed_tokens=1,
                    blocks_peak=9,
                    waiting_peak=1,
                )
            ],
        ),
        why_null={"bytes_per_token": name},
    )
    model = msgspec.structs.replace(
        make.model("r"), role=name, model=name, architecture=name, dtype=name, kv=cache
    )
    machine = msgspec.structs.replace(make.header().machine, device_name=name)
    run = make.header(suite=name, engine=name, models={name: model}, machine=machine)
    return make.write(directory / "records.jsonl", rows, run=run)


@settings(deadline=None, max_examples=25)
@given(name=hostile)
def test_a_summary_shows_names_and_obeys_none(tmp_path_factory, name):
    path = hostile_run(tmp_path_factory.mktemp("run"), name)
    shown = layout.rendered([summary(reduce_run(path).report)], columns=4000)
    assert harmless(shown)
    assert shown.count(safe_line(name)) > 10


@settings(deadline=None, max_examples=25)
@given(name=hostile)
def test_a_record_and_its_load_obey_no_name(tmp_path_factory, name):
    path = hostile_run(tmp_path_factory.mktemp("run"), name)
    found = reduce_run(path)
    console = Console(file=StringIO(), width=4000)
    print_record(console, next(found.run.records()))
    assert found.report.load is not None
    for part in load.render(load_table(found.report.load)):
        console.print(part)
    shown = console.file.getvalue()
    assert harmless(shown)
    assert shown.count(safe_line(name)) > 5


@settings(deadline=None, max_examples=15)
@given(name=hostile)
def test_a_comparison_obeys_no_name(tmp_path_factory, name):
    directory = tmp_path_factory.mktemp("runs")
    sides = [hostile_run(directory / side, name) for side in ("a", "b")]
    found = compare(*sides, Options(degradation=True))
    found = msgspec.structs.replace(found, notes=[name], gates_from=name)
    assert harmless(comparison.render(found, explain=True, terminal=False))


@settings(deadline=None, max_examples=25)
@given(name=hostile)
def test_the_analyses_obey_no_name(name):
    night = Night(
        run_id=name,
        path=name,
        started_at=name,
        n=3,
        clusters=3,
        level=0.5,
        p=0.001,
        alpha=0.01,
        alarm=True,
        changed=[name],
    )
    series = Series(
        role=name,
        metric=name,
        statistic="mean",
        unit=name,
        suite=name,
        nights=[night],
        change_points=[name],
    )
    trend = History(series=[series], skipped={name: name}, horizon=365, alpha=0.05)
    predictor = Predictor(features=name, columns=1, auroc=0.5, ci=None, gain=None, gain_ci=None)
    each = Prediction(
        role=name,
        n=3,
        clusters=3,
        failures=1,
        failing_clusters=1,
        left_out={name: 1},
        predictors=[predictor],
        why_null=None,
    )
    shown = history.render(trend) + prediction.render([each])
    shown += thrash.render(Thrash(overlaps=[], why_null={name: name}))
    assert harmless(shown)


@settings(deadline=None, max_examples=25)
@given(name=hostile)
def test_the_live_views_obey_no_name(name):
    for view in (PlainView, LiveView):
        console = Console(file=StringIO(), width=4000)
        live = view(console)
        with live:
            live.starting(name, name, 3)
            live.model.ready_s = 0.0
            live.recorded(msgspec.structs.replace(make.record(0), prompt_class=name))
            if isinstance(live, LiveView):
                console.print(live._draw())
        shown = console.file.getvalue()
        assert harmless(shown)
        assert safe_line(name) in shown


@settings(deadline=None, max_examples=10)
@given(name=hostile)
def test_markdown_holds_no_hidden_character(tmp_path_factory, name):
    path = hostile_run(tmp_path_factory.mktemp("run"), name)
    shown = markdown(page([path]))
    # The zero-width space that takes a mention its meaning is ours.
    assert harmless(shown.replace("@\N{ZERO WIDTH SPACE}", "@"))
    assert "<b>" not in shown


def test_the_page_hides_the_same_characters():
    source = Path(stressbench.report.page.__file__).parent / "assets/text.js"
    pattern = source.read_text("utf-8").split("const HIDDEN =", 1)[1].split("/u;", 1)[0]

    def spelled(code: int) -> str:
        return f"\\u{code:04x}" if code < 0x10000 else f"\\u{{{code:x}}}"

    dashes = {0: "", 1: ""}
    ranges = [
        "".join(dict.fromkeys([spelled(first), dashes.get(last - first, "-"), spelled(last)]))
        for first, last in BLANKS
    ]
    assert f"[\\p{{C}}\\p{{Zl}}\\p{{Zp}}{''.join(ranges)}]" in pattern


def test_every_blank_but_the_plain_space_is_hidden():
    blanks = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Zs"]
    assert [char for char in blanks if not is_hidden(char)] == [" ", "\u1680", "\u3000"]
