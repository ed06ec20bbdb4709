// The field of what is looked for: a line of text, and chips of what was added before it.
import { byId, el, icon } from "./dom.js";
import { parseTerm, writeTerm } from "./address.js";
import { imageOf, imagesIn } from "./uploads.js";

const WEIGHTS = [0.5, 1, 2, 3, 5];

export class QueryField {
  #chips = [];
  #change;

  /** `change(isSettled)` is called when the terms are others; while somebody types they are not settled. */
  constructor({ change, addImages }) {
    this.#change = change;
    this.list = el("span", { class: "chips" });
    this.input = el("input", {
      id: "text", type: "search", autocomplete: "off", autocapitalize: "none", spellcheck: "false", enterkeyhint: "search",
      "aria-label": "Describe an image", placeholder: "Describe an image",
      oninput: () => change(false),
      onkeydown: (event) => this.#key(event),
      onblur: () => change(true),
    });
    const file = el("input", {
      type: "file", accept: "image/*", multiple: true, class: "hidden", tabindex: "-1", "aria-hidden": "true",
      onchange: () => {
        addImages(imagesIn(file));
        file.value = "";
      },
    });
    this.clear = el("button", { type: "button", class: "quiet", "aria-label": "Clear the search", title: "Clear (Esc)", hidden: true, onclick: () => this.#clear() }, icon("close"));
    const upload = el("button", { type: "button", class: "quiet", "aria-label": "Search by an image", title: "Search by an image: choose, drop or paste one", onclick: () => file.click() }, icon("image"));
    const field = el("div", { class: "field", onclick: (event) => event.target === field && this.input.focus() }, icon("search"), this.list, this.input, this.clear, upload, file);
    byId("query").append(field);
    byId("query").addEventListener("submit", (event) => event.preventDefault());
  }

  /** The terms, with what is being typed as the last. */
  get terms() {
    const typed = parseTerm(this.input.value);
    return typed ? [...this.#chips, typed] : [...this.#chips];
  }

  /** Shows these terms; a single line of text stays as it was typed. */
  set terms(terms) {
    const same = (a, b) => a.length === b.length && a.every((term, at) => writeTerm(term) === writeTerm(b[at]));
    if (same(terms, this.terms)) return;
    const isLine = terms.length === 1 && terms[0].text !== undefined && terms[0].weight === 1;
    this.input.value = isLine ? terms[0].text : "";
    this.#chips = isLine ? [] : [...terms];
    this.#draw();
  }

  #key(event) {
    const atStart = this.input.selectionStart === 0 && this.input.selectionEnd === 0;
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      const typed = parseTerm(this.input.value);
      if (typed) {
        this.#chips.push(typed);
        this.input.value = "";
        this.#draw();
      }
      this.#change(true);
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.#clear();
    } else if (event.key === "Backspace" && atStart && this.#chips.length) {
      event.preventDefault();
      const last = this.#chips.pop();
      if (last.text !== undefined) this.input.value = writeTerm(last) + (this.input.value && ` ${this.input.value}`);
      this.#draw();
      this.#change(true);
    } else if (event.key === "ArrowLeft" && atStart && this.#chips.length) {
      event.preventDefault();
      [...this.list.querySelectorAll("button")].pop().focus();
    }
  }

  #clear() {
    this.#chips = [];
    this.input.value = "";
    this.#draw();
    this.input.focus();
    this.#change(true);
  }

  #draw() {
    this.list.replaceChildren(...this.#chips.map((term, at) => this.#chip(term, at)));
    this.input.placeholder = this.#chips.length ? "and, -without" : "Describe an image";
    this.update();
  }

  update() {
    this.clear.hidden = this.#chips.length === 0 && !this.input.value;
  }

  #chip(term, at) {
    const name = term.text ?? (term.item ? "images like this" : "your image");
    const isMinus = term.weight < 0;
    const set = (weight) => {
      this.#chips[at] = { ...term, weight };
      this.#draw();
      this.#change(true);
    };
    const sign = el("button", {
      type: "button", class: "sign", "aria-pressed": String(isMinus), "aria-label": `Without ${name}`, title: isMinus ? "Find it again" : "Find what is unlike it",
      onclick: () => {
        set(-term.weight);
        this.list.children[at].querySelector("button").focus();
      },
    }, isMinus ? "−" : "+");
    const size = Math.abs(term.weight);
    const weights = [...new Set([...WEIGHTS, size])].sort((a, b) => a - b);
    const weight = el("select", {
      "aria-label": `Weight of ${name}`, title: "How much it counts",
      onchange: (event) => {
        set((isMinus ? -1 : 1) * Number(event.target.value));
        this.list.children[at].querySelector("select").focus();
      },
    }, weights.map((weight) => el("option", { value: String(weight), selected: weight === size }, `${weight === 0.5 ? "½" : weight}×`)));
    const remove = el("button", {
      type: "button", "aria-label": `Remove ${name}`, title: "Remove",
      onclick: () => {
        this.#chips.splice(at, 1);
        this.#draw();
        this.input.focus();
        this.#change(true);
      },
    }, icon("close"));
    return el("span", { class: `chip${isMinus ? " minus" : ""}`, role: "group", "aria-label": name }, sign, content(term, name), weight, remove);
  }
}

function content(term, name) {
  if (term.text !== undefined) return el("span", { class: "text" }, term.text);
  const image = el("img", { alt: name, width: "28", height: "28" });
  if (term.item) image.src = `/v1/items/${term.item}/thumbnail?side=128`;
  else imageOf(term.image).then((data) => data && (image.src = data));
  return image;
}
