// Relevance, order and filters, and the count beside them.
import { byId, el, icon, number } from "./dom.js";
import { isFiltered } from "./address.js";

/** The strictest relevance, in standard deviations above what else the library holds. */
const STRICTEST = 8;

export class Tools {
  #library = { folders: [], tags: [] };
  #state;

  /** `change(part, isSettled)` is called with the part of the state that is another. */
  constructor(change) {
    this.change = change;
    this.count = el("p", { id: "count", class: "count" });
    this.slider = el("input", {
      type: "range", id: "relevance", min: "0", max: String(STRICTEST), step: "0.25",
      oninput: () => change({ relevance: Number(this.slider.value) }, false),
      onchange: () => change({ relevance: Number(this.slider.value) }, true),
    });
    this.level = el("output", { for: "relevance" });
    this.relevance = el("div", { class: "relevance", hidden: true, title: "Show only what stands out of the library" }, el("label", { for: "relevance" }, "Relevance"), this.slider, this.level);
    this.sort = el("select", { id: "sort", "aria-label": "Order", onchange: () => change({ sort: this.sort.value }, true) },
      el("option", { value: "score" }, "Best first"), el("option", { value: "date" }, "Newest first"));
    this.open = el("button", {
      type: "button", class: "button", "aria-expanded": "false", "aria-controls": "filters", onclick: () => this.toggle(byId("filters").hidden),
    }, icon("filter"), el("span", {}, "Filters"));
    this.active = el("div", { class: "active" });
    byId("tools").append(this.count, this.relevance, this.sort, this.open);
    byId("tools").after(this.active);
    this.#build();
  }

  toggle(show) {
    byId("filters").hidden = !show;
    this.open.setAttribute("aria-expanded", String(show));
  }

  #build() {
    const { change } = this;
    const date = (name, label) => {
      const input = el("input", { type: "date", onchange: () => change({ [name]: input.value }, true) });
      this[name] = input;
      return el("label", {}, label, input);
    };
    const select = (name, label) => {
      const input = el("select", { onchange: () => change({ [name]: input.value }, true) });
      this[name] = input;
      return el("label", {}, label, input);
    };
    this.tag = el("select", { onchange: () => this.tag.value && change({ tags: [...new Set([...this.#state.tags, this.tag.value])] }, true) });
    byId("filters").append(
      date("after", "Taken from"), date("until", "to"), select("under", "Folder"), this.tags = el("label", {}, "Tag", this.tag), select("shape", "Shape"),
    );
    const shapes = [["", "Any"], ["landscape", "Landscape"], ["portrait", "Portrait"], ["square", "Square"]];
    this.shape.append(...shapes.map(([value, text]) => el("option", { value }, text)));
    this.library = this.#library;
  }

  set library(library) {
    this.#library = library;
    const folders = withParents(library.folders);
    const depth = Math.min(...folders.map(([path]) => path.split("/").length));
    const indent = (path) => "\u2003".repeat(path.split("/").length - depth);
    this.under.replaceChildren(el("option", { value: "" }, "All folders"),
      ...folders.map(([path, count]) => el("option", { value: path }, `${indent(path)}${path.split("/").pop() || "/"} (${number(count)})`)));
    this.tag.replaceChildren(el("option", { value: "" }, "Any"), ...library.tags.map(({ tag, images }) => el("option", { value: tag }, `${tag} (${number(images)})`)));
    this.tags.hidden = library.tags.length === 0;
    for (const input of [this.after, this.until]) {
      input.min = library.first_taken?.slice(0, 10) ?? "";
      input.max = library.last_taken?.slice(0, 10) ?? "";
    }
    if (this.#state) this.state = this.#state;
  }

  set state(state) {
    this.#state = state;
    const hasTerms = state.terms.length > 0;
    this.relevance.hidden = !hasTerms;
    this.sort.hidden = !hasTerms;
    this.sort.value = state.sort;
    if (Number(this.slider.value) !== state.relevance) this.slider.value = String(state.relevance);
    const text = state.relevance ? `${state.relevance} σ` : "all";
    this.level.value = text;
    this.slider.setAttribute("aria-valuetext", state.relevance ? `${state.relevance} standard deviations` : "all images");
    for (const name of ["after", "until", "under", "shape"]) this[name].value = state[name];
    this.tag.value = "";
    const chips = [];
    const chip = (text, part) => chips.push(el("button", { type: "button", class: "chip filter", "aria-label": `Remove the filter: ${text}`, onclick: () => this.change(part, true) }, text, icon("close")));
    if (state.after) chip(`from ${state.after}`, { after: "" });
    if (state.until) chip(`to ${state.until}`, { until: "" });
    if (state.under) chip(state.under.split("/").pop(), { under: "" });
    for (const tag of state.tags) chip(tag, { tags: state.tags.filter((other) => other !== tag) });
    if (state.shape) chip(state.shape, { shape: "" });
    this.active.replaceChildren(...chips);
    this.active.hidden = chips.length === 0;
    this.open.classList.toggle("on", isFiltered(state));
  }
}

/** Folders with those above them that hold several, each with all images below it. */
function withParents(folders) {
  const counts = new Map();
  const own = new Set(folders.map(({ path }) => path));
  for (const { path, images } of folders) {
    const parts = path.split("/");
    for (let at = 1; at <= parts.length; at++) {
      const parent = parts.slice(0, at).join("/") || "/";
      counts.set(parent, (counts.get(parent) ?? 0) + images);
    }
  }
  const all = folders.reduce((sum, { images }) => sum + images, 0);
  const roots = [...counts].filter(([path, count]) => count === all && !own.has(path)).map(([path]) => path);
  // Of the folders above all others only the last is worth showing.
  const hidden = new Set(roots.slice(0, -1));
  return [...counts].filter(([path]) => !hidden.has(path)).sort(([a], [b]) => (a < b ? -1 : 1));
}
