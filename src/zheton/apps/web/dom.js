// Builds elements. Text goes in as text nodes only, so nothing that a server sends can become markup.

export const byId = (id) => document.getElementById(id);

/** An element with attributes (`class`, `data-…`, `aria-…`; false and null leave one out) and children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined).map(asNode));
  return made;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** Replaces the options of a select and keeps what was chosen, where it is still there. */
export function options(select, pairs) {
  const chosen = select.value;
  select.replaceChildren(...pairs.map(([value, text]) => element("option", { value }, text)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}

/** Shows a sentence in an alert, or hides the alert if there is none. */
export function alertIn(place, sentence) {
  place.textContent = sentence ?? "";
  place.hidden = !sentence;
  if (sentence) place.scrollIntoView({ block: "nearest" });
}
