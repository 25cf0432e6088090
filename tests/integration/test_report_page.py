"""The report page in a browser: it loads under its policy, works, runs nothing of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import records as make
from playwright.sync_api import Browser, Page, expect, sync_playwright

from stressbench.report.model.page.gather import page as gather
from stressbench.report.page.write import render
from stressbench.schema.results.record import CaseRecord, Load, Output, Prompt
from stressbench.schema.results.run import Reading

CHROMIUM = Path("/usr/bin/chromium")
SECTIONS = (
    "summary",
    "quality",
    "depth",
    "degradation",
    "tokens",
    "outcomes",
    "kv",
    "latency",
    "attention",
    "routing",
    "versus",
    "cases",
    "run",
)
HOSTILE = (
    "<script>window.pwned=1</script></script><img src=x onerror='window.pwned=1'>"
    '"><svg onload=window.pwned=1><a href="javascript:window.pwned=1">go</a>'
    "\x1b[31mred\x1b[0m \u202ereversed\u202c a\u200bb \x00 <!-- ]]> {{data}} \u2028\u2029 &lt;b&gt;"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser with all that it complained about, asked for, or popped up."""

    page: Page
    troubles: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: self.troubles.append(dialog.message))
        self.page.on("request", self._requested)

    def _requested(self, request) -> None:
        if not request.url.startswith(("file:", "blob:", "data:")):
            self.troubles.append(request.url)


@pytest.fixture
def show(browser, tmp_path):
    """Write the report of some record files and open it."""
    contexts = []

    def opened(*files: Path, **options) -> Opened:
        html = tmp_path / "report.html"
        html.write_text(render(gather(files)), "utf-8")
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        shown = Opened(context.new_page())
        shown.watch()
        shown.page.goto(html.as_uri())
        return shown

    yield opened
    for context in contexts:
        context.close()


def both_models() -> Iterator[CaseRecord]:
    """Dense and sparse over two classes with twins, lengths and depths."""
    for role in ("dense", "sparse"):
        for item in range(6):
            for budget in (256, 512):
                for depth in (0.0, 1.0):
                    score = float(depth == 1 or role == "dense")
                    yield make.record(item, role=role, budget=budget, depth=depth, score=score)
            for arm in ("stress", "isocontent"):
                yield make.record(
                    item, role=role, prompt_class="base64", arm=arm, score=float(arm != "stress")
                )


def written(directory: Path, records, **options) -> Path:
    options.setdefault("run", make.header(dict.fromkeys(each.role for each in records)))
    file = make.write(directory / "records.jsonl", records, **options)
    steps = [
        Reading(
            probe="kv",
            role=role,
            t_ns=t * 10_000_000,
            values={"kv_usage": t / 20, "waiting": t % 3, "running": 4, "preemptions": int(t == 9)},
        )
        for role in ("dense", "sparse")
        for t in range(20)
    ]
    (directory / "telemetry.jsonl").write_bytes(
        b"".join(msgspec.json.encode(step) + b"\n" for step in steps)
    )
    return file


@pytest.fixture
def plain(show, tmp_path) -> Opened:
    return show(written(tmp_path / "run", list(both_models())))


def test_every_section_is_drawn_without_a_complaint(plain):
    for section in SECTIONS:
        expect(plain.page.locator(f"section#{section} h2")).to_be_visible()
    for section in (
        "quality",
        "depth",
        "degradation",
        "tokens",
        "outcomes",
        "kv",
        "latency",
        "versus",
    ):
        drawing = plain.page.locator(f"section#{section} .plot svg").first
        expect(drawing).to_be_attached()
        assert drawing.get_attribute("aria-label")
    assert plain.troubles == []


