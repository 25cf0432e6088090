"use strict";
// The first table: each class and dose, the models side by side, in plain English.

const OVERVIEW_ARMS = [
  ["isocontent", "plain twin", "the same content without the stress"],
  ["isotoken", "same length", "plain text with as many tokens as the stressed prompt"],
  ["oracle_context", "fact alone", "only the fact and the question: the best the model can do"],
  ["no_context", "no context", "only the question: what the model knows or guesses"],
];

const OUTCOME_MEANINGS = {
  correct: "the expected answer",
  partial: "some of the expected values, not all",
  detached_reference: "a value from the prompt that belongs to another key",
  invented: "a value that appears nowhere in the prompt",
  abstained: "says that it cannot answer",
  repetition: "the same words over and over",
  truncated: "cut off at the answer limit",
  thinking_only: "thought, and never answered",
  empty: "no answer at all",
  format: "an answer in the wrong form",
  error: "the request failed",
  unjudged: "the scorer could not judge it",
};

const sampled = (row, name) => row.probed[name] ?? null;
const sampledMean = (row, name) => number(sampled(row, name)?.value);

/** What the first table shows: for each column a heading, its meaning, and the text of a row. */
function qualityColumns(rows) {
  const controls = OVERVIEW_ARMS.filter(([arm]) => rows.some((row) => row.arms[arm]));
  return [
    ["under stress", "mean score of the stressed prompts, with its 95 % interval; a failed request scores 0",
      ({ arms: { stress } }) => (stress.score === null ? "not judged" : `${percent(stress.score)} ${range(stress.ci)}`)],
    ...controls.map(([arm, label, meaning]) => [label, meaning,
      (row) => ((row.arms[arm]?.score ?? null) === null ? null : percent(row.arms[arm].score))]),
    ["n", "stressed requests; the interval counts the independent items among them", (row) => row.arms.stress.n],
    ["most frequent mistake", "how most wrong answers are wrong; explained below", missOf],
  ];
}

/** What the second table shows: what the same requests cost, and what the probes saw. */
function causeColumns(rows) {
  const has = (name) => rows.some((row) => sampled(row, name));
  return [
    ["inflation", "tokens of the prompt over those of its plain twin",
      ({ arms: { stress } }) => (stress.inflation === null ? null : `${number(stress.inflation)}×`)],
    ["KV peak", "largest share of KV blocks in use while one of these requests was in flight",
      ({ arms: { stress } }) => (stress.usage_peak === null ? null : percent(stress.usage_peak))],
    ["preemptions", "how often the scheduler took a request's blocks away, to recompute it later",
      (row) => row.arms.stress.preemptions],
    has("attention.needle_lift") && ["needle lift", "attention on the needed fact over an even share, in the best head; 1 is none",
      (row) => sampledMean(row, "attention.needle_lift")],
    has("attention.sink_mass") && ["sink mass", "share of the attention that goes to the first positions, whatever they hold",
      (row) => sampledMean(row, "attention.sink_mass")],
    has("attention.sink_mass") && ["n attention", "requests whose attention was measured",
      (row) => sampled(row, "attention.sink_mass")?.n],
    has("routing.imbalance") && ["load imbalance", "experts: load of the busiest expert over the mean; 1 is even",
      (row) => sampledMean(row, "routing.imbalance")],
    has("routing.entropy_norm") && ["load entropy", "experts: how evenly tokens spread over the experts; 1 is even",
      (row) => sampledMean(row, "routing.entropy_norm")],
    has("routing.imbalance") && ["n routing", "requests whose routing was measured",
      (row) => sampled(row, "routing.imbalance")?.n],
  ].filter(Boolean);
}

function missKind({ outcomes }) {
  const missed = Object.entries(outcomes).filter(([kind, n]) => kind !== "correct" && n);
  return missed.length ? d3.greatest(missed, ([kind, n]) => [n, kind])[0] : null;
}

function missOf(row) {
  const stress = row.arms.stress;
  const kind = missKind(stress);
  return kind === null ? "none" : `${words(spell(kind))} ${stress.outcomes[kind]} of ${stress.n}`;
}

function overview(parent, run) {
  const rows = run.overview;
  if (!rows.length) return;
  const of = SEVERAL ? ` of ${spell(run.name, 40)}` : "";
  const kinds = [...new Set(rows.map((row) => missKind(row.arms.stress)).filter(Boolean))];
  overviewTable(parent, rows, `Answers${of}: each class and dose on each model`, qualityColumns(rows),
    kinds.map((kind) => [words(spell(kind)), OUTCOME_MEANINGS[kind] ?? "another outcome"]));
  overviewTable(parent, rows, `What went with them${of}: tokens, KV cache, attention, routing`, causeColumns(rows), []);
}

function overviewTable(parent, rows, title, columns, more) {
  const body = rows.map((row, index) => {
    const before = rows[index - 1];
    const same = before && entryName(before.entry) === entryName(row.entry) && before.dose === row.dose;
    const name = same ? "" : [entryName(row.entry), row.dose].filter(Boolean).join(": ");
    return [name, row.role, ...columns.map(([, , text]) => text(row))];
  });
  const terms = [...columns.map(([label, meaning]) => [label, meaning]), ...more];
  parent.append(
    el("h3", {}, title),
    grid(["class and dose", "model", ...columns.map(([label]) => label)], body, title),
    el("details", { class: "numbers", open: true },
      el("summary", {}, "What the columns mean"),
      el("dl", { class: "terms" }, terms.map(([label, meaning]) => [el("dt", {}, label), el("dd", {}, meaning)]).flat())),
  );
}
