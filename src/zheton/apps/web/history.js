// The cardholder's debits, newest first, as the wallet knows them.

import { byId, element } from "./dom.js";
import { money, named, text, time } from "./words.js";

/**
 * What became of a debit: where it was declined, the reason too, which its merchant never hears;
 * where something was given back, how much.
 */
function outcome({ state, reason, refunded, currency }) {
  const why = state === "declined" && reason ? `: ${named("reason", reason)}` : "";
  const back = refunded ? `; ${named("state", "refunded")} ${money(refunded, currency)}` : "";
  return named("state", state) + why + back;
}

export function render(debits) {
  const items = debits.map((debit) =>
    element(
      "li",
      { "data-state": debit.state },
      element("span", { class: "merchant" }, debit.merchant),
      element("span", { class: "sum" }, money(debit.amount, debit.currency)),
      element("time", {}, time(debit.at)),
      element("span", { class: "state" }, outcome(debit)),
      element("span", { class: "last4" }, debit.number_last4 ? `•••• ${debit.number_last4}` : ""),
    ),
  );
  byId("history").replaceChildren(
    ...(items.length ? items : [element("li", { class: "none" }, text("history.empty"))]),
  );
}
