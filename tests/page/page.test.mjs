// The page, as people use it. Nothing waits for a time: each step waits for what it brings.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { after, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";
import { sample, serve } from "./server.mjs";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SAMPLES = ["fx-dog.png", "fx-car.png", "fx-cat.png", "fx-flower.png", "fx-bicycle.png", "rocket.jpg"];
let browser, server, page;

before(async () => {
  server = await serve(SAMPLES, { "copy.png": "fx-dog.png" });
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(() => open());

/** A page of a browser that was never here. */
async function open(address = server.address, path = "/") {
  await page?.context().close();
  const context = await browser.newContext({ reducedMotion: "reduce" });
  page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(error));
  await page.goto(address + path);
}

const first = () => page.locator("#results li[data-at='0'] img");
const firstIs = (name) => page.locator(`#results li[data-at='0'] img[alt^="${name}"]`).waitFor();
const countIs = (text) => page.locator("#count", { hasText: new RegExp(`^${text}$`) }).waitFor();
const type = (text) => page.locator("#text").pressSequentially(text);
const slide = (value) => page.locator("#relevance").evaluate((slider, value) => {
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  slider.dispatchEvent(new Event("change", { bubbles: true }));
}, value);

/** Hands a file to the page by an event, as the browser does. */
const hand = (event, name) => page.evaluate(([event, name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(bytes), (byte) => byte.charCodeAt(0))], name, { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  document.body.dispatchEvent(event === "paste" ? new ClipboardEvent(event, { ...options, clipboardData: data }) : new DragEvent(event, { ...options, dataTransfer: data }));
}, [event, name, fs.readFileSync(sample(name)).toString("base64")]);

async function accessible(state) {
  // The policy of the page keeps out scripts that are added; what is evaluated is not one.
  await page.evaluate(axe);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate(() => axe.run());
    assert.deepEqual(violations.map(({ id, nodes }) => `${state}, ${colorScheme}: ${id}: ${nodes[0].html}`), []);
  }
}

test("all that the page needs are four requests and 60 KiB", async () => {
  await page.close();
  page = await browser.newPage();
  const requests = [];
  page.on("request", (request) => requests.push(request));
  await page.goto(server.address);
  await countIs("7 images");
  const others = requests.filter((request) => !request.url().includes("/thumbnail") && !request.url().startsWith("data:"));
  assert.ok(others.length <= 4, others.map((request) => request.url()).join(" "));
  let bytes = 0;
  for (const request of others.filter((request) => !request.url().includes("/events"))) bytes += (await request.sizes()).responseBodySize;
  assert.ok(bytes <= 60 << 10, `${bytes} bytes`);
});

test("results come while somebody types", async () => {
  await countIs("7 images");
  await type("a picture of a car");
  await firstIs("fx-car.png");
  assert.match(page.url(), /q=a\+picture\+of\+a\+car$/);
  await page.locator("#results li.shown[data-at='0']").waitFor();
  await accessible("results");
});

test("terms are chips with weights", async () => {
  await type("a dog");
  await page.keyboard.press("Enter");
  await type("-a cat");
  await page.keyboard.press("Enter");
  const cat = page.getByRole("group", { name: "a cat" });
  await cat.waitFor();
  assert.equal(await cat.getByRole("button", { name: "Without a cat" }).getAttribute("aria-pressed"), "true");
  await page.getByLabel("Weight of a cat").selectOption("2");
  await page.waitForURL(/q=a\+dog&q=-2%3Aa\+cat$/);
  await page.getByRole("button", { name: "Remove a dog" }).click();
  await page.waitForURL(/\?q=-2%3Aa\+cat$/);
});

for (const event of ["drop", "paste"]) {
  test(`an image is searched by: ${event}`, async () => {
    await countIs("7 images");
    await hand(event, "fx-flower.png");
    await firstIs("fx-flower.png");
    // It is found again by its address.
    await page.reload();
    await firstIs("fx-flower.png");
  });
}

