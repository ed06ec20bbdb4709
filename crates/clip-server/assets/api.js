// The server's answers.
import { byId } from "./dom.js";

/** An answer that is an error. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** There was no answer. */
export class Offline extends Error {}

/** Whoever wants to know: `offline`, `online` and `needs-key`. */
export const server = new EventTarget();
let isOnline = true;

function online(now) {
  if (now !== isOnline) {
    isOnline = now;
    server.dispatchEvent(new Event(now ? "online" : "offline"));
  }
}

export async function call(method, path, body, signal) {
  let answer;
  try {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    answer = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    online(false);
    throw new Offline("the server does not answer");
  }
  online(true);
  if (answer.status === 401) server.dispatchEvent(new Event("needs-key"));
  const value = await answer.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (!answer.ok) throw new ApiError(answer.status, value?.error?.message ?? `the server answered ${answer.status}`);
  return value;
}

export const get = (path, signal) => call("GET", path, undefined, signal);
export const post = (path, body, signal) => call("POST", path, body, signal);

/** Whether an error is only that a request was not wanted any more. */
export const isAborted = (error) => error?.name === "AbortError";

/** Asks again and again, until the server is back. */
export function watchForServer() {
  let timer = null;
  const ask = () => get("/health").catch(() => {
    timer = setTimeout(ask, 1500);
  });
  server.addEventListener("offline", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 1000);
  });
  addEventListener("online", () => isOnline || ask());
}

/** The address of a small copy of an item, sharp at so many pixels of the page. */
export function thumbnail(item, pixels) {
  const wanted = Math.min(1536, Math.ceil(pixels * Math.min(devicePixelRatio || 1, 2)));
  const side = [128, 256, 384, 768, 1536].find((side) => side >= wanted * 0.85) ?? 1536;
  return `${item.thumbnail}${item.thumbnail.includes("?") ? "&" : "?"}side=${side}`;
}

/** Asks for the key of the server, and calls `done` once it is the right one. */
export function askForKey(done) {
  const dialog = byId("key");
  if (dialog.open) return;
  dialog.innerHTML =
    '<form method="dialog"><h2 id="key-title">This server needs a key</h2>' +
    '<label>Key <input type="password" autocomplete="current-password" required></label>' +
    '<p class="error" role="alert"></p><button class="primary">Go on</button></form>';
  const [form, input, error] = ["form", "input", ".error"].map((what) => dialog.querySelector(what));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await post("/v1/session", { key: input.value });
      dialog.close();
      done();
    } catch (wrong) {
      error.textContent = `${wrong.message}.`;
      input.select();
    }
  });
  dialog.showModal();
}
