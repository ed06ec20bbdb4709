// What is looked for, where its results come from, and what is shown while there are none.
import { byId, el, icon, images, number, say } from "./dom.js";
import { ApiError, Offline, askForKey, get, isAborted, post, server, watchForServer } from "./api.js";
import { EVERYTHING, filterOf, isFiltered, readAddress, searchKey, writeAddress } from "./address.js";
import { imageOf, imagesIn, keepImage } from "./uploads.js";
import { QueryField } from "./query.js";
import { Tools } from "./filters.js";
import { Grid } from "./grid.js";
import { Viewer } from "./viewer.js";
import { DuplicatesView } from "./duplicates.js";
import { Indexing } from "./indexing.js";

const FIRST = 100;
/** Milliseconds that typing pauses before the server is asked. */
const PAUSE = 12;

let state = readAddress();
let library = null;
let isSettled = true;
let shown = { key: null, total: 0, background: null };
let search = null;
/** Which of the results is in the viewer. */
let viewedAt;
let timer = 0;
const counts = new Map();

const query = new QueryField({
  change: (settled) => {
    query.update();
    const isOther = JSON.stringify(query.terms) !== JSON.stringify(state.terms);
    if (isOther) change({ terms: query.terms, duplicates: "" }, settled);
    else if (settled) isSettled = true;
  },
  addImages,
});
const tools = new Tools((part, settled) => change(part.sort === "date" && !state.relevance ? { ...part, relevance: -1 } : part, settled));
const grid = new Grid(byId("results"), {
  open: (item, at) => item && view(item, at),
  hrefOf: (item) => writeAddress({ ...state, view: item.id }),
  failed,
  counted: (total) => {
    shown.total = total;
    describe();
  },
});
const viewer = new Viewer({
  step: async (by) => {
    const at = (history.state?.at ?? -1) + by;
    const item = history.state?.at === undefined ? null : await grid.item(at);
    if (!item) return;
    state = { ...state, view: item.id };
    history.replaceState({ ...history.state, at }, "", writeAddress(state));
    drawViewer();
  },
  similar: (item) => moreLike(item),
  close: () => (history.state?.inside ? history.back() : change({ view: "" }, true)),
  under: (under) => change({ under, view: "", duplicates: "" }, true),
});
const duplicates = new DuplicatesView({
  change: (level) => change({ duplicates: level }, true),
  open: (id) => view({ id }),
});
const indexing = new Indexing(async (isDone) => {
  await readLibrary().catch(failed);
  if (isDone || shown.total < 500) run(true);
});

/** Goes to another state: a new entry of the history, or the same one while somebody types or slides. */
function change(part, settled) {
  const isNew = isSettled;
  state = { ...state, ...part };
  if (!state.terms.length) state = { ...state, sort: "score", relevance: 0 };
  if (state.sort === "date" && state.relevance === 0) state.sort = "score";
  isSettled = settled;
  if (isNew) {
    history.replaceState({ ...history.state, place: grid.place }, "");
    history.pushState({ inside: true }, "", writeAddress(state));
  } else history.replaceState(history.state, "", writeAddress(state));
  draw();
}

function view(item, at) {
  history.replaceState({ ...history.state, place: grid.place }, "");
  state = { ...state, view: item.id };
  history.pushState({ inside: true, at, place: grid.place }, "", writeAddress(state));
  drawViewer();
}

function moreLike(item) {
  change({ ...EVERYTHING, terms: [{ item: item.id, weight: 1 }] }, true);
}

async function addImages(files) {
  if (!files.length) {
    say("That is no image.");
    return;
  }
  const names = await Promise.all(files.slice(0, 4).map(keepImage));
  change({ terms: [...state.terms, ...names.map((image) => ({ image, weight: 1 }))], view: "", duplicates: "" }, true);
}