test("back leads to the search before", async () => {
  await type("a picture of a car");
  await firstIs("fx-car.png");
  await page.keyboard.press("Enter");
  await first().click();
  await page.locator("#viewer[open]").waitFor();
  await accessible("viewer");
  await page.goBack();
  await page.locator("#viewer").waitFor({ state: "hidden" });
  await firstIs("fx-car.png");
  await page.goBack();
  await page.waitForURL(`${server.address}/`);
  await countIs("7 images");
});

test("the large view shows what is known and where it matched", async () => {
  await open(server.address, "/?q=a+picture+of+a+car");
  await firstIs("fx-car.png");
  await first().click();
  await page.getByRole("heading", { name: "fx-car.png" }).waitFor();
  await page.getByRole("button", { name: "Where it matched" }).click();
  await page.locator("#viewer canvas:not([hidden])").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Next image" }).click();
  await page.locator("#viewer canvas").waitFor({ state: "hidden" });
});

test("more like this", async () => {
  await open(server.address, "/?q=a+picture+of+a+dog");
  await first().click();
  await page.getByRole("button", { name: "More like this" }).click();
  await page.waitForURL(/\?like=/);
  await countIs("6 images");
});

test("the slider leaves what stands out, with the count beside it", async () => {
  await open(server.address, "/?q=a+picture+of+a+car");
  await firstIs("fx-car.png");
  await slide("8");
  await countIs("0 of 7 images");
  await page.getByRole("heading", { name: "Nothing stands out that much" }).waitFor();
  await accessible("nothing found");
  await page.getByRole("button", { name: "Show all" }).click();
  await countIs("7 images");
  await page.locator("#sort").selectOption("date");
  await page.waitForURL(/relevance=.*sort=date/);
});

test("duplicates are side by side", async () => {
  await page.getByRole("link", { name: "Duplicates" }).click();
  await page.locator(".group img").nth(1).waitFor();
  assert.deepEqual((await page.locator(".group .name").allTextContents()).sort(), ["copy.png", "fx-dog.png"]);
  await accessible("duplicates");
});

test("the keyboard is enough", async () => {
  await countIs("7 images");
  await page.keyboard.press("/");
  await page.keyboard.type("a picture of a car");
  await firstIs("fx-car.png");
  await page.keyboard.press("ArrowDown");
  await page.locator("li[data-at='0'] a:focus").waitFor();
  await page.keyboard.press("ArrowRight");
  await page.locator("li[data-at='1'] a:focus").waitFor();
  await page.keyboard.press("Enter");
  await page.locator("#viewer[open]").waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("heading", { name: "fx-car.png" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("li[data-at='0'] a:focus").waitFor();
  await page.keyboard.press("m");
  await page.waitForURL(/\?like=/);
  await page.locator("li[data-at='0'] a:focus").waitFor();
});

test("results below the window give way to new ones", async () => {
  await page.setViewportSize({ width: 320, height: 240 });
  await page.locator("li.shown[data-at='0']").waitFor();
  await page.locator("li[data-at='0'] a").focus();
  await page.keyboard.press("End");
  await page.locator("li.shown[data-at='6'] a:focus").waitFor();
  await page.keyboard.press("m");
  await page.waitForURL(/\?like=/);
  await page.locator("li.shown[data-at='0'] a:focus").waitFor();
});

test("an empty library says so", async () => {
  const empty = await serve([]);
  try {
    await open(empty.address);
    await page.getByRole("heading", { name: "Nothing is indexed yet" }).waitFor();
    await page.getByRole("button", { name: "Index now" }).waitFor();
    await accessible("empty library");
  } finally {
    await empty.stop();
  }
});

test("a server that is gone is said to be", async () => {
  const other = await serve(["fx-dog.png"]);
  try {
    await open(other.address);
    await countIs("1 image");
    await other.stop();
    await type("a");
    await page.getByRole("alert").filter({ hasText: "does not answer" }).waitFor();
    await accessible("server gone");
  } finally {
    await other.stop();
  }
});