def test_sections_of_other_probes_are_drawn_after_ours(show, tmp_path):
    strange = {HOSTILE: {"n": 1}, "run": None, "cases": {}}
    records = [make.probed(each, heat={"kelvin": 300}, **strange) for each in both_models()]
    opened = show(written(tmp_path / "run", records))
    links = [link.inner_text() for link in opened.page.locator("#contents a").all()]
    assert links[links.index("Routing") + 1] == "Heat"
    assert links[-1] == "Run and reproduce"
    for name in ("cases", "run"):
        assert opened.page.locator(f"section#{name}").count() == 1
    heat = opened.page.locator("section", has=opened.page.get_by_role("heading", name="Heat"))
    expect(heat).to_contain_text("No metric is declared")
    assert opened.page.evaluate("window.pwned") is None
    assert opened.troubles == []


def test_the_verdict_and_what_broke_come_first(plain):
    first = plain.page.locator("main section").first
    expect(first).to_contain_text("dense → sparse")
    expect(first).to_contain_text("base64 on sparse")
    expect(first).to_contain_text("100 points below its plain twin")


def test_what_was_not_measured_gives_its_reason(show, tmp_path):
    why = {"attention": "the suite has no such probe", "routing": "dense model"}
    records = [msgspec.structs.replace(make.record(i), why_null=why) for i in range(4)]
    page = show(written(tmp_path / "run", records)).page
    expect(page.locator("#attention")).to_contain_text("the suite has no such probe (4 records)")
    expect(page.locator("#routing")).to_contain_text("dense model (4 records)")
    expect(page.locator("#attention .plot")).to_have_count(0)


def test_attention_and_routing_are_drawn_where_records_have_them(show, tmp_path):
    records = [
        make.probed(
            each,
            attention={
                "entropy_norm_mean": 0.5 + i % 5 / 20,
                "needle_lift_max": float(i),
                "needle_lift_by_head": [[1.0, 8.0], [0.5, 1.0]],
            },
            routing={"imbalance_mean": 1.5 + i % 3, "load_by_expert": [[4, 1, 1, 2]] * 3},
        )
        for i, each in enumerate(both_models())
    ]
    planted = make.header(("dense", "sparse"), simulated=True)
    opened = show(written(tmp_path / "run", records, run=planted))
    page = opened.page
    expect(page.locator("#attention")).to_contain_text("Needle lift by layer and head")
    expect(page.locator("#attention")).to_contain_text("attention.entropy_norm by class")
    expect(page.locator("#routing")).to_contain_text("Expert load by layer")
    expect(page.locator("header")).to_contain_text("simulated")
    assert opened.troubles == []


def test_filters_narrow_the_cases_and_clear_again(plain):
    page = plain.page
    cases = page.locator(".case-list li")
    everything = cases.count()
    page.locator("#filter-entry").select_option("base64")
    page.locator("#filter-outcome").select_option("invented")
    expect(cases).to_have_count(12)
    expect(page.locator("#cases [role=status]")).to_contain_text("12 of 72 sampled cases")
    page.locator("#filter-role").select_option("sparse")
    expect(cases).to_have_count(6)
    page.locator("#filter-text").fill("no such case")
    expect(page.locator(".case")).to_contain_text("No sampled case matches")
    page.get_by_role("button", name="Clear").click()
    expect(cases).to_have_count(everything)


def test_the_first_tables_have_each_class_and_dose_on_each_model(plain):
    answers, causes = plain.page.locator("#summary table").all()
    expect(answers).to_contain_text("niah: 256 tokens")
    expect(answers).to_contain_text("niah: 512 tokens")
    expect(answers.locator("tbody tr")).to_have_count(6)
    expect(causes.locator("thead")).to_contain_text("KV peak")
    meanings = plain.page.locator("#summary dl.terms").first
    expect(meanings).to_contain_text("a value that appears nowhere in the prompt")
    assert plain.troubles == []


def test_a_headline_leads_to_its_cases(plain):
    page = plain.page
    page.get_by_role("button", name="cases of base64 on sparse").click()
    expect(page.locator(".case-list li")).to_have_count(6)
    expect(page.locator(".case h3")).to_contain_text("base64/stress")


