// Adding a card: the number is encrypted here and goes out unreadable; then the one-time code.

import { Problem, get, post } from "./api.js";
import { alertIn, byId, element, options } from "./dom.js";
import { WrongKey, encrypt } from "./jose.js";
import { countryName, said, text, time } from "./words.js";

const MESSAGES_EVERY_MS = 1500;
const DIALOG = byId("enrol");
const PINNED = document.querySelector("meta[name=zheton-tsp-thumbprint]").content;

let waiting = null; // the id of the card that waits for its code
let timer = null;
let delivery = "";

/** Connects the dialog; `onActive` is called when a card can pay. */
export function connect(onActive) {
  byId("thumbprint").textContent = PINNED;
  byId("enrol-close").addEventListener("click", () => DIALOG.close());
  DIALOG.addEventListener("close", stop);
  byId("card-form").addEventListener("submit", (event) => submit(event, sendCard));
  byId("code-form").addEventListener("submit", (event) =>
    submit(event, async () => {
      await sendCode();
      DIALOG.close();
      onActive();
    }),
  );
  byId("pan").addEventListener("input", () => grouped(byId("pan"), /\D/g, /(\d{4})(?=\d)/g, "$1 "));
  byId("expiry").addEventListener("input", () => grouped(byId("expiry"), /\D/g, /^(\d\d)(?=\d)/, "$1/"));
}

export function open(lab) {
  renderRegions(lab);
  step("card-form");
  DIALOG.showModal();
  byId("pan").focus();
}

/** The countries in which a cardholder may live, those of the lab first in their order. */
export function renderRegions(lab) {
  options(
    byId("region"),
    lab.countries.map(({ code, name }) => [code, countryName(code, name)]),
  );
  byId("delivery").textContent = delivery && text("enrol.sent", { where: said(delivery) });
}

function step(id) {
  alertIn(byId("enrol-problem"), null);
  for (const form of [byId("card-form"), byId("code-form")]) form.hidden = form.id !== id;
}

async function submit(event, act) {
  event.preventDefault();
  const button = event.target.querySelector("[type=submit]");
  button.disabled = true;
  alertIn(byId("enrol-problem"), null);
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    alertIn(byId("enrol-problem"), error.message);
  } finally {
    button.disabled = false;
  }
}

async function sendCard() {
  const card = {
    pan: byId("pan").value.replaceAll(/\D/g, ""),
    expiry: byId("expiry").value,
    cvc: byId("cvc").value.trim(),
    cardholder: byId("cardholder").value.trim(),
  };
  check(card);
  const title = byId("card-title").value.trim();
  const jwe = await sealed(card);
  const body = { jwe, region: byId("region").value, ...(title && { title }) };
  const answer = await post("/api/cards", body);
  byId("card-form").reset(); // The number has left; nothing here needs it any more.
  waiting = answer.id;
  delivery = answer.delivery ?? "";
  byId("delivery").textContent = text("enrol.sent", { where: said(delivery) });
  step("code-form");
  byId("code").focus();
  await showMessages();
  timer = setInterval(() => showMessages().catch(() => {}), MESSAGES_EVERY_MS);
}

async function sealed(card) {
  const { jwk, device, appKey } = await get("/api/enrolment-key");
  try {
    return await encrypt({ ...card, device, appKey }, jwk, PINNED);
  } catch (error) {
    if (error instanceof WrongKey) throw new Problem(text("problem.key"));
    throw error;
  }
}

function check({ pan, expiry, cvc, cardholder }) {
  if (!/^\d{12,19}$/.test(pan) || !luhn(pan)) throw new Problem(text("problem.pan"));
  if (!/^(0[1-9]|1[0-2])\/\d\d$/.test(expiry)) throw new Problem(text("problem.expiry"));
  if (!/^\d{3,4}$/.test(cvc)) throw new Problem(text("problem.cvc"));
  if (!cardholder) throw new Problem(text("problem.cardholder"));
}

/** ISO/IEC 7812-1, annex B: mistyping is told before anything is sent. */
function luhn(digits) {
  const sum = [...digits].reverse().reduce((total, digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

async function sendCode() {
  const code = byId("code").value.trim();
  if (!code) throw new Problem(text("problem.code"));
  await post(`/api/cards/${encodeURIComponent(waiting)}/activate`, { code });
}

async function showMessages() {
  const { messages } = await get("/api/phone");
  byId("messages").replaceChildren(
    ...messages.map((message) =>
      element("li", {}, element("time", {}, time(message.at)), element("span", {}, said(message.text))),
    ),
  );
}

function stop() {
  clearInterval(timer);
  waiting = null;
  delivery = "";
  for (const form of DIALOG.querySelectorAll("form")) form.reset();
}

function grouped(input, drop, group, into) {
  const atEnd = input.selectionStart === input.value.length;
  if (atEnd) input.value = input.value.replaceAll(drop, "").replace(group, into);
}
