// Each search has an address: what is looked for is read from it and written to it.

/** What is looked for where nothing is said. */
export const EVERYTHING = {
  terms: [], relevance: 0, sort: "score",
  after: "", until: "", under: "", tags: [], shape: "",
  view: "", duplicates: "",
};

const KINDS = { q: "text", like: "item", image: "image" };
const WEIGHT = /^(-)?(?:(\d+(?:\.\d+)?):(?=\D))?(.*)$/su;

/** `2:cat` counts twice, `-cat` pushes away, as on the command line. */
export function parseTerm(written, kind = "text") {
  const [, minus, weight, rest] = WEIGHT.exec(written);
  const value = rest.trim();
  if (!value) return null;
  return { [kind]: value, weight: (minus ? -1 : 1) * (Number(weight) || 1) };
}

export function writeTerm(term) {
  const size = Math.abs(term.weight);
  return `${term.weight < 0 ? "-" : ""}${size === 1 ? "" : `${size}:`}${term.text ?? term.item ?? term.image}`;
}

export function readAddress(search = location.search) {
  const parameters = new URLSearchParams(search);
  const terms = [];
  for (const [name, value] of parameters) {
    const term = Object.hasOwn(KINDS, name) && parseTerm(value, KINDS[name]);
    if (term) terms.push(term);
  }
  const one = (name) => parameters.get(name) ?? "";
  return {
    terms,
    relevance: Math.max(0, Number(one("relevance")) || 0),
    sort: one("sort") === "date" ? "date" : "score",
    after: one("after"), until: one("until"), under: one("under"), tags: parameters.getAll("tag"), shape: one("shape"),
    view: one("view"),
    duplicates: one("compare"),
  };
}

export function writeAddress(state) {
  const parameters = new URLSearchParams();
  for (const term of state.terms) {
    const name = Object.keys(KINDS).find((name) => term[KINDS[name]] !== undefined);
    parameters.append(name, writeTerm(term));
  }
  if (state.relevance) parameters.set("relevance", state.relevance);
  if (state.sort === "date") parameters.set("sort", "date");
  for (const name of ["after", "until", "under"]) if (state[name]) parameters.set(name, state[name]);
  for (const tag of state.tags) parameters.append("tag", tag);
  if (state.shape) parameters.set("shape", state.shape);
  if (state.duplicates) parameters.set("compare", state.duplicates);
  if (state.view) parameters.set("view", state.view);
  const text = parameters.toString();
  return text ? `/?${text}` : "/";
}

/** The part of a state that decides which results there are. */
export const searchKey = (state) => writeAddress({ ...state, view: "" });

/** The filter that the server is sent. */
export function filterOf(state) {
  const filter = {};
  if (state.after) filter.after = state.after;
  // The server's `before` leaves that day out; people mean it too.
  if (state.until) filter.before = nextDay(state.until);
  if (state.under) filter.under = [state.under];
  if (state.tags.length) filter.tags = state.tags;
  if (state.shape) filter.orientation = state.shape;
  return filter;
}

export const isFiltered = (state) => Object.keys(filterOf(state)).length > 0;

function nextDay(day) {
  const date = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.getTime())) return day;
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}