/** Brings all that is seen in step with the state. */
function draw() {
  query.terms = state.terms;
  tools.state = state;
  query.update();
  document.title = titleOf(state);
  byId("views").replaceChildren(
    el("a", { class: "button", href: state.duplicates ? "/" : "/?compare=near", "aria-current": state.duplicates ? "page" : undefined, onclick: (event) => {
      event.preventDefault();
      change(state.duplicates ? { duplicates: "" } : { ...EVERYTHING, duplicates: "near" }, true);
    } }, icon(state.duplicates ? "grid" : "copies"), el("span", {}, state.duplicates ? "All images" : "Duplicates")),
  );
  byId("tools").hidden = byId("results").hidden = Boolean(state.duplicates);
  if (state.duplicates) {
    search?.abort();
    shown.key = null;
    byId("message").replaceChildren();
    byId("filters").hidden = true;
    duplicates.show(state.duplicates, filterOf(state));
  } else {
    duplicates.hide();
    run();
  }
  drawViewer();
}

function titleOf({ terms, duplicates }) {
  if (duplicates) return "Duplicates · Image search";
  const texts = terms.map((term) => `${term.weight < 0 ? "without " : ""}${term.text ?? "an image"}`);
  return texts.length ? `${texts.join(", ")} · Image search` : "Image search";
}

function drawViewer() {
  if (!state.view) {
    const at = viewedAt;
    viewedAt = undefined;
    viewer.hide();
    if (at !== undefined && searchKey(state) === shown.key) grid.focus(at);
    return;
  }
  const at = history.state?.at;
  viewedAt = at;
  const known = at === undefined ? undefined : grid.itemAt(at);
  viewer.show(state.view, known?.id === state.view ? known : undefined, {
    terms: state.terms, background: shown.background,
    hasBefore: at > 0, hasAfter: at !== undefined && at < shown.total - 1,
  });
}

/** Looks for what the state says, unless its results are there. */
function run(isAgain = false) {
  const key = searchKey(state);
  if (key === shown.key && !isAgain) return;
  clearTimeout(timer);
  search?.abort();
  search = new AbortController();
  const { signal } = search;
  timer = setTimeout(() => find(key, isAgain, signal).catch(failed), isSettled ? 0 : PAUSE);
}

async function find(key, isAgain, signal) {
  const wanted = { ...state };
  const body = await bodyOf(wanted);
  if (signal.aborted) return;
  const place = isAgain ? null : takePlace();
  const load = (offset, limit, signal) => post("/v1/search", { ...body, offset, limit }, signal);
  byId("main").setAttribute("aria-busy", "true");
  try {
    if (wanted.relevance < 0) return await suggest(body, signal);
    const [answer, all] = await Promise.all([load(0, FIRST, signal), body.terms && wanted.relevance === 0 ? countAll(wanted, signal) : null]);
    if (signal.aborted) return;
    const few = answer.results.length < FIRST;
    const total = few ? answer.results.length : (answer.total ?? all);
    shown = { key, total, background: answer.background ?? null, all };
    grid.show({ first: answer.results, total, load }, isAgain);
    if (place) grid.place = place;
    describe();
    drawViewer();
  } finally {
    if (!signal.aborted) byId("main").removeAttribute("aria-busy");
  }
}

/** Where the window was when this entry of the history was left. */
function takePlace() {
  const place = history.state?.place;
  return state.view ? null : place;
}

async function bodyOf({ terms, relevance, sort, ...rest }) {
  const body = { filter: filterOf(rest) };
  if (!terms.length) return body;
  body.terms = await Promise.all(terms.map(async ({ weight, text, item, image }) => {
    if (image === undefined) return { weight, text, item };
    const data = await imageOf(image);
    if (!data) throw new ApiError(404, "the image of this search is not kept in this browser: drop it again");
    return { weight, image: data };
  }));
  if (relevance > 0) body.relevance = relevance;
  if (sort === "date") body.sort = "date";
  return body;
}

/** By date only what is relevant makes sense: half as much as the best result stands out. */
async function suggest(body, signal) {
  const answer = await post("/v1/search", { terms: body.terms, filter: body.filter, limit: 1, min_score: -1, relevance: -1000 }, signal);
  const best = answer.results[0]?.relevance ?? 2;
  if (!signal.aborted) change({ relevance: Math.max(0.25, Math.round(best * 2) / 4) }, true);
}

/** How many images pass the filter. */
async function countAll(state, signal) {
  if (!isFiltered(state) && library) return library.images;
  const filter = filterOf(state);
  const key = JSON.stringify([filter, library?.version]);
  if (!counts.has(key)) counts.set(key, (await post("/v1/search", { filter, limit: 1 }, signal)).total);
  return counts.get(key);
}

