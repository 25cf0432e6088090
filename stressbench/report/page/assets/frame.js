"use strict";
// What every page has: the switch between light and dark, sections with their contents, the foot.

function themeButton() {
  return el("button", { type: "button", id: "theme", onclick: toggleTheme, "aria-label": "Switch between light and dark" }, "◐");
}

function toggleTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
}

/** Draw `sections`, each `[id, title, draw]`, and the list that leads to them. */
function build(sections) {
  const main = document.getElementById("main");
  const contents = el("ul");
  main.replaceChildren();
  for (const [id, title, draw] of sections) {
    const section = el("section", { id, tabindex: "-1", "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title));
    main.append(section);
    draw(section);
    contents.append(el("li", {}, el("a", { href: `#${id}` }, title)));
  }
  document.getElementById("contents").append(contents);
  document.getElementById("foot").append(
    `stressbench ${DATA.version}, ${DATA.made_at}. Figures: Observable Plot and D3 (ISC licence).`);
}
