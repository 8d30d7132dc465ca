// The console's side of the HTTP interface. Whatever goes wrong becomes one sentence for a person.

import { current, said, text } from "./words.js";

const RETRY_MS = 5000;

export class Problem extends Error {}

export const get = (path) => request(path, {});

export const post = (path, body) =>
  request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

async function request(path, init) {
  const headers = { ...init.headers, Accept: "application/json", "Accept-Language": current() };
  let response;
  try {
    response = await fetch(path, { ...init, headers, cache: "no-store" });
  } catch {
    throw new Problem(text("problem.unreachable"));
  }
  if (response.ok) return response.json();
  throw new Problem(await sentence(response));
}

/** The words of an RFC 9457 problem, with the name of the rule that decided where there is one. */
async function sentence(response) {
  const problem = await response.json().catch(() => null);
  const detail = typeof problem?.detail === "string" ? problem.detail : problem?.title;
  if (!detail) return text("problem.status", { status: response.status });
  const rule = problem.rule && !detail.includes(problem.rule) ? ` (${text("rule")} ${problem.rule})` : "";
  return said(detail) + rule;
}

/** The events of one tap, each given to `onEvent`, until the one that says it is done. */
export function tapEvents(id, onEvent) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`/api/taps/${encodeURIComponent(id)}/events?lang=${current()}`);
    source.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      onEvent(event);
      if (event.kind === "done") {
        source.close();
        resolve(event);
      }
    };
    // A browser would reconnect and get the steps a second time: a tap is told once.
    source.onerror = () => {
      source.close();
      reject(new Problem(text("problem.cut")));
    };
  });
}

/**
 * What happens in the lab, on this page or another, for as long as the page is open: "debit",
 * "card", and "again" when the browser has connected anew and may have missed some.
 */
export function pushes(onPush) {
  const source = new EventSource("/api/events");
  let lost = false;
  source.addEventListener("debit", () => onPush("debit"));
  source.addEventListener("card", () => onPush("card"));
  source.onopen = () => {
    if (lost) onPush("again");
    lost = false;
  };
  source.onerror = () => {
    lost = true;
    // A browser gives up where a server answers but not with events, such as a proxy at a restart.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => pushes(onPush), RETRY_MS);
  };
}
