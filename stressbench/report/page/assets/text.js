"use strict";
// Text and elements. Nothing here, or anywhere in the page, makes markup of a string.

const DATA = JSON.parse(document.getElementById("data").textContent);

// The characters of safe_text.py: controls, format characters, unassigned, private use,
// separators, and what draws nothing or a bare blank.
const HIDDEN =
  /(?![\n\t])[\p{C}\p{Zl}\p{Zp}\u00a0\u034f\u115f\u1160\u2000-\u200a\u202f\u205f\u2800\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]/u;
const HIDDEN_RUN = new RegExp(`(${HIDDEN.source})\\1*`, "gu");

function codePoint(character) {
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

/** A string for labels: one line, hidden characters spelled, at most `limit` characters. */
function spell(text, limit = 64) {
  const flat = String(text).slice(0, 4 * limit).replace(/[\n\t]/g, " ");
  const plain = flat.replace(HIDDEN_RUN, (run) => `<${codePoint(run)}>`);
  return plain.length > limit ? plain.slice(0, limit - 1) + "…" : plain;
}

/** An element; `attributes` starting with "on" are listeners, children strings are text. */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

/** Put `children` in `parent` instead of what it has; nulls are left out. */
function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

/** Text as nodes, every hidden character shown as a chip with its code point. */
function visible(text) {
  const fragment = document.createDocumentFragment();
  let at = 0;
  for (const match of text.matchAll(HIDDEN_RUN)) {
    fragment.append(text.slice(at, match.index));
    const count = match[0].length / match[1].length;
    const label = codePoint(match[1]) + (count > 1 ? `×${count}` : "");
    fragment.append(el("span", { class: "hidden-char" }, label));
    at = match.index + match[0].length;
  }
  fragment.append(text.slice(at));
  return fragment;
}

/** An excerpt's pieces as nodes, with the needle and the answer's values marked. */
function pieces(list) {
  const fragment = document.createDocumentFragment();
  for (const piece of list) {
    if (piece.cut) {
      const label = `${count(piece.cut)} characters left out`;
      fragment.append(el("span", { class: "cut" }, label));
    } else if (piece.mark) {
      const mark = el("mark", { class: piece.mark, title: MARKS[piece.mark] });
      mark.append(visible(piece.text));
      fragment.append(mark);
    } else {
      fragment.append(visible(piece.text));
    }
  }
  return fragment;
}

const MARKS = { needle: "expected value", answer: "value that the answer names" };

const count = (value) => value.toLocaleString("en");
const percent = (value, digits = 0) => `${(100 * value).toFixed(digits)} %`;
const points = (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(0)} pt`;

function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return count(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** An interval in brackets; `form` writes one end. */
function range(ci, form = (value) => (100 * value).toFixed(0)) {
  return ci ? `[${form(ci[0])}, ${form(ci[1])}]` : "[interval unknown]";
}

const words = (name) => name.replaceAll("_", " ");

/** An entry of the suite: the class, or the label with the class where that is another word. */
const entryName = ({ prompt_class: name, label }) => (name && label && label !== name ? `${label} (${name})` : name);
const spellEntry = (entry) => spell(entryName(entry), 140);
