// The band and the till: two displays and what stands between them.

import { byId, element } from "./dom.js";
import { money, named, said, text } from "./words.js";

const DISPLAYS = { band: byId("band-screen"), till: byId("till-display") };
const MARKS = { good: "✓", bad: "✕" };
const shown = new Map(); // what each display shows, to show it again in another language

/** Shows lines on the display of the band or the till in a tone: idle, busy, good or bad. */
export function display(who, lines, tone = "idle") {
  const place = DISPLAYS[who];
  if (!place) return;
  shown.set(who, [lines, tone]);
  place.dataset.tone = tone;
  const mark = MARKS[tone];
  place.replaceChildren(
    ...(mark ? [element("span", { class: "mark", "aria-hidden": "true" }, mark)] : []),
    ...lines.map((line) => element("span", { class: "line" }, written(String(line)))),
  );
}

/** A line in the page's language; an amount in its way of writing one. */
function written(line) {
  const sum = /^(\d+(?:\.\d+)?) ([A-Z]{3})$/.exec(line);
  return sum ? money(sum[1], sum[2]) : said(line);
}

/** Shows again what the displays show. */
export function again() {
  for (const [who, [lines, tone]] of shown) display(who, lines, tone);
}

/** What both displays show before a tap. */
export function idle(card, merchant, amount, currency) {
  byId("stage").dataset.channel = merchant?.channel ?? "till";
  byId("stage").dataset.state = "idle";
  byId("till-address").textContent = merchant?.channel === "online" ? merchant.name : "";
  byId("band-caption").textContent = card?.band.name ?? "";
  byId("till-caption").textContent = merchant ? `${merchant.name}, ${merchant.city}` : "";
  display("band", card ? bandLines(card) : []);
  if (!merchant) return;
  const asks = text(merchant.channel === "online" ? "till.online" : "till.present");
  display("till", [money(amount, currency), asks]);
}

function bandLines({ title, band }) {
  const left = text("band.left", { count: band.credentials_left });
  return [title, left, text(band.armed ? "band.armed" : "band.locked")];
}

/** Clears what the last tap left and starts the waves. */
export function begin() {
  byId("stage").dataset.state = "busy";
  byId("receipt").hidden = true;
  byId("result").textContent = text("result.busy");
  byId("result").dataset.tone = "busy";
}

/** The outcome in words, and the receipt where the till printed one. */
export function finish({ approved, text: words, reason, number_last4: last4, elapsed_ms: elapsed, receipt }) {
  const state = approved ? "good" : "bad";
  byId("stage").dataset.state = state;
  byId("result").dataset.tone = state;
  const parts = [why(words, reason)];
  if (last4) parts.push(text("result.number", { last4 }));
  if (elapsed !== undefined) parts.push(text("result.elapsed", { ms: Math.round(elapsed) }));
  byId("result").textContent = parts.join(" · ");
  const lines = Object.entries(receipt ?? {});
  byId("receipt").hidden = lines.length === 0;
  byId("receipt").replaceChildren(
    ...lines.flatMap(([name, value]) => [
      element("dt", {}, said(name.replaceAll("_", " "))),
      element("dd", {}, written(String(value))),
    ]),
  );
}

/** A policy's words say more than the name of the reason; a response code says less. */
function why(words, reason) {
  return reason && reason !== "policy" ? `${said(words)}: ${named("reason", reason)}` : said(words);
}

/** A tap that could not be carried out. */
export function fail() {
  byId("stage").dataset.state = "idle";
  byId("result").textContent = "";
}
