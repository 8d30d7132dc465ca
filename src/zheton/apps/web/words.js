// The language of the page: every text of its own, and how money, times and countries are written.

import en from "./locales/en.js";
import ru from "./locales/ru.js";

const LOCALES = { en, ru };
const REMEMBERED = "zheton-language";

let language = remembered() ?? (navigator.language.startsWith("ru") ? "ru" : "en");
const listeners = [];
const countryCodes = new Map(); // by English name

function remembered() {
  try {
    const found = localStorage.getItem(REMEMBERED);
    return found in LOCALES ? found : null;
  } catch {
    return null; // A browser that forbids storage still shows the page.
  }
}

/** The text of a key, with {names} filled in. A missing key shows itself, so that it is noticed. */
export function text(key, values = {}) {
  const pattern = LOCALES[language].texts[key] ?? en.texts[key] ?? key;
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The text of a name that a server gave, or the name itself where the page has no word for it. */
export function named(kind, name) {
  const key = `${kind}.${name}`;
  return key in en.texts ? text(key) : name;
}

/**
 * What a server said, in the page's language where it is known there, else as it came.
 *
 * `patterns` are sentences with places in them; what stands in a place is translated likewise.
 */
export function said(words) {
  const { said: phrases, patterns } = LOCALES[language];
  if (Object.hasOwn(phrases, words)) return phrases[words];
  if (countryCodes.has(words)) return countryName(countryCodes.get(words), words);
  for (const [pattern, into] of patterns) {
    const found = pattern.exec(words);
    if (found) return into.replace(/\$(\d)/g, (_, place) => said(found[place]));
  }
  return words;
}

export const current = () => language;

/** Calls back after each change of language. */
export const onLanguage = (listener) => listeners.push(listener);

export function choose(chosen) {
  language = chosen;
  try {
    localStorage.setItem(REMEMBERED, chosen);
  } catch {
    // Not remembered, but changed all the same.
  }
  apply();
  for (const listener of listeners) listener();
}

/** Writes the texts into every element that names one by data-t or data-t-label. */
export function apply() {
  document.documentElement.lang = language;
  for (const place of document.querySelectorAll("[data-t]")) place.textContent = text(place.dataset.t);
  for (const place of document.querySelectorAll("[data-t-label]")) {
    place.setAttribute("aria-label", text(place.dataset.tLabel));
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
}

/** An amount in major units, such as "350.00", with its currency of ISO 4217. */
export function money(amount, currency) {
  const number = Number(amount);
  if (!Number.isFinite(number)) return `${amount} ${currency}`;
  return new Intl.NumberFormat(language, { style: "currency", currency }).format(number);
}

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);

export function time(at) {
  const when = new Date(at);
  if (Number.isNaN(when.getTime())) return String(at ?? "");
  const shape = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(language, shape).format(when);
}

/** Remembers the English names of countries, so that sentences that hold one can be translated. */
export function learnCountries(countries) {
  for (const { code, name } of countries) countryCodes.set(name, code);
}

/** The name of a country of ISO 3166 in the page's language, or the name that the server gave. */
export function countryName(code, fallback) {
  if (language === "en") return fallback;
  return new Intl.DisplayNames([language], { type: "region", fallback: "none" }).of(code) ?? fallback;
}
