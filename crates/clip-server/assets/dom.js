// Elements and words.

/** An element: properties that begin with `on` are listeners, `style` is an object, the rest attributes. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, to] of Object.entries(value)) element.style.setProperty(key, to);
    else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

const ICONS = {
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm5-1.5L20 20",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  filter: "M4 6h16M7 12h10M10 18h4",
  copies: "M8 8h12v12H8zM4 16V4h12",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  close: "m6 6 12 12M18 6 6 18",
  left: "m14 6-6 6 6 6",
  right: "m10 6 6 6-6 6",
  similar: "M4 4h10v10H4zM10 17v3h10V10h-3",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  open: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  download: "M12 4v11m-5-5 5 5 5-5M4 20h16",
  offline: "M4 4l16 16M8 15a6 6 0 0 1 8 0M5 11.5a10 10 0 0 1 4-2.4M19 11.500a10 10 0 0 0-5-2.700M12 19h.01",
};

/** A drawing that only decorates. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export const number = (value) => value.toLocaleString("en");
export const images = (count) => `${number(count)} ${count === 1 ? "image" : "images"}`;
export const fileName = (path) => path?.split(/[\\/]/).pop() ?? "";
export const folderName = (path) => path?.replace(/[\\/][^\\/]*$/, "") || "/";

export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB"];
  let at = 0;
  for (; count >= 1000 && at < units.length - 1; at++) count /= 1000;
  return `${count >= 10 || at === 0 ? Math.round(count) : count.toFixed(1)} ${units[at]}`;
}

/** `2019-07-31T18:05:00`, by the camera's own clock, in words. */
export function day(taken) {
  const date = new Date(`${taken.slice(0, 10)}T12:00:00`);
  return date.toLocaleDateString(undefined, { day: "numeric", month: "long", year: "numeric" });
}

/** What a screen reader says of an image. */
export const nameOf = (item) => `${fileName(item.path)}${item.taken ? `, ${day(item.taken)}` : ""}`;

/** Tells a screen reader. */
export function say(text) {
  if (byId("live").textContent !== text) byId("live").textContent = text;
}