def test_the_keyboard_goes_through_the_cases(plain):
    page = plain.page
    first = page.locator(".case-list button").first
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.locator(".case-list button[aria-current]")
    expect(chosen).to_be_focused()
    assert chosen.get_attribute("data-index") == "2"
    name = chosen.locator(".id").inner_text()
    expect(page.locator(".case h3")).to_have_text(name)


def test_the_first_tab_stop_skips_to_the_summary(plain):
    plain.page.keyboard.press("Tab")
    expect(plain.page.get_by_role("link", name="Skip to the summary")).to_be_focused()


def test_needle_answer_and_hidden_characters_are_marked(show, tmp_path):
    record = msgspec.structs.replace(
        make.record(0, score=0.0, outcome="detached_reference"),
        prompt=Prompt(text="a is 111111,\u200b\u200b b is 222222\u202e", spans=[]),
        quality=msgspec.structs.replace(
            make.record(0).quality, expected=["111111"], answer="222222", score=0.0
        ),
    )
    case = show(written(tmp_path / "run", [record])).page.locator(".case pre").first
    expect(case.locator("mark.needle")).to_have_text("111111")
    expect(case.locator("mark.answer")).to_have_text("222222")
    assert case.locator(".hidden-char").all_inner_texts() == [
        "U+200B\N{MULTIPLICATION SIGN}2",
        "U+202E",
    ]


def test_numbers_stand_behind_every_figure(plain):
    section = plain.page.locator("#quality")
    section.get_by_text("Numbers").click()
    row = section.locator("tbody tr", has_text="base64").filter(has_text="stress").first
    expect(row).to_contain_text("0 %")
    expect(row).to_contain_text("[0, 39]")


@pytest.mark.parametrize("kind", ["SVG", "PNG"])
def test_a_figure_can_be_saved(plain, tmp_path, kind):
    with plain.page.expect_download() as waiting:
        plain.page.locator("#outcomes").get_by_role("button", name=kind).click()
    saved = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(saved)
    content = saved.read_bytes()
    assert saved.name == f"outcome-kinds-under-stress.{kind.lower()}"
    if kind == "PNG":
        assert content.startswith(b"\x89PNG")
    else:
        assert b"base64" in content
        assert b"var(--" not in content  # its colours must hold outside this page
    assert plain.troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_and_switches_the_colour_scheme(show, tmp_path, scheme):
    page = show(written(tmp_path / "run", [make.record(0)]), color_scheme=scheme).page

    def is_dark() -> bool:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3])) < 200

    assert is_dark() == (scheme == "dark")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert is_dark() == (scheme == "light")


def test_a_phone_needs_no_sideways_scrolling(show, tmp_path):
    file = written(tmp_path / "run", list(both_models()))
    opened = show(file, viewport={"width": 390, "height": 844})
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    assert opened.troubles == []


def test_two_runs_stand_side_by_side_with_their_verdict(show, tmp_path):
    base = written(tmp_path / "base", [make.record(i) for i in range(40)])
    cand = written(tmp_path / "cand", [make.record(i, score=0.0, ttft_ms=300) for i in range(40)])
    opened = show(base, cand)
    page = opened.page
    expect(page.locator("#summary .verdict .badge")).to_contain_text("regression")
    expect(page.locator("#summary table").first).to_contain_text("quality.score drop < 5pt")
    expect(page.locator("#latency .key").first).to_contain_text("cand: dense")
    expect(page.locator("#versus")).to_contain_text("Change of quality.score")
    page.locator("#filter-run").select_option("1")
    expect(page.locator(".case-list .sub").first).to_contain_text("cand · dense · invented")
    assert opened.troubles == []


