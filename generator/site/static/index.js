"use strict";
// Reads an image's index.json and packages.json (their formats: schema.json).

const documents = new Map();

/** A JSON document, asked for once. */
function load(url) {
  const address = new URL(url, location.href).href;
  if (!documents.has(address)) {
    const answer = fetch(address).then((response) => {
      if (!response.ok) throw new Error(`${address} is ${response.status}`);
      return response.json();
    });
    answer.catch(() => documents.delete(address));
    documents.set(address, answer);
  }
  return documents.get(address);
}

/** The folder of each build's page, as generator/site/addresses.py names them. */
function buildNames(builds) {
  const names = new Set();
  const digests = new Map();
  return builds.map((build) => {
    const hex = build.digest.split(":")[1];
    let name = hex.slice(0, 12);
    if (!digests.has(name)) digests.set(name, build.digest);
    if (digests.get(name) !== build.digest) name = hex;
    if (names.has(name)) name = `${name}-${build.track}`;
    names.add(name);
    return name;
  });
}

function describe(build) {
  return `${build.version ?? "unknown"}, ${build.track}, ${build.seen.slice(0, 10)}`;
}

/** The packages of a build; null where they are not known. */
function contents(log, build) {
  const packages = new Set();
  for (const change of log.builds) {
    if (change.track !== build.track) continue;
    for (const each of change.removed) packages.delete(each);
    for (const each of change.added) packages.add(each);
    if (change.digest === build.digest) return packages;
  }
  return null;
}

/** `apk/wolfi/openssl@3.4.1-r0` or `rpm/fedora/bash@5.2-1?epoch=1` in its parts. */
function split(text) {
  const [bare, qualifiers = ""] = text.split("?");
  const at = bare.lastIndexOf("@");
  const slash = bare.lastIndexOf("/", at);
  const epoch = qualifiers.startsWith("epoch=") ? `${qualifiers.slice(6)}:` : "";
  return {
    origin: bare.slice(0, slash),
    name: decode(bare.slice(slash + 1, at)),
    version: epoch + decode(bare.slice(at + 1)),
  };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const natural = new Intl.Collator("en", { numeric: true }).compare;

/** Numbers in a text as numbers: for display, as it is no distribution's order of versions. */
function newestFirst(versions) {
  return [...versions].sort((a, b) => natural(b, a));
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Selects that offer every build of an image, filled when they are first needed. */
function offerBuilds(select) {
  let filled;
  async function fill() {
    const { builds } = await load(select.dataset.builds);
    const names = buildNames(builds);
    const chosen = select.value || select.dataset.chosen;
    const own = select.form.elements.to?.type === "hidden" ? select.form.elements.to.value : null;
    const options = builds.map((build, place) => new Option(describe(build), names[place]));
    select.replaceChildren(...options.reverse().filter((option) => option.value !== own));
    if (names.includes(chosen)) select.value = chosen;
  }
  return () => (filled ??= fill());
}

addEventListener("DOMContentLoaded", () => {
  for (const select of document.querySelectorAll("form.compare:not([data-compare]) select[data-builds]")) {
    const fill = offerBuilds(select);
    for (const event of ["pointerenter", "pointerdown", "focus"]) select.addEventListener(event, fill, { once: true });
  }
});
