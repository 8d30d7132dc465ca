// The form that pays: which card, where, how much.

import { byId, element, options } from "./dom.js";
import { countryName, named, text } from "./words.js";

const COUNTRY = byId("country");
const MERCHANT = byId("merchant");

/** Shows the cards, countries and merchants of the lab, and keeps what was chosen. */
export function render(lab) {
  renderCards(lab.cards);
  const countries = lab.countries.map(({ code, name }) => [code, countryName(code, name)]);
  options(COUNTRY, countries);
  renderMerchants(lab);
}

/** The merchants of the chosen country, and the currency that they take. */
export function renderMerchants(lab) {
  const country = lab.countries.find(({ code }) => code === COUNTRY.value);
  const merchants = country?.merchants ?? [];
  options(
    MERCHANT,
    merchants.map(({ id, name, channel }) => [id, `${name} · ${text(`channel.${channel}`)}`]),
  );
  byId("currency").textContent = country?.currency ?? "";
  const online = merchants.find(({ id }) => id === MERCHANT.value)?.channel === "online";
  byId("tap").textContent = text(online ? "pay.online" : "pay.tap");
}

function renderCards(cards) {
  const chosen = chosenCard() ?? cards.find(({ state }) => state === "active")?.id;
  byId("cards").replaceChildren(
    ...cards.map((card) => {
      const choice = element("input", {
        type: "radio",
        name: "card",
        value: card.id,
        id: `card-${card.id}`,
        checked: card.id === chosen,
        disabled: card.state !== "active",
      });
      return element(
        "label",
        { class: "card", "data-network": card.network, "data-state": card.state },
        choice,
        element("span", { class: "card-title" }, card.title),
        element("span", { class: "card-number" }, `•••• ${card.last4}`),
        element("span", { class: "network" }, named("network", card.network)),
        card.state === "active" ? null : element("span", { class: "card-state" }, named("card", card.state)),
      );
    }),
  );
}

const chosenCard = () => document.querySelector("input[name=card]:checked")?.value;

/** What the form says now; `amount` is text in major units with a point, or null if it is no amount. */
export function choice(lab) {
  const country = lab.countries.find(({ code }) => code === COUNTRY.value);
  const merchant = country?.merchants.find(({ id }) => id === MERCHANT.value);
  return { card: chosenCard(), country, merchant, amount: amount(country?.exponent ?? 2) };
}

/** The typed amount with exactly the digits of its currency; both decimal signs are understood. */
function amount(exponent) {
  const typed = byId("amount").value.replaceAll(/[\s\u00a0]/g, "").replace(",", ".");
  const parts = /^(\d{1,10})(?:\.(\d+))?$/.exec(typed);
  if (!parts || (parts[2] ?? "").length > exponent) return null;
  const fraction = (parts[2] ?? "").padEnd(exponent, "0");
  const written = exponent ? `${parts[1]}.${fraction}` : parts[1];
  return Number(written) > 0 ? written : null;
}
