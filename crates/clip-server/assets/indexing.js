// How far an indexing job is.
import { byId, el, fileName, images, number } from "./dom.js";
import { call, get, post } from "./api.js";

/** Milliseconds between two looks at what a running job has brought. */
const LOOK = 4000;

export class Indexing {
  #events = null;
  #looked = 0;
  job = null;

  /** `changed(isDone)` is called when there may be other images in the library. */
  constructor(changed) {
    this.changed = changed;
    this.place = el("section", { class: "notice indexing", "aria-label": "Indexing", hidden: true });
    byId("notices").append(this.place);
  }

  /** Follows the job that runs, where one does. */
  async look() {
    const { jobs } = await get("/v1/index");
    const running = jobs.find((job) => job.state === "running");
    if (running && this.#events?.id !== running.id) this.#follow(running);
    return jobs;
  }

  async start(paths) {
    this.#follow(await post("/v1/index", paths ? { paths } : {}));
  }

  get isRunning() {
    return this.job?.state === "running";
  }

  #follow(job) {
    this.#events?.close();
    this.#draw(job);
    const events = new EventSource(`/v1/index/${job.id}/events`);
    this.#events = Object.assign(events, { id: job.id });
    events.addEventListener("job", (event) => {
      const job = JSON.parse(event.data);
      this.#draw(job);
      if (job.state !== "running") {
        events.close();
        this.#events = null;
        this.changed(true);
      } else if (performance.now() - this.#looked > LOOK) {
        this.#looked = performance.now();
        this.changed(false);
      }
    });
    // The end of the job ends the stream; a browser would ask for it again.
    events.onerror = () => {
      events.close();
      if (this.#events !== events) return;
      this.#events = null;
      setTimeout(() => this.look().catch(() => {}), 1000);
    };
  }

  #draw(job) {
    this.job = job;
    const isKnown = job.task === "images" && job.total > 0;
    const words = { scan: "Looking for images", images: "Indexing", graph: "Building the search graph", other: "Finishing" };
    if (job.state === "running") {
      this.text ??= el("p", { id: "indexing-text" });
      this.bar ??= el("progress", { "aria-labelledby": "indexing-text" });
      this.stop ??= el("button", { type: "button", class: "button", onclick: () => call("DELETE", `/v1/index/${this.job.id}`).catch(() => {}) }, "Stop");
      this.text.textContent = `${words[job.task]}${isKnown ? `: ${number(job.done)} of ${images(job.total)}` : job.done ? `: ${number(job.done)}` : ""}${job.skipped ? `, ${number(job.skipped)} skipped` : ""}`;
      if (job.total > 0) [this.bar.max, this.bar.value] = [job.total, job.done];
      else this.bar.removeAttribute("value");
      if (!this.bar.isConnected) this.place.replaceChildren(this.text, this.bar, this.stop);
      this.place.hidden = false;
      return;
    }
    const failed = job.state === "failed" ? `Indexing failed: ${job.error}` : "";
    const skipped = job.skipped ? `${images(job.skipped)} could not be read` : "";
    if (!failed && !skipped) {
      this.place.hidden = true;
      return;
    }
    const close = el("button", { type: "button", class: "button", onclick: () => (this.place.hidden = true) }, "Dismiss");
    const list = job.skipped_files.map(({ path, reason }) => el("li", { title: path }, `${fileName(path)}: ${reason}`));
    this.place.replaceChildren(failed ? el("p", { role: "alert" }, failed) : el("details", {}, el("summary", {}, skipped), el("ul", {}, list)), close);
    this.place.hidden = false;
  }
}
