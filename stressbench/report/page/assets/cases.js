"use strict";
// The case browser: a bounded sample, filtered; prompt, answer and telemetry of one case.

/** What tells the telemetry pass of a case from its quality pass. */
const again = (one) => (one.telemetry ? ", telemetry pass" : "");
const filters = { run: "", entry: "", role: "", arm: "", outcome: "", text: "" };
let browser = null;

function caseBrowser(parent) {
  const choices = { entry: "class", role: "model", arm: "arm", outcome: "outcome" };
  const row = el("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() });
  const selects = {};
  if (SEVERAL) selects.run = select(row, "run", "run", DATA.runs.map((run, i) => [String(i), spell(run.name)]));
  for (const [field, label] of Object.entries(choices)) {
    const values = [...new Set(DATA.cases.map((one) => filtered(one, field)))].sort();
    selects[field] = select(row, field, label, values.map((v) => [v, spell(v === "" ? "(empty)" : ["arm", "outcome"].includes(field) ? words(v) : v, 140)]));
  }
  const search = el("input", { type: "search", id: "filter-text", placeholder: "case id", autocomplete: "off",
    oninput: () => { filters.text = search.value; refresh(); } });
  row.append(el("label", { for: "filter-text" }, "id ", search));
  row.append(el("button", { type: "button", onclick: () => { choose({}); } }, "Clear"));
  const status = el("p", { class: "note", role: "status", "aria-live": "polite" });
  const list = el("ul", { class: "case-list", "aria-label": "Cases", onkeydown: move });
  const detail = el("article", { class: "case", tabindex: "-1", "aria-label": "The selected case" });
  parent.append(row, status, el("div", { class: "browser" }, list, detail));
  browser = { selects, search, status, list, detail, matches: [] };
  refresh();
}

function select(parent, field, label, options) {
  const id = `filter-${field}`;
  const node = el("select", { id, onchange: () => { filters[field] = node.value; refresh(); } },
    el("option", { value: "" }, "all"), options.map(([value, text]) => el("option", { value }, text)));
  parent.append(el("label", { for: id }, `${label} `, node));
  return node;
}

/** Set the named filters, clear the others, and show what is left. */
function choose(wanted) {
  for (const field of Object.keys(filters)) filters[field] = wanted[field] ?? "";
  for (const [field, node] of Object.entries(browser.selects)) node.value = filters[field];
  browser.search.value = filters.text;
  refresh();
}

const filtered = (one, field) => (field === "entry" ? entryName(one.entry) : one[field]);

function matches(one) {
  return (filters.run === "" || String(one.run) === filters.run) &&
    ["entry", "role", "arm", "outcome"].every((f) => filters[f] === "" || filtered(one, f) === filters[f]) &&
    one.case_id.includes(filters.text);
}

function toneOf(score) {
  if (score === null) return "unclear";
  return score >= 1 ? "good" : score > 0 ? "unclear" : "bad";
}

function refresh() {
  const { list, status, detail } = browser;
  browser.matches = DATA.cases.filter(matches);
  status.textContent = `${count(browser.matches.length)} of ${count(DATA.cases.length)} sampled cases; ` +
    `the runs hold ${count(DATA.cases_of)} records. For any other case: stressbench show RUN CASE_ID`;
  list.replaceChildren(...browser.matches.map((one, index) =>
    el("li", {}, el("button", { type: "button", "data-index": String(index), onclick: () => show(one) },
      el("span", { class: `dot ${toneOf(one.score)}`, "aria-hidden": "true" }),
      el("span", { class: "id" }, spell(one.case_id, 60)),
      el("span", { class: "sub" }, `${SEVERAL ? `${spell(DATA.runs[one.run].name, 20)} · ` : ""}${spell(one.role, 20)}${again(one)} · ${words(one.outcome)}`))),
  ));
  if (browser.matches.length) show(browser.matches[0], { keep: true });
  else detail.replaceChildren(el("p", { class: "absent" }, "No sampled case matches these filters."));
}

/** Up and down go through the list. */
function move(event) {
  const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const buttons = [...browser.list.querySelectorAll("button")];
  const now = buttons.indexOf(document.activeElement);
  const next = Math.max(0, Math.min(buttons.length - 1, now + step));
  buttons[next]?.focus();
  if (browser.matches[next]) show(browser.matches[next], { keep: true });
}

function show(one, { keep = false } = {}) {
  const { detail, list } = browser;
  const index = browser.matches.indexOf(one);
  for (const button of list.querySelectorAll("button")) {
    if (Number(button.dataset.index) === index) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  const tone = toneOf(one.score);
  const others = DATA.cases.filter((c) => c.case_id === one.case_id && c !== one);
  fill(
    detail,
    el("h3", {}, spell(one.case_id, 120)),
    el("p", {}, el("span", { class: `badge ${tone}` }, words(one.outcome)),
      ` score ${one.score === null ? "none" : number(one.score)} (${spell(one.scorer)}), ${spell(one.role)}${again(one)}, ${words(one.arm)}`,
      SEVERAL ? `, ${spell(DATA.runs[one.run].name)}` : "", one.status === "ok" ? "" : `, status ${one.status}`),
    others.length ? el("p", { class: "note" }, "The same case: ", others.map((other) =>
      el("button", { type: "button", class: "link", onclick: () => show(other) },
        `${SEVERAL ? `${spell(DATA.runs[other.run].name, 20)}: ` : ""}${spell(other.role, 20)}${again(other)} (${words(other.outcome)})`))) : null,
    one.error === null ? null : el("pre", { class: "text bad" }, visible(one.error)),
    el("h4", {}, "Prompt"),
    partsStrip(one.parts),
    text(one.prompt),
    el("p", { class: "key" }, el("mark", { class: "needle" }, "expected value"), " ",
      el("mark", { class: "answer" }, "value that the answer names"), " ", el("span", { class: "hidden-char" }, "U+200B"), " hidden character"),
    el("h4", {}, "Output"),
    one.output.length ? text(one.output) : el("p", { class: "absent" }, "null: the request has no output"),
    el("h4", {}, "Expected"),
    el("p", {}, one.expected.length ? one.expected.flatMap((value) => [el("code", {}, visible(value)), " "]) : "nothing"),
    el("details", { class: "numbers" }, el("summary", {}, "Telemetry of this request"),
      grid(["field", "value"], one.facts.map((fact) => [fact.name, textCell(fact.value)]), "Telemetry")),
  );
  if (!keep && matchMedia("(max-width: 760px)").matches) detail.scrollIntoView({ block: "start" });
}

function textCell(value) {
  const cell = el("span", { class: value.startsWith("null: ") ? "null" : null });
  cell.append(visible(value));
  return cell;
}

function text(list) {
  const box = el("pre", { class: "text", tabindex: "0" });
  box.append(pieces(list));
  return box;
}

/** A strip from the prompt's start to its end, with its parts by tokens. */
function partsStrip(parts) {
  if (!parts.length) return null;
  const strip = el("div", { class: "strip", role: "img",
    "aria-label": `Parts of the prompt, by tokens: ${parts.map((p) => `${spell(p.role)} ${percent(p.start)} to ${percent(p.end)}`).join(", ")}` });
  for (const part of parts) {
    const piece = el("span", { class: ["needle", "question", "blob", "rival"].includes(part.role) ? part.role : "part", title: `${spell(part.role)}: ${percent(part.start)} to ${percent(part.end)} of the prompt's tokens` });
    piece.style.left = `${100 * part.start}%`;
    piece.style.width = `max(3px, ${100 * (part.end - part.start)}%)`;
    strip.append(piece);
  }
  const names = [...new Set(parts.map((part) => part.role))];
  return el("div", {}, strip, el("p", { class: "note" }, `Parts of the prompt, by tokens: ${names.map((n) => spell(n)).join(", ")}`));
}
