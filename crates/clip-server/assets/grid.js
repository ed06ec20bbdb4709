// A grid of any number of images: only what is near the window is in the document.
import { el, nameOf } from "./dom.js";
import { isAborted, thumbnail } from "./api.js";

const CHUNK = 100;
const KEPT_CHUNKS = 60;
/** No browser lays out more than about 17 million pixels; what would lie below is not shown. */
const TALLEST = 15_000_000;

export class Grid {
  #cells = new Map();
  #chunks = new Map();
  #source = null;
  #total = 0;
  #columns = 1;
  #side = 200;
  #gap = 6;
  #frame = 0;
  #later = 0;
  #focus = 0;

  constructor(list, { open, hrefOf, failed, counted }) {
    Object.assign(this, { list, open, hrefOf, failed, counted });
    addEventListener("scroll", () => this.#schedule(), { passive: true });
    this.resizing = new ResizeObserver(() => this.#measure());
    this.resizing.observe(list);
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focusin", (event) => {
      const cell = event.target.closest("li");
      if (cell) this.#setFocus(Number(cell.dataset.at));
    });
    list.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.open(this.itemAt(Number(link.parentElement.dataset.at)), Number(link.parentElement.dataset.at));
    });
  }

  /** Shows other results: `first` are those of the first chunk, `load(offset, limit, signal)` gives the others. */
  show({ first, total, load }, keepPlace = false) {
    for (const chunk of this.#chunks.values()) chunk.abort?.abort();
    const place = this.place;
    const hasFocus = this.list.contains(document.activeElement);
    this.#chunks = new Map([[0, { items: first, used: 0 }]]);
    this.#source = load;
    this.#total = total;
    this.#focus = keepPlace ? Math.min(this.#focus, Math.max(0, total - 1)) : 0;
    for (const [at, cell] of this.#cells) this.#fill(cell, at);
    this.#measure(true);
    this.place = keepPlace ? place : 0;
    this.#draw();
    if (hasFocus) (this.#cells.get(this.#focus)?.firstElementChild ?? this.list).focus({ preventScroll: true });
  }

  get total() {
    return this.#total;
  }

  itemAt(at) {
    return this.#chunks.get(Math.floor(at / CHUNK))?.items?.[at % CHUNK];
  }

  /** As [`Grid.itemAt`], of an item that may have to be asked for. */
  async item(at) {
    if (at < 0 || at >= this.#total) return undefined;
    await this.#load(Math.floor(at / CHUNK));
    return this.itemAt(at);
  }

  /** The first image that is seen, with the part of a row above it. */
  get place() {
    const above = Math.max(0, scrollY - this.#top());
    return Math.floor(above / this.#row) * this.#columns + ((above % this.#row) / this.#row);
  }

  set place(place) {
    const at = Math.floor(place);
    const row = Math.floor(at / this.#columns) + (place - at);
    scrollTo(0, place > 0 ? this.#top() + row * this.#row : 0);
  }

  /** Brings an image into the window, and the focus to it. */
  focus(at) {
    this.#setFocus(Math.max(0, Math.min(this.#total - 1, at)));
    const bar = document.getElementById("top").offsetHeight;
    const above = this.#top() + Math.floor(this.#focus / this.#columns) * this.#row;
    if (above < scrollY + 4) scrollTo(0, Math.max(0, above - 8));
    else if (above + this.#row > scrollY + innerHeight - bar) scrollTo(0, above + this.#row - innerHeight + bar + 8);
    this.#draw();
    this.#cells.get(this.#focus)?.firstElementChild.focus({ preventScroll: true });
  }

  get #row() {
    return this.#side + this.#gap;
  }

  /** Where the list begins below the header that stays. */
  #top() {
    return this.list.getBoundingClientRect().top + scrollY - document.getElementById("top").offsetHeight;
  }

  #measure(isNew = false) {
    const width = this.list.clientWidth;
    if (!width) return;
    const wanted = width < 500 ? 108 : width < 1000 ? 168 : 208;
    const gap = width < 500 ? 3 : 6;
    const columns = Math.max(2, Math.floor((width + gap) / (wanted + gap)));
    const side = (width + gap) / columns - gap;
    const place = this.place;
    const isOther = columns !== this.#columns || side !== this.#side;
    Object.assign(this, { width });
    [this.#columns, this.#side, this.#gap] = [columns, side, gap];
    const rows = Math.ceil(this.#total / columns);
    this.list.style.height = `${Math.min(TALLEST, Math.max(0, rows * this.#row - gap))}px`;
    this.list.style.setProperty("--side", `${side}px`);
    if (isOther || isNew) {
      for (const [at, cell] of this.#cells) this.#put(cell, at);
      if (isOther && !isNew) this.place = place;
      this.#draw();
    }
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const above = scrollY - this.#top();
    const first = Math.max(0, Math.floor(above / this.#row) - 2) * this.#columns;
    const last = Math.min(this.#total, (Math.ceil((above + innerHeight) / this.#row) + 2) * this.#columns);
    const free = [];
    for (const [at, cell] of this.#cells) {
      const isFocused = at === this.#focus && cell.contains(document.activeElement);
      if ((at < first || at >= last) && (!isFocused || at >= this.#total)) {
        this.#cells.delete(at);
        free.push(cell);
      }
    }
    const isFast = Math.abs(above - (this.above ?? above)) > innerHeight;
    this.above = above;
    for (let at = first; at < last; at++) {
      if (this.#cells.has(at)) continue;
      const cell = free.pop() ?? el("li", {}, el("a", { tabindex: "-1", draggable: "false" }, el("img", { alt: "", decoding: "async", draggable: "false" })));
      this.#cells.set(at, cell);
      this.#put(cell, at);
      this.#fill(cell, at, isFast);
      if (!cell.isConnected) this.list.append(cell);
    }
    for (const cell of free) cell.remove();
    // Screen readers and the tabulator take them in the order of the document.
    this.#order();
    this.#want(first, last, isFast);
  }

  #order() {
    const cells = [...this.#cells].sort(([a], [b]) => a - b).map(([, cell]) => cell);
    let before = null;
    for (const cell of cells) {
      const next = before ? before.nextElementSibling : this.list.firstElementChild;
      if (next !== cell && !cell.contains(document.activeElement)) this.list.insertBefore(cell, next);
      before = cell;
    }
  }

  #put(cell, at) {
    const [row, column] = [Math.floor(at / this.#columns), at % this.#columns];
    cell.dataset.at = at;
    cell.style.transform = `translate(${column * this.#row}px, ${row * this.#row}px)`;
    cell.setAttribute("aria-posinset", at + 1);
    cell.setAttribute("aria-setsize", this.#total);
    cell.firstElementChild.tabIndex = at === this.#focus ? 0 : -1;
  }

  #fill(cell, at, isFast = false) {
    const item = this.itemAt(at);
    const [link, image] = [cell.firstElementChild, cell.querySelector("img")];
    if (item && cell.item?.thumbnail === item.thumbnail && image.hasAttribute("src")) {
      cell.item = item;
      return;
    }
    cell.item = item;
    cell.classList.remove("shown", "broken");
    image.removeAttribute("src");
    if (!item) {
      link.removeAttribute("href");
      image.alt = "";
      return;
    }
    link.href = this.hrefOf(item);
    image.alt = nameOf(item);
    link.title = nameOf(item);
    if (isFast) return;
    image.onload = () => cell.classList.add("shown");
    image.onerror = () => cell.classList.add("broken");
    image.src = thumbnail(item, this.#side);
    if (image.complete && image.naturalWidth) cell.classList.add("shown");
  }

  /** Asks for what is missing once the scrolling pauses, and leaves what went by. */
  #want(first, last, isFast) {
    const chunks = [];
    for (let chunk = Math.floor(first / CHUNK); chunk <= Math.floor(Math.max(first, last - 1) / CHUNK); chunk++) chunks.push(chunk);
    for (const [at, chunk] of this.#chunks) if (chunk.abort && !chunks.includes(at)) {
      chunk.abort.abort();
      this.#chunks.delete(at);
    }
    clearTimeout(this.#later);
    const load = () => {
      this.isBare = false;
      for (const [at, cell] of this.#cells) this.#fill(cell, at);
      for (const chunk of chunks) this.#load(chunk);
    };
    const isMissing = chunks.some((chunk) => !this.#chunks.get(chunk)?.items);
    // A pause that was begun stays due: the cells of a fast scroll have no images yet.
    this.isBare ||= isFast || isMissing;
    if (this.isBare) this.#later = setTimeout(load, 60);
  }

  async #load(at) {
    const known = this.#chunks.get(at);
    if (known || at * CHUNK >= this.#total || !this.#source) {
      if (known) known.used = performance.now();
      return known?.loading;
    }
    const abort = new AbortController();
    const chunk = { abort, used: performance.now() };
    this.#chunks.set(at, chunk);
    chunk.loading = (async () => {
      try {
        const { results } = await this.#source(at * CHUNK, CHUNK, abort.signal);
        if (this.#chunks.get(at) !== chunk) return;
        chunk.items = results;
        chunk.abort = null;
        if (results.length < CHUNK && at * CHUNK + results.length < this.#total) {
          this.#total = at * CHUNK + results.length;
          this.counted(this.#total);
          this.#measure(true);
        }
        for (const [index, cell] of this.#cells) if (Math.floor(index / CHUNK) === at) this.#fill(cell, index);
        this.#forget();
      } catch (error) {
        if (this.#chunks.get(at) === chunk) this.#chunks.delete(at);
        if (!isAborted(error)) this.failed(error);
      }
    })();
    return chunk.loading;
  }

  #forget() {
    const others = [...this.#chunks].filter(([at, chunk]) => at !== 0 && chunk.items).sort(([, a], [, b]) => a.used - b.used);
    for (const [at] of others.slice(0, Math.max(0, others.length - KEPT_CHUNKS))) this.#chunks.delete(at);
  }

  #setFocus(at) {
    const before = this.#cells.get(this.#focus);
    if (before) before.firstElementChild.tabIndex = -1;
    this.#focus = at;
    const now = this.#cells.get(at);
    if (now) now.firstElementChild.tabIndex = 0;
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = Math.max(1, Math.floor((innerHeight - 120) / this.#row));
    const step = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#columns, ArrowDown: this.#columns,
      PageUp: -rows * this.#columns, PageDown: rows * this.#columns, Home: -Infinity, End: Infinity,
    }[event.key];
    if (step === undefined || !this.#total) return;
    const to = this.#focus + step;
    if (event.key === "ArrowUp" && to < 0) return;
    event.preventDefault();
    this.focus(to);
  }
}
