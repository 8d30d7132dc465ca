// Who saw what: the parties of one debit as columns, what they learnt as rows, the card number last.

import { byId, element } from "./dom.js";
import { said, text } from "./words.js";

const CARD_NUMBER = "card number";

/**
 * Fills the table from what was found after a tap: its parties, each with the things it saw.
 *
 * `enrolment` is whether they were also seen enrolling the card; if not, only the debit is told of.
 */
export function render(found) {
  const { parties, enrolment } = found ?? { parties: [], enrolment: false };
  const table = byId("saw");
  table.hidden = parties.length === 0;
  const holders = parties.filter((party) => party.card_number).map((party) => said(party.party));
  byId("saw-note").textContent = parties.length
    ? text(heading(holders, enrolment), { parties: holders.join(", ") })
    : text("saw.empty");
  const things = new Set(parties.flatMap((party) => party.saw));
  things.delete(CARD_NUMBER); // It has a row of its own, which is there even if nobody saw it.
  const rows = [...things].map((thing) => row(said(thing), parties, (party) => party.saw.includes(thing)));
  const last = row(text("saw.card-number"), parties, (party) => party.card_number);
  last.className = "secret";
  table.replaceChildren(
    element("caption", { class: "hidden" }, text("saw.title")),
    element("thead", {}, heads(parties)),
    element("tbody", {}, ...rows, last),
  );
}

const heading = (holders, enrolment) =>
  holders.length ? (enrolment ? "saw.holders" : "saw.holders-debit") : "saw.nobody";

function heads(parties) {
  const columns = parties.map((party) =>
    element("th", { scope: "col" }, element("span", {}, said(party.party))),
  );
  return element("tr", {}, element("td"), ...columns);
}

function row(name, parties, saw) {
  const cells = parties.map((party) =>
    element(
      "td",
      { class: saw(party) ? "yes" : "no" },
      element("span", { "aria-hidden": "true" }, saw(party) ? "●" : "·"),
      element("span", { class: "hidden" }, text(saw(party) ? "saw.yes" : "saw.no")),
    ),
  );
  return element("tr", {}, element("th", { scope: "row" }, name), ...cells);
}
