// The console: loads the lab, sends a tap, and lets the stage, the X-ray and the tables follow it.

import { Problem, get, post, pushes, tapEvents } from "./api.js";
import { alertIn, byId } from "./dom.js";
import * as enrol from "./enrol.js";
import * as history from "./history.js";
import * as pay from "./pay.js";
import * as saw from "./saw.js";
import * as stage from "./stage.js";
import { apply, choose, learnCountries, onLanguage, text } from "./words.js";
import * as xray from "./xray.js";

const state = { lab: null, steps: [], found: null, debits: [], done: null, tapping: false };

async function start() {
  apply();
  connect();
  await orSay(async () => {
    await loadLab();
    await loadHistory();
    pushes(pushed);
  });
}

function connect() {
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => choose(button.dataset.language));
  }
  onLanguage(renderAll);
  byId("pay").addEventListener("change", changed);
  byId("amount").addEventListener("input", changed);
  byId("pay").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!state.tapping) orSay(tap);
  });
  byId("add-card").addEventListener("click", () => state.lab && enrol.open(state.lab));
  enrol.connect(() => orSay(loadLab));
}

async function loadLab() {
  state.lab = await get("/api/lab");
  learnCountries(state.lab.countries);
  pay.render(state.lab);
  byId("version").textContent = state.lab.version;
  byId("tap").disabled = false;
  if (!state.tapping && !state.done) showIdle();
}

async function loadHistory() {
  const { card } = pay.choice(state.lab);
  state.debits = card ? (await get(`/api/history?card=${encodeURIComponent(card)}`)).debits : [];
  history.render(state.debits);
}

/** Something happened, maybe on another page, or this page is connected again. */
function pushed(kind) {
  orSay(async () => {
    if (kind !== "debit" && !state.tapping) await loadLab();
    await loadHistory();
  });
}

/** Another card, shop or amount: the stage is ready for the next tap, the X-ray stays to be read. */
function changed(event) {
  if (!state.lab) return;
  pay.renderMerchants(state.lab);
  if (event.target.name === "card") orSay(loadHistory);
  if (state.tapping) return;
  state.done = null;
  stage.fail();
  showIdle();
}

function showIdle() {
  const { merchant, country, amount } = pay.choice(state.lab);
  stage.idle(chosenCard(), merchant, amount ?? 0, country?.currency ?? "");
}

function chosenCard() {
  const { card } = pay.choice(state.lab);
  return state.lab.cards.find(({ id }) => id === card);
}

async function tap() {
  const { card, country, merchant, amount } = pay.choice(state.lab);
  if (!card) throw new Problem(text("problem.card"));
  if (!merchant) throw new Problem(text("problem.merchant"));
  if (!amount) throw new Problem(text("problem.amount", { digits: country.exponent }));
  Object.assign(state, { steps: [], found: null, done: null, tapping: true });
  byId("tap").disabled = true;
  stage.idle(chosenCard(), merchant, amount, country.currency);
  stage.begin();
  byId("stage").scrollIntoView({ block: "nearest" });
  renderFindings();
  try {
    const online = merchant.channel === "online";
    const asked = { card, country: country.code, merchant: merchant.id, amount, online };
    const { id } = await post("/api/tap", asked);
    await tapEvents(id, happened);
  } catch (error) {
    stage.fail();
    showIdle();
    throw error;
  } finally {
    state.tapping = false;
    byId("tap").disabled = false;
  }
  await loadLab();
  await loadHistory();
}

function happened(event) {
  if (event.kind === "step") {
    state.steps.push(event);
    xray.render(state.steps);
  } else if (event.kind === "display") {
    stage.display(event.who, event.lines, event.tone);
  } else if (event.kind === "saw") {
    state.found = event;
    saw.render(state.found);
  } else if (event.kind === "done") {
    state.done = event;
    stage.finish(event);
  }
}

function renderFindings() {
  xray.clear();
  xray.render(state.steps);
  saw.render(state.found);
}

/** After a change of language: everything that a script wrote is written again. */
function renderAll() {
  alertIn(byId("problem"), null);
  renderFindings();
  if (!state.lab) return;
  pay.render(state.lab);
  enrol.renderRegions(state.lab);
  history.render(state.debits);
  if (!state.done && !state.tapping) return showIdle();
  stage.again();
  if (state.done) stage.finish(state.done);
}

/** Does something; what goes wrong is shown above the page in words. */
async function orSay(act) {
  alertIn(byId("problem"), null);
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    alertIn(byId("problem"), error.message);
  }
}

start();
