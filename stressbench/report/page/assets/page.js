"use strict";
// The page of a report: heading, summary, sections.

const SECTIONS = [
  ["summary", "Summary", summary],
  ["quality", "Quality", qualityByClass],
  ["depth", "Length and depth", heatMaps],
  ["degradation", "Degradation", (parent) => { degradationByInflation(parent); causes(parent); }],
  ["tokens", "Tokens", inflationByClass],
  ["outcomes", "Outcomes", outcomeKinds],
  ["kv", "KV cache", timelines],
  ["latency", "Latency", (parent) => { latencies(parent); loads(parent); }],
  ...probedSections(),
  ["versus", SEVERAL ? "Run against run" : "Model against model", versusSections],
  ["cases", "Cases", caseBrowser],
  ["run", "Run and reproduce", runFacts],
];

function heading() {
  const runs = DATA.runs;
  const simulated = runs.filter((run) => run.simulated).length;
  document.getElementById("top").append(
    el("div", {},
      el("h1", {}, spell(DATA.title, 80)),
      el("p", { class: "lead" }, runs.map((run) => `${SEVERAL ? `${spell(run.name, 40)}: ` : ""}${run.models.map((m) => `${spell(m.role, 24)} ${spell(m.model, 40)}`).join(", ")} · ${count(run.records)} requests · ${spell(run.device, 80)}`).join(" | ")),
      simulated ? el("p", {}, el("span", { class: "badge unclear" }, "simulated: no latency here was measured")) : null),
    themeButton(),
  );
}

function summary(parent) {
  for (const versus of DATA.versus.filter((each) => each.comparison)) verdict(parent, versus);
  for (const versus of DATA.versus.filter((each) => each.refused)) {
    parent.append(el("div", { class: "verdict unclear" }, el("span", { class: "badge unclear" }, "? not comparable"), " ", visible(versus.refused)));
  }
  DATA.runs.forEach((run, index) => {
    const lines = run.headlines.map((line) => headline(line, index));
    parent.append(
      el("h3", {}, SEVERAL ? `What ${spell(run.name, 40)} shows` : "What broke, and what held"),
      el("p", { class: "note" }, visible(run.ending)),
      lines.length ? el("ul", { class: "headlines" }, lines) : el("p", {}, "No difference is larger than chance."),
    );
    overview(parent, run);
  });
}

function verdict(parent, { comparison, base, cand }) {
  const [, , tone] = VERDICTS[comparison.verdict];
  const gates = comparison.verdict === "ungated" ? "" : `, gates from ${spell(comparison.gates_from, 60)}`;
  const overall = comparison.findings.filter(
    (f) => f.delta !== null && !f.scope.prompt_class && ["quality.score", "ttft", "tpot"].includes(f.metric) && f.statistic !== "p95");
  parent.append(el("div", { class: `verdict ${tone}` },
    verdictBadge(comparison.verdict), " ", el("strong", {}, `${spell(base, 60)} → ${spell(cand, 60)}`), gates,
    el("ul", {}, overall.map((f) => el("li", {},
      `${target(f)}${f.scope.role?.includes("->") ? "" : ` (${spell(f.scope.role ?? "")})`}: ` +
      `${level(f, f.base)} → ${level(f, f.cand)}, ${change(f, f.delta)} ${range(f.ci, (v) => change(f, v))}, ` +
      `n ${f.n}, items ${f.clusters}${f.ci && f.ci[0] <= 0 && f.ci[1] >= 0 ? ": cannot tell" : ""}`)))));
  const lines = [...comparison.differences, ...comparison.notes];
  if (comparison.knees.length) {
    parent.append(el("ul", { class: "knees" }, comparison.knees.map((each) => el("li", {}, visible(kneeText(each))))));
  }
  if (lines.length) {
    parent.append(el("details", { class: "numbers" }, el("summary", {}, `What differs, and notes (${lines.length})`),
      el("ul", { class: "note" }, lines.map((line) => el("li", {}, visible(line))))));
  }
  gateTable(parent, comparison);
}

const TONES = { good: "✓", bad: "✗", unclear: "?", plain: "–" };

function headline(line, run) {
  const show = () => {
    choose({ run: SEVERAL ? String(run) : "", entry: entryName(line.entry), role: line.role, arm: "stress" });
    document.getElementById("cases").scrollIntoView();
    document.getElementById("cases").focus({ preventScroll: true });
  };
  return el("li", { class: line.tone },
    el("span", { class: "sign", "aria-hidden": "true" }, TONES[line.tone]),
    el("span", {}, el("strong", {}, spell(line.where, 80)), ": ", visible(line.text), " ",
      line.entry === null ? null : el("button", { type: "button", class: "link", onclick: show, "aria-label": `cases of ${spell(line.where, 80)}` }, "cases")));
}

function runFacts(parent) {
  for (const run of DATA.runs) {
    if (SEVERAL) parent.append(el("h3", {}, spell(run.name)));
    parent.append(
      el("h4", {}, "Run it again"),
      el("pre", { class: "text", tabindex: "0" }, visible(run.reproduce.join("\n"))),
      el("p", { class: "note" }, "The first line of records.jsonl holds the suite as it ran, defaults included."),
      grid(["", ""], run.facts.map((fact) => [fact.name, textCell(fact.value)]), "The run"),
    );
    for (const model of run.models) {
      parent.append(el("h4", {}, spell(model.role)), grid(["", ""], model.facts.map((fact) => [fact.name, textCell(fact.value)]), spell(model.role)));
    }
  }
}

heading();
build(SECTIONS);