def hostile_run(directory: Path) -> Path:
    """Markup, scripts, links, escapes and hidden characters wherever a record takes text."""
    quality = msgspec.structs.replace(
        make.record(0).quality, expected=[HOSTILE], answer=HOSTILE, scorer=HOSTILE, score=0.0
    )
    records = [
        msgspec.structs.replace(
            make.record(i),
            case_id=f"{HOSTILE}{i}",
            prompt_class=HOSTILE,
            role=HOSTILE,
            model=HOSTILE,
            params={HOSTILE: HOSTILE, "budget": 64 * (i + 1), "depth": None},
            prompt=Prompt(text=HOSTILE * (1 + 20_000 * (i == 0)), spans=[]),
            output=Output(text=HOSTILE, finish_reason=HOSTILE),
            quality=quality,
            error=HOSTILE,
            why_null={"attention": HOSTILE, "routing": HOSTILE},
        )
        for i in range(3)
    ]
    header = make.header(
        (HOSTILE,),
        suite=HOSTILE,
        git_revision=HOSTILE,
        models={HOSTILE: make.model(HOSTILE, tokenizer=HOSTILE)},
    )
    return make.write(directory / "records.jsonl", records, run=header)


def swept(levels: int) -> Iterator[CaseRecord]:
    """A sweep of some levels, under each of which requests were sent bare and with a lever."""
    for level in range(1, levels + 1):
        for lever in (None, "clean"):
            for record in both_models():
                label, arm, rest = record.case_id.split("/", 2)
                yield msgspec.structs.replace(
                    record,
                    case_id=f"{label}/{arm}/rate-{level}/{rest}",
                    twin_of=None,
                    lever=lever,
                    params={**record.params, "load_level": f"rate-{level}"},
                    load=Load(
                        level=level, rate=float(level), concurrency=None, began_ns=0, held_ms=0.0
                    ),
                )


def test_sweeps_and_levers_are_told_with_their_sides(show, tmp_path):
    one, two = (
        written(tmp_path / str(levels), list(swept(levels)), run=make.header(["dense", "sparse"]))
        for levels in (2, 3)
    )
    across = show(one, two)
    summary = across.page.locator("#summary")
    expect(summary).to_contain_text("rate-3 only in cand")
    expect(summary).to_contain_text("Knee of dense, clean: base")
    within = show(one)
    expect(within.page.locator("#summary")).to_contain_text("lever=none → lever=clean")
    expect(within.page.locator("#versus")).to_contain_text("sparse against sparse+clean")
    assert across.troubles == within.troubles == []


def test_a_hostile_run_executes_nothing(show, tmp_path):
    opened = show(hostile_run(tmp_path / "run"))
    page = opened.page
    for summary in page.locator("details > summary").all():
        summary.click()
    page.locator("#theme").click()
    assert page.evaluate("window.pwned") is None
    assert opened.troubles == []
    allowed = page.locator("main :is(script, img, iframe, object, embed, form[action], a[href])")
    assert allowed.count() == 0
    assert page.locator("[onerror], [onload], [onclick]").count() == 0
    shown = page.locator("main").inner_text()
    assert "<script>window.pwned=1</script>" in shown
    assert not set(shown) & set("\x1b\x00\u202e\u200b\u2028")
    assert "U+001B" in shown


def test_the_policy_stops_a_script_that_got_in_all_the_same(plain):
    blocked = plain.page.evaluate(
        """() => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", (event) =>
            resolve(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "window.pwned = 1";
          document.body.append(script);
        })"""
    )
    assert blocked == "script-src-elem"
    assert plain.page.evaluate("window.pwned") is None


def test_the_command_writes_the_page_and_names_it(cli, tmp_path):
    run = written(tmp_path / "run", list(both_models()))
    html, markdown = tmp_path / "out/report.html", tmp_path / "summary.md"
    outcome = cli("report", run, "--html", html, "--markdown", markdown)
    assert outcome.code == 0
    assert outcome.out == f"report: {html}\n"
    assert html.read_text("utf-8").startswith("<!doctype html>")
    assert "base64 on sparse" in markdown.read_text("utf-8")


def test_the_command_refuses_what_is_not_a_run(cli, tmp_path):
    outcome = cli("report", tmp_path / "nothing", "--html", tmp_path / "report.html")
    assert outcome.code == 4
    assert not (tmp_path / "report.html").exists()
