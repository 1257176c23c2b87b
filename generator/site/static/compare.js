"use strict";

addEventListener("DOMContentLoaded", async () => {
  const form = document.querySelector("[data-compare]");
  const shown = document.querySelector("[data-difference]");
  const asked = new URLSearchParams(location.search);

  function byName(packages) {
    const named = new Map();
    for (const text of [...packages].sort()) {
      const { origin, name, version } = split(text);
      const key = `${name} ${origin}`;
      named.set(key, { name, version: named.has(key) ? `${named.get(key).version}, ${version}` : version });
    }
    return named;
  }

  function only(these, those) {
    return byName([...these].filter((each) => !those.has(each)));
  }

  function item(kind, name, before, after) {
    const made = element("li", { class: kind }, element("span", { class: "unseen" }, `${kind}: `), element("bdi", {}, name), " ");
    if (before) made.append(element("span", { class: "from" }, before));
    if (before && after) made.append(" ", element("span", { "aria-label": "to" }, "→"), " ");
    if (after) made.append(element("span", { class: "to" }, after));
    return made;
  }

  function link(build, name) {
    return element("a", { href: `../${name}/` }, describe(build));
  }

  async function compare() {
    history.replaceState(null, "", `?from=${form.from.value}&to=${form.to.value}`);
    const [{ builds }, log] = await Promise.all([load("../../index.json"), load("../../packages.json")]);
    const names = buildNames(builds);
    const [from, to] = [form.from, form.to].map((select) => builds[names.indexOf(select.value)]);
    const [before, after] = [from, to].map((build) => contents(log, build));
    const heading = element("p", {}, "From ", link(from, form.from.value), " to ", link(to, form.to.value), ":");
    if (!before || !after) {
      const unknown = before ? to : from;
      shown.replaceChildren(heading, element("p", { class: "quiet" }, `The packages of ${describe(unknown)} are not known: it came without an SBOM.`));
      return;
    }
    const gone = only(before, after);
    const come = only(after, before);
    const keys = [...new Set([...gone.keys(), ...come.keys()])].sort(natural);
    const changed = keys.filter((key) => gone.has(key) && come.has(key));
    const added = keys.filter((key) => !gone.has(key));
    const removed = keys.filter((key) => !come.has(key));
    const sum = element("p", { class: "sum" });
    for (const [kind, of] of Object.entries({ changed, added, removed })) {
      sum.append(element("span", { class: kind }, `${of.length} ${kind}`), " ");
    }
    const list = element("ul", { class: "changes" });
    list.append(
      ...changed.map((key) => item("changed", gone.get(key).name, gone.get(key).version, come.get(key).version)),
      ...added.map((key) => item("added", come.get(key).name, "", come.get(key).version)),
      ...removed.map((key) => item("removed", gone.get(key).name, gone.get(key).version, "")),
    );
    shown.replaceChildren(heading, keys.length ? sum : element("p", { class: "quiet" }, "The same packages."), list);
  }

  async function show() {
    shown.setAttribute("aria-busy", "true");
    try {
      await compare();
    } catch (error) {
      shown.replaceChildren(element("p", {}, `The builds could not be read: ${error.message}`));
    }
    shown.removeAttribute("aria-busy");
  }

  try {
    await Promise.all([offerBuilds(form.from)(), offerBuilds(form.to)()]);
  } catch (error) {
    shown.replaceChildren(element("p", {}, `The builds could not be read: ${error.message}`));
    return;
  }
  // Of none that was asked for, the newest and the one before it on its track.
  const { builds } = await load("../../index.json");
  const names = buildNames(builds);
  const before = builds.findLastIndex((build, place) => place < builds.length - 1 && build.track === builds.at(-1).track);
  if (before >= 0) form.from.value = names[before];
  for (const select of [form.from, form.to]) {
    if ([...select.options].some((option) => option.value === asked.get(select.name))) select.value = asked.get(select.name);
  }
  form.hidden = false;
  form.addEventListener("change", show);
  form.querySelector("[data-swap]").addEventListener("click", () => {
    [form.from.value, form.to.value] = [form.to.value, form.from.value];
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  await show();
});
