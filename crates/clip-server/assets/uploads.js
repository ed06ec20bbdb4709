// Images that are searched by. They stay in this browser, so that the address of a search by one keeps working.

/** Files of more bytes are made smaller before they are sent. */
const LARGE = 1_500_000;
const SIDE = 768;
const KEPT_IMAGES = 64;

const known = new Map();

/** Remembers an image, and gives the name that stands for it in an address. */
export async function keepImage(file) {
  const data = await toDataUri(file.size > LARGE ? await smaller(file) : file);
  const name = hashOf(data);
  known.set(name, data);
  await inStore((store) => {
    store.put({ name, data, time: Date.now() });
    const all = store.index("time").getAllKeys();
    all.onsuccess = () => all.result.slice(0, -KEPT_IMAGES).forEach((old) => store.delete(old));
  }).catch(() => {});
  return name;
}

/** The data URI of an image by its name, where this browser has it. */
export async function imageOf(name) {
  if (!known.has(name)) {
    let request;
    await inStore((store) => (request = store.get(name)), "readonly").catch(() => {});
    if (request?.result) known.set(name, request.result.data);
  }
  return known.get(name);
}

/** Images among what was dropped or pasted. */
export const imagesIn = (transfer) => [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/") || /\.(heic|avif|jxl)$/i.test(file.name));

async function smaller(file) {
  try {
    const image = await createImageBitmap(file);
    const scale = Math.min(1, SIDE / Math.min(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file), "image/jpeg", 0.92));
  } catch {
    // The server may know formats that the browser does not.
    return file;
  }
}

function toDataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.replace(/^data:(?!image\/)[^;,]*/, "data:image/unknown"));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Tells images apart (cyrb53); `crypto.subtle` is missing where a page comes over plain HTTP. */
function hashOf(text) {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return `i${(b >>> 0).toString(16).padStart(8, "0")}${(a >>> 0).toString(16).padStart(8, "0")}`;
}

function inStore(work, mode = "readwrite") {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("image-search", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("images", { keyPath: "name" }).createIndex("time", "time");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("images", mode);
      transaction.oncomplete = () => {
        opening.result.close();
        resolve();
      };
      transaction.onerror = () => reject(transaction.error);
      work(transaction.objectStore("images"));
    };
  });
}
