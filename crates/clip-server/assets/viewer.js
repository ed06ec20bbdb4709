// One image, large, with what is known of it and where it matched.
import { byId, bytes, day, el, fileName, folderName, icon, nameOf, number, say } from "./dom.js";
import { get, isAborted, post, thumbnail } from "./api.js";
import { imageOf } from "./uploads.js";

export class Viewer {
  #item = null;
  #abort = null;

  /** `step` is called with −1 and 1, `similar` with an item, `close` when the viewer should go. */
  constructor({ step, similar, close, under }) {
    Object.assign(this, { step, similar, under });
    this.dialog = byId("viewer");
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      close();
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
      if (event.key === "ArrowLeft") step(-1);
      else if (event.key === "ArrowRight") step(1);
      else if (event.key === "m") similar(this.#item);
      else if (event.key === "w") this.#toggle();
      else return;
      event.preventDefault();
    });
    const button = (name, label, keys, onclick, className = "quiet") => el("button", { type: "button", class: className, "aria-label": label, title: `${label} (${keys})`, onclick }, icon(name));
    this.image = el("img", { alt: "" });
    this.heat = el("canvas", { "aria-hidden": "true", hidden: true });
    this.frame = el("div", { class: "frame" }, this.image, this.heat);
    this.before = button("left", "Previous image", "←", () => step(-1), "quiet step left");
    this.after = button("right", "Next image", "→", () => step(1), "quiet step right");
    this.stage = el("div", { class: "stage" }, this.frame);
    this.facts = el("div", { class: "facts" });
    this.dialog.append(
      el("div", { class: "stage-box" }, this.stage, this.before, this.after),
      el("aside", { "aria-label": "About the image" }, this.facts),
      button("close", "Close", "Esc", close, "quiet close"),
    );
    this.#swipe();
  }

  get item() {
    return this.#item;
  }

  /** Shows an item; `terms` are what it was found by. */
  async show(id, known, { terms, hasBefore, hasAfter, background }) {
    this.#abort?.abort();
    this.#abort = new AbortController();
    this.terms = terms;
    this.before.disabled = !hasBefore;
    this.after.disabled = !hasAfter;
    if (this.#item?.id !== id) this.#hideHeat();
    if (!this.dialog.open) this.dialog.showModal();
    document.documentElement.classList.add("viewing");
    let item = known;
    if (!item) {
      try {
        item = await get(`/v1/items/${encodeURIComponent(id)}`, this.#abort.signal);
      } catch (error) {
        if (!isAborted(error)) this.#fail(error);
        return;
      }
    }
    this.#item = item;
    this.#draw(item, background);
  }

  hide() {
    this.#abort?.abort();
    this.#item = null;
    this.#hideHeat();
    this.image.removeAttribute("src");
    document.documentElement.classList.remove("viewing");
    if (this.dialog.open) this.dialog.close();
  }

  #fail(error) {
    this.image.removeAttribute("src");
    this.facts.replaceChildren(el("h2", {}, "No such image"), el("p", { role: "alert" }, `${error.message}.`));
  }

  #draw(item, background) {
    this.dialog.setAttribute("aria-label", nameOf(item));
    this.frame.style.setProperty("--ratio", String((item.width || 1) / (item.height || 1)));
    this.image.alt = nameOf(item);
    this.frame.classList.remove("broken");
    this.image.onerror = () => this.frame.classList.add("broken");
    // The small copy is there already; the large one takes its place once it has come.
    this.image.src = thumbnail(item, 256);
    const large = new Image();
    large.onload = () => this.#item === item && (this.image.src = large.src);
    large.src = thumbnail(item, Math.max(this.stage.clientWidth, this.stage.clientHeight));
    const rows = [];
    const row = (name, ...value) => rows.push(el("dt", {}, name), el("dd", {}, ...value));
    if (item.taken) row("Taken", `${day(item.taken)}, ${item.taken.slice(11, 16)}`);
    if (item.width) row("Size", `${number(item.width)} × ${number(item.height)}${item.bytes ? `, ${bytes(item.bytes)}` : ""}`);
    row("Folder", el("button", { type: "button", class: "link", title: "Show this folder", onclick: () => this.under(folderName(item.path)) }, folderName(item.path)));
    if (item.tags.length) row("Tags", item.tags.join(", "));
    if (item.place) {
      const [north, east] = item.place;
      row("Place", el("a", { href: `https://www.openstreetmap.org/?mlat=${north}&mlon=${east}#map=14/${north}/${east}`, target: "_blank", rel: "noreferrer" }, `${north.toFixed(4)}, ${east.toFixed(4)}`));
    }
    if (item.score !== undefined) {
      const relevance = background ? (item.score - background.mean) / background.deviation : item.relevance;
      row("Similarity", item.score.toFixed(3), relevance === undefined ? "" : `, stands out by ${relevance.toFixed(1)} σ`);
    }
    const terms = this.terms.filter((term) => term.weight > 0);
    this.where = terms.length ? el("button", { type: "button", class: "button", "aria-pressed": "false", title: "Where it matched (w)", onclick: () => this.#toggle() }, icon("eye"), "Where it matched") : null;
    this.term = terms.length > 1
      ? el("select", { "aria-label": "For which term", onchange: () => this.#explain(terms[this.term.value]) }, terms.map((term, at) => el("option", { value: String(at) }, term.text ?? (term.item ? "image like this" : "your image"))))
      : null;
    this.note = el("p", { class: "note", role: "status" });
    this.facts.replaceChildren(
      el("h2", {}, fileName(item.path)),
      el("div", { class: "actions" },
        el("button", { type: "button", class: "button primary", title: "More like this (m)", onclick: () => this.similar(item) }, icon("similar"), "More like this"),
        this.where, this.term,
        el("a", { class: "button", href: item.file, target: "_blank", rel: "noreferrer" }, icon("open"), "Open the file"),
        el("a", { class: "button", href: item.file, download: fileName(item.path) }, icon("download"), "Download")),
      this.note,
      el("dl", {}, ...rows),
    );
    if (!this.heat.hidden) this.#pressed(true);
  }

  #pressed(is) {
    this.where?.setAttribute("aria-pressed", String(is));
    this.frame.classList.toggle("explained", is);
  }

  #hideHeat() {
    this.heat.hidden = true;
    if (this.note) this.note.textContent = "";
    this.#pressed(false);
  }

  #toggle() {
    if (!this.where) return;
    if (!this.heat.hidden) return this.#hideHeat();
    const terms = this.terms.filter((term) => term.weight > 0);
    return this.#explain(terms[Number(this.term?.value ?? 0)]);
  }

  async #explain(term) {
    const item = this.#item;
    const body = term.image === undefined ? { text: term.text, item: term.item } : { image: await imageOf(term.image) };
    this.note.textContent = "Looking …";
    this.#pressed(true);
    try {
      const answer = await post(`/v1/items/${item.id}/explain`, body, this.#abort.signal);
      if (this.#item !== item) return;
      this.#paint(answer);
      this.note.textContent = "Warm colors show what speaks for the search.";
      say("The parts that matched are colored.");
    } catch (error) {
      if (isAborted(error)) return;
      this.#hideHeat();
      this.note.textContent = `${error.message}.`;
    }
  }

  #paint({ grid, relevance, region: [left, top, width, height] }) {
    this.heat.width = this.heat.height = grid;
    const [least, most] = [Math.min(...relevance), Math.max(...relevance)];
    const context = this.heat.getContext("2d");
    const pixels = context.createImageData(grid, grid);
    relevance.forEach((value, at) => {
      const heat = most > least ? (value - least) / (most - least) : 0;
      // From nothing over orange to yellow.
      pixels.data.set([255, 60 + 180 * heat * heat, 30 * (1 - heat), 210 * heat ** 0.8], 4 * at);
    });
    context.putImageData(pixels, 0, 0);
    const place = { left, top, width, height };
    for (const [name, part] of Object.entries(place)) this.heat.style.setProperty(name, `${100 * part}%`);
    this.heat.hidden = false;
  }

  #swipe() {
    let start = null;
    this.stage.addEventListener("touchstart", (event) => (start = event.touches.length === 1 ? event.touches[0] : null), { passive: true });
    this.stage.addEventListener("touchend", (event) => {
      const moved = start ? event.changedTouches[0].clientX - start.clientX : 0;
      const fell = start ? Math.abs(event.changedTouches[0].clientY - start.clientY) : 0;
      if (Math.abs(moved) > 60 && fell < 60) this.step(moved < 0 ? 1 : -1);
      start = null;
    });
  }
}
