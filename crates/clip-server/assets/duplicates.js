// Images that are the same, or nearly, side by side.
import { byId, bytes, el, fileName, folderName, images, number, say } from "./dom.js";
import { isAborted, post, thumbnail } from "./api.js";

const LEVELS = [["copies", "Exact copies", 1], ["near", "Nearly the same", 0.98], ["similar", "Look alike", 0.93]];
/** Groups that are drawn at a time. */
const PAGE = 50;

export class DuplicatesView {
  #abort = null;
  #shown = "";

  /** `change(level)` is called with another level, `open` with the id of an image. */
  constructor({ change, open }) {
    Object.assign(this, { change, open });
    this.place = byId("groups");
  }

  hide() {
    this.#abort?.abort();
    this.#shown = "";
    this.place.replaceChildren();
  }

  async show(level, filter) {
    const key = JSON.stringify([level, filter]);
    if (this.#shown === key) return;
    this.#shown = key;
    this.#abort?.abort();
    this.#abort = new AbortController();
    const [, , min_score] = LEVELS.find(([name]) => name === level) ?? LEVELS[1];
    const select = el("select", { id: "level", "aria-label": "How much alike", onchange: () => this.change(select.value) }, LEVELS.map(([value, text]) => el("option", { value, selected: value === level }, text)));
    const status = el("p", { class: "count" }, "Comparing all images …");
    const list = el("div", { class: "groups" });
    this.place.replaceChildren(el("div", { class: "tools" }, el("h2", {}, "Duplicates"), select, status), list);
    try {
      const { groups, compared } = await post("/v1/duplicates", { filter, min_score }, this.#abort.signal);
      const extra = groups.reduce((sum, group) => sum + group.images.length - 1, 0);
      status.textContent = groups.length ? `${number(groups.length)} ${groups.length === 1 ? "group" : "groups"}, ${images(extra)} more than needed` : `none among ${images(compared)}`;
      say(`Duplicates: ${status.textContent}`);
      if (!groups.length) list.append(el("div", { class: "message" }, el("h2", {}, "No duplicates"), el("p", {}, `${images(compared)} were compared, and no two are ${level === "copies" ? "the same" : "so much alike"}.`)));
      this.#append(list, groups, 0);
    } catch (error) {
      if (isAborted(error)) return;
      this.#shown = "";
      status.textContent = `${error.message}.`;
    }
  }

  #append(list, groups, from) {
    list.append(...groups.slice(from, from + PAGE).map((group) => this.#group(group)));
    if (groups.length <= from + PAGE) return;
    const more = el("button", { type: "button", class: "button", onclick: () => {
      more.remove();
      this.#append(list, groups, from + PAGE);
    } }, "Show more groups");
    list.append(more);
  }

  #group(group) {
    const best = group.images[0];
    const folders = new Set(group.images.map((image) => folderName(image.path)));
    const title = group.kind === "copies" ? "The same file" : `Alike by ${group.score.toFixed(3)} or more`;
    return el("section", { class: "group", "aria-label": `${title}: ${fileName(best.path)}` },
      el("h3", {}, title),
      el("ul", {}, group.images.map((image, at) => el("li", {},
        el("a", {
          href: `/?view=${image.id}`,
          onclick: (event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            this.open(image.id);
          },
        }, el("img", { src: thumbnail(image, 320), alt: fileName(image.path), loading: "lazy", width: image.width, height: image.height })),
        el("p", { class: "name" }, fileName(image.path), at === 0 && group.kind === "near" ? el("span", { class: "badge" }, "best") : ""),
        folders.size > 1 ? el("p", { class: "dim" }, folderName(image.path)) : "",
        el("p", { class: "dim" }, [
          image.width && more(`${number(image.width)} × ${number(image.height)}`, image.width * image.height, best.width * best.height),
          image.bytes && more(bytes(image.bytes), image.bytes, best.bytes),
        ].filter(Boolean).join(", ")),
      ))));
  }
}

/** A figure, marked where it is less than that of the best. */
const more = (text, value, best) => (value < best ? `${text} ↓` : text);
