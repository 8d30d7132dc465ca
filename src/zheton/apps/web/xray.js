// The X-ray: every APDU and message of one debit as it happens, opened down to fields and bytes.

import { byId, element } from "./dom.js";
import { number, said, text } from "./words.js";

const BYTES_A_ROW = 16;

/** A step as a list item whose details are made when somebody opens it. */
function item(step) {
  const protocol = known(step.protocol);
  const summary = element(
    "summary",
    {},
    element("span", { class: "count" }, step.n),
    element("span", { class: "title" }, said(step.title)),
    element("span", { class: `protocol ${protocol}` }, text(`protocol.${protocol}`)),
    element("span", { class: "way" }, `${said(step.from)} → ${said(step.to)}`),
    step.summary ? element("span", { class: "gist" }, said(step.summary)) : null,
    element("span", { class: "took" }, took(step)),
    element("span", { class: "timeline", "aria-hidden": "true" }, element("i")),
  );
  const details = element("details", {}, summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(...inside(step));
  });
  return element("li", {}, details);
}

/** How long an answer took to be made; a question takes no time of its own. */
const took = ({ took_ms: ms }) => (ms > 0 ? `${number(ms, 2)}\u00a0${text("ms")}` : "");

const PROTOCOLS = ["apdu", "iso8583", "http", "file", "typed", "internal"];
const known = (protocol) => (PROTOCOLS.includes(protocol) ? protocol : "internal");

function inside(step) {
  const parts = [];
  if (step.summary) parts.push(element("p", {}, said(step.summary)));
  if (step.fields?.length) parts.push(fields(step.fields));
  if (step.hex) parts.push(element("pre", { class: "hex", tabindex: "0" }, dump(step.hex, step.protocol)));
  return parts.length ? parts : [element("p", {}, text("xray.nothing"))];
}

function fields(list) {
  const heads = ["tag", "name", "value", "meaning"];
  const rows = list.map((field) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, field.tag ?? ""),
      element("td", {}, said(field.name)),
      element("td", { class: "value" }, field.value ?? ""),
      element("td", {}, said(field.meaning ?? "")),
    ),
  );
  const head = element(
    "tr",
    {},
    ...heads.map((name) => element("th", { scope: "col" }, text(`field.${name}`))),
  );
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  return element("div", { class: "scroll", tabindex: "0" }, table);
}

/** Bytes in rows of sixteen with their offset, and with their text where a protocol has text. */
function dump(hex, protocol) {
  const digits = hex.replaceAll(/\s/g, "");
  if (!/^([0-9a-f]{2})+$/i.test(digits)) return hex;
  const bytes = digits.match(/../g).map((pair) => pair.toUpperCase());
  const rows = [];
  for (let at = 0; at < bytes.length; at += BYTES_A_ROW) {
    const row = bytes.slice(at, at + BYTES_A_ROW);
    const offset = at.toString(16).padStart(4, "0");
    const shown = row.join(" ").padEnd(BYTES_A_ROW * 3 - 1);
    rows.push(`${offset}  ${protocol === "apdu" ? shown.trimEnd() : `${shown}  ${printable(row)}`}`);
  }
  return rows.join("\n");
}

const printable = (row) =>
  row
    .map((pair) => Number.parseInt(pair, 16))
    .map((code) => (code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : "·"))
    .join("");

/** Shows all steps; those that are there already stay as they are, opened or not. */
export function render(steps) {
  const list = byId("xray");
  if (list.children.length > steps.length) list.replaceChildren();
  list.append(...steps.slice(list.children.length).map(item));
  const total = Math.max(0, ...steps.map((step) => step.at_ms));
  rescale(list, steps, total);
  byId("xray-note").textContent = steps.length
    ? text("xray.total", { count: steps.length, ms: number(total, 1) })
    : text("xray.empty");
}

/** Forgets the steps, for another tap or another language. */
export const clear = () => byId("xray").replaceChildren();

/** Where in the whole debit each step lies, as bars on one scale; an answer ends its making. */
function rescale(list, steps, total) {
  const share = (ms) => `${((100 * ms) / (total || 1)).toFixed(2)}%`;
  for (const [n, bar] of [...list.querySelectorAll(".timeline i")].entries()) {
    bar.style.left = share(Math.max(0, steps[n].at_ms - steps[n].took_ms));
    bar.style.width = share(steps[n].took_ms);
  }
}
