"use strict";
// The page of a history: the verdict on tonight, and every series over its nights.

const HISTORY_TONES = { pass: "good", regression: "bad", inconclusive: "unclear", unreadable: "unclear" };

function heading() {
  document.getElementById("top").append(
    el("div", {},
      el("h1", {}, spell(DATA.title, 80)),
      el("p", { class: "lead" }, `${count(DATA.nights)} runs, ${spell(DATA.since, 40)} to ${spell(DATA.until, 40)}`)),
    themeButton(),
  );
}

function tonight(parent) {
  const [first, ...more] = DATA.verdict;
  parent.append(
    el("div", { class: `verdict ${HISTORY_TONES[DATA.history.verdict]}` },
      el("strong", {}, visible(first)),
      more.length ? el("ul", {}, more.map((line) => el("li", {}, visible(line.trim())))) : null),
    el("p", { class: "note" }, visible(DATA.budget)),
  );
}

function everySeries(parent) {
  const box = el("div", { class: "multiples" });
  parent.append(box);
  DATA.history.series.forEach((one, index) => nightFigure(box, one, DATA.names[index], DATA.alarms[index]));
}

function nightFigure(parent, one, name, told) {
  const share = one.unit === "fraction";
  const starts = new Set(one.change_points);
  const nights = one.nights.map((night, index) => ({ ...night, index: index + 1, starts: starts.has(night.run_id) }));
  const value = (level) => (level === null ? "–" : share ? percent(level, 1) : `${number(level)} ${spell(one.unit, 16)}`);
  figure(parent, {
    title: spell(name, 80),
    note: `${count(nights.length)} nights, last ${value(nights.at(-1).level)}; ${one.better === "neither" ? "neither direction is worse" : `${one.better} is better`}`,
    legend: [
      { label: "night", color: "var(--series-1)", shape: "circle" },
      told.length ? { label: "alarm", color: "var(--bad)", shape: "triangle" } : null,
      starts.size ? { label: "new level begins, in hindsight", color: "var(--unclear)", shape: "tick" } : null,
    ].filter((entry) => entry !== null),
    draw: () => ({
      height: 200, marginTop: 16, marginLeft: 58, marginBottom: 40, marginRight: 16,
      x: { label: "night", domain: [0.5, nights.length + 0.5], ticks: Math.min(8, nights.length), tickFormat: "d" },
      y: { label: null, grid: true, ticks: 5, nice: true, tickFormat: share ? (level) => `${number(100 * level)} %` : number },
      marks: [
        Plot.ruleX(nights.filter((d) => d.starts), { x: "index", stroke: "var(--unclear)", strokeWidth: 1.5, strokeDasharray: "4 3" }),
        Plot.line(nights, { x: "index", y: "level", stroke: "var(--series-1)", strokeOpacity: 0.5 }),
        Plot.dot(nights, {
          x: "index", y: "level", r: (d) => (d.alarm ? 5 : 2.5), symbol: (d) => (d.alarm ? "triangle" : "circle"),
          fill: (d) => (d.alarm ? "var(--bad)" : "var(--series-1)"), tip: true,
          title: (d) => [spell(d.started_at, 40), value(d.level), spell(d.run_id, 60), ...(d.alarm ? d.causes : d.changed).map((each) => spell(each, 80))].join("\n"),
        }),
      ],
    }),
    table: {
      head: ["night", "run", "n", "items", "level", "p", "compared with", "changed since the night before"],
      rows: nights.map((d) => [
        d.started_at, d.run_id, d.n, d.clusters, value(d.level), d.p === null ? d.why_null : number(d.p),
        d.usual === null ? null : `${value(d.usual)} over ${d.before}`, d.changed.join("; "),
      ]).reverse(),
    },
  });
  if (told.length) {
    parent.lastElementChild.append(el("ul", { class: "note" }, told.map((line) => el("li", {}, visible(line)))));
  }
}

function leftOut(parent) {
  const rows = Object.entries(DATA.history.skipped);
  if (rows.length) parent.append(grid(["file", "why it does not count"], rows, "Left out"));
  else parent.append(el("p", { class: "note" }, "Every file counts."));
}

heading();
build([["summary", "Tonight", tonight], ["series", "Every series", everySeries], ["left-out", "Left out", leftOut]]);