/** Says what is shown, and what to do where nothing is. */
function describe() {
  const { total } = shown;
  const hasTerms = state.terms.length > 0;
  const text = hasTerms && state.relevance ? `${number(total)} of ${images(library?.images ?? total)}` : images(total);
  tools.count.textContent = text;
  byId("heading").textContent = hasTerms ? `Results for ${titleOf(state).replace(" · Image search", "")}` : "Images";
  say(text);
  byId("message").replaceChildren(...[messageOf(total)].filter(Boolean));
}

function messageOf(total) {
  if (total > 0) return null;
  const message = (title, text, ...actions) => el("div", { class: "message" }, el("h2", {}, title), el("p", {}, text), ...actions);
  const button = (text, onclick) => el("button", { type: "button", class: "button primary", onclick }, text);
  if (library && library.images === 0) {
    if (indexing.isRunning) return message("The library is being indexed", "Images appear here as soon as they can be found.");
    if (library.indexable.length) {
      return message("Nothing is indexed yet", `The server may index ${library.indexable.join(", ")}.`, button("Index now", () => indexing.start().catch(failed)));
    }
    return message("Nothing is indexed yet", "Start the server with a folder of images:", el("pre", {}, "clip-cli serve ~/Pictures"));
  }
  if (state.relevance) return message("Nothing stands out that much", "The slider asks for more than any image has.", button("Show all, the best first", () => change({ relevance: 0 }, true)));
  if (isFiltered(state)) return message("No image passes the filters", "Take one of them away.", button("Clear the filters", () => change({ after: "", until: "", under: "", tags: [], shape: "" }, true)));
  return message("No images", "There is nothing to find.");
}

function failed(error) {
  if (isAborted(error) || error instanceof Offline) return;
  if (error instanceof ApiError && error.status === 401) return;
  byId("message").replaceChildren(el("div", { class: "message", role: "alert" }, el("h2", {}, "That did not work"), el("p", {}, `${error.message}.`)));
  grid.show({ first: [], total: 0, load: null });
  tools.count.textContent = "";
  shown = { key: null, total: 0, background: null };
}

async function readLibrary() {
  library = await get("/v1/library");
  tools.library = library;
}

async function start() {
  const jobs = indexing.look().catch(failed);
  const results = readLibrary().catch(failed);
  // Without terms the search says itself how many there are.
  if (state.terms.length) await results;
  draw();
  await Promise.all([jobs, results]);
  if (shown.key) describe();
}

history.scrollRestoration = "manual";
addEventListener("popstate", () => {
  isSettled = true;
  state = readAddress();
  draw();
});
addEventListener("pagehide", () => history.replaceState({ ...history.state, place: grid.place }, ""));

// Images from elsewhere.
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
let depth = 0;
const over = (by) => {
  depth = Math.max(0, depth + by);
  byId("drop").hidden = depth === 0;
};
addEventListener("dragenter", (event) => hasFiles(event) && over(1));
addEventListener("dragleave", (event) => hasFiles(event) && over(-1));
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  over(-Infinity);
  addImages(imagesIn(event.dataTransfer)).catch(failed);
});
addEventListener("paste", (event) => {
  const files = imagesIn(event.clipboardData);
  if (!files.length) return;
  event.preventDefault();
  addImages(files).catch(failed);
});
addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea, dialog");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    query.input.focus();
    query.input.select();
  } else if (event.key === "m" && !isTyping && !event.ctrlKey && !event.metaKey) {
    const cell = document.activeElement.closest?.("li[data-at]");
    if (cell?.item) moreLike(cell.item);
  } else if (event.key === "ArrowDown" && event.target === query.input && shown.total) {
    event.preventDefault();
    grid.focus(0);
  }
});

// Without an answer.
const offline = el("section", { class: "notice offline", role: "alert", hidden: true }, icon("offline"), el("p", {}, "The server does not answer. It is asked again until it does."));
byId("notices").append(offline);
server.addEventListener("offline", () => (offline.hidden = false));
server.addEventListener("online", () => {
  offline.hidden = true;
  start().then(() => run(true)).catch(failed);
});
server.addEventListener("needs-key", () => askForKey(() => start().then(() => run(true))));
watchForServer();
start().catch(failed);
