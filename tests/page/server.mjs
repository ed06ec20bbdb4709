// A server of its own over a small library; it ends with the test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
const program = process.env.CLIP_CLI ?? path.join(root, "target/debug/clip-cli");
export const sample = (name) => path.join(root, "samples", name);

/** Starts a server with these samples indexed; `copies` are further files with the content of one. */
export async function serve(samples, copies = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "page-"));
  const images = path.join(folder, "images");
  fs.mkdirSync(images);
  for (const name of samples) fs.copyFileSync(sample(name), path.join(images, name));
  for (const [to, from] of Object.entries(copies)) fs.copyFileSync(sample(from), path.join(images, to));
  const child = spawn(program, ["serve", images, "--port", "0", "--index", path.join(folder, "library")], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const address = await new Promise((resolve, reject) => {
    child.stderr.on("data", (data) => {
      said += data;
      const found = /http:\/\/[\d.:]+/.exec(said);
      if (found) resolve(found[0]);
    });
    child.on("exit", () => reject(new Error(`the server ended: ${said}`)));
  });
  // The events of the job of the start end when it does.
  await (await fetch(`${address}/v1/index/1/events`)).text();
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { address, stop };
}
