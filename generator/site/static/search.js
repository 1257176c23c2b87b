"use strict";
// What it reads: generator/site/search.py.

const SHOWN = { images: 30, versions: 6, builds: 8, packages: 12, candidates: 48, rows: 8, digests: 12 };
const base = document.currentScript.src.replace(/-\/search\.js.*/, "");
const data = (path) => load(`${base}-/search/${path}`);

/** A file of search data, or what stands for nothing where there is none. */
async function shard(path) {
  try {
    return await data(path);
  } catch (error) {
    if (/ is 404$/.test(error.message)) return {};
    throw error;
  }
}

function bucket(name) {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) value = Math.imul(value ^ byte, 0x01000193);
  return (value & 0xff).toString(16).padStart(2, "0");
}

const image = ([folder, name, repository, main, version, builds], number) => ({ number, folder, name, repository, main, version, builds });
/** Whether a word is an image, by its name here or its repository upstream. */
const is = (of, word) => of.name === word || of.repository === word;
/** Whether it is one, or a part of its name or of its package's. */
const isNamed = (of, word) => is(of, word) || of.name.includes(word) || of.main.toLowerCase().includes(word);
const major = (version) => /^(?:[0-9]+:)?([0-9]{1,4})(?![0-9])/.exec(version)?.[1] ?? "other";

/** As people paste it: a whole command, an address before the name, `name:tag`, `name@digest`, `name=version`. */
function words(query, address) {
  return query
    .toLowerCase()
    .replace(/^\s*(?:(?:docker|podman|crane)\s+pull|from|image:)\s+/, "")
    .replace(`${address}/`, "")
    .replace(/\bsha256:/g, " ")
    .split(/[\s@=]+|:(?![0-9]+\/)/)
    .filter(Boolean);
}

const hex = (word) => /^[0-9a-f]{7,64}$/.test(word);

async function findDigests(given, images) {
  const found = [];
  for (const word of given.filter(hex)) {
    for (const [digits, places] of Object.entries(await shard(`digests/${word.slice(0, 2)}.json`))) {
      if (!digits.startsWith(word.slice(0, 12))) continue;
      for (const [number, name, platform] of places) {
        const { builds } = word.length > 12 ? await load(`${base}${images[number].folder}index.json`) : { builds: [] };
        const whole = builds.flatMap((build) => [build.digest, ...Object.values(build.platforms)]);
        if (word.length > 12 && !whole.some((digest) => digest.split(":")[1].startsWith(word))) continue;
        found.push({ image: images[number], name, platform, digits });
      }
    }
  }
  return found;
}

/** Images and versions of them that the words name: `postgres 19.10`, or 19.10 of whatever. */
async function findVersions(given, images) {
  const found = new Map();
  for (const [place, version] of given.entries()) {
    if (!/^v?[0-9]/.test(version)) continue;
    const rest = given.filter((_, other) => other !== place);
    const wanted = version.replace(/^v/, "");
    for (const [each, numbers] of Object.entries(await shard(`versions/${major(wanted)}.json`))) {
      if (!each.startsWith(wanted)) continue;
      for (const number of numbers) {
        const of = images[number];
        if (rest.every((word) => isNamed(of, word))) {
          if (!found.has(number)) found.set(number, { image: of, wanted, versions: [] });
          found.get(number).versions.push(each);
        }
      }
    }
  }
  for (const each of found.values()) {
    // 1.2 is a version before it is the beginning of 1.27.
    const whole = each.versions.filter((version) => !/^[0-9]/.test(version.slice(each.wanted.length)));
    each.versions = newestFirst(whole.length ? whole : each.versions);
  }
  return [...found.values()];
}

/** A tag that is no version's beginning, such as 1.27.4-dev, of the image that is named with it. */
async function findTags(given, images) {
  if (given.length !== 2) return [];
  const of = images.find((each) => is(each, given[0]) && each.builds);
  if (!of) return [];
  const { tags, retracted = {}, gone = {}, builds } = await load(`${base}${of.folder}index.json`);
  const tag = given[1];
  const digest = tags[tag] ?? retracted[tag]?.digest ?? gone[tag]?.digest;
  const place = builds.findIndex((build) => build.digest === digest);
  if (place < 0) return [];
  const fate = retracted[tag] ? `, and is retracted: ${retracted[tag].reason}` : gone[tag] ? `, and gone since ${gone[tag].since.slice(0, 10)}` : "";
  return [{ image: of, tag, fate, build: builds[place], name: buildNames(builds)[place] }];
}

async function findPackages(given, images) {
  const names = await data("packages.json");
  const named = given.filter((word) => names.some((name) => name.toLowerCase().includes(word)));
  const ranked = [];
  for (const name of names) {
    const inName = named.filter((word) => name.toLowerCase().includes(word));
    const rest = given.filter((word) => !inName.includes(word));
    if (inName.length) ranked.push({ name, rest, rank: name === given[0] ? 0 : name.startsWith(given[0]) ? 1 : 2 });
  }
  ranked.sort((a, b) => a.rest.length - b.rest.length || a.rank - b.rank || natural(a.name, b.name));
  const likely = ranked.slice(0, SHOWN.candidates);
  const files = await Promise.all(likely.map(({ name }) => shard(`packages/${bucket(name)}.json`)));
  const found = [];
  for (const [place, { name, rest }] of likely.entries()) {
    const versions = files[place][name] ?? {};
    const fitting = newestFirst(Object.keys(versions)).filter((version) => rest.every((word) => version.toLowerCase().startsWith(word)));
    if (!fitting.length) continue;
    found.push({
      name,
      versions: fitting.map((version) => ({
        version,
        spans: versions[version].map(([number, first, last, count, current]) => ({ image: images[number], first, last, count, current })),
      })),
    });
  }
  const more = Math.max(0, found.length - SHOWN.packages) + (ranked.length - likely.length);
  found.length = Math.min(found.length, SHOWN.packages);
  return { found, more };
}

addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.search");
  const results = document.querySelector("[data-results]");
  const heading = document.querySelector("[data-heading]");
  const summary = document.querySelector("[data-summary]");
  const status = document.querySelector("[data-status]");
  const examples = document.querySelector("[data-examples]");
  const welcome = summary.textContent;
  const address = document.body.dataset.address.toLowerCase();
  let latest = 0;
  let timer;

  const count = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;
  const page = (of, rest = "") => base + of.folder + rest;
  const imageLink = (of) => element("a", { href: page(of) }, of.name);
  const code = (text) => element("bdi", { class: "version" }, text);

  function section(title, ...children) {
    return element("section", {}, element("h2", {}, title), ...children);
  }

  /** What is made only when it is opened. */
  function fold(label, make) {
    const details = element("details", {}, element("summary", {}, label));
    details.addEventListener("toggle", async () => {
      if (!details.open || details.dataset.made) return;
      details.dataset.made = "yes";
      details.append(await make().catch((error) => element("p", {}, error.message)));
    });
    return details;
  }

  function more(children, shown, label, wrap) {
    const rest = children.slice(shown);
    return rest.length ? [fold(label(rest.length), async () => wrap(rest.map((make) => make())))] : [];
  }

  function imageRow(of) {
    return element(
      "li",
      {},
      imageLink(of),
      " ",
      of.builds ? code(of.version || "version unknown") : element("span", { class: "quiet" }, "not yet refreshed"),
      " ",
      element("span", { class: "quiet" }, of.builds ? count(of.builds, "build") : ""),
    );
  }

  function buildRow(of, build, name, tags) {
    const held = Object.entries(tags).filter(([, digest]) => digest === build.digest).map(([tag]) => tag);
    const own = held.sort((a, b) => a.length - b.length).slice(0, 6);
    return element(
      "li",
      {},
      element("a", { href: page(of, `-/${name}/`) }, code(build.version ?? "unknown")),
      " ",
      element("span", { class: "quiet" }, `${build.track}, ${build.seen.slice(0, 10)}`),
      " ",
      ...own.flatMap((tag) => [element("a", { class: "tag", href: page(of, `-/${name}/?tag=${encodeURIComponent(tag)}`) }, tag), " "]),
      element("code", { class: "quiet" }, build.digest.slice(7, 19)),
    );
  }

  async function buildsOf({ image: of, versions }) {
    const { builds, tags } = await load(page(of, "index.json"));
    const names = buildNames(builds);
    const rows = builds
      .map((build, place) => ({ build, name: names[place] }))
      .filter(({ build }) => versions.includes(build.version))
      .reverse()
      .map(({ build, name }) => () => buildRow(of, build, name, tags));
    return element(
      "div",
      { class: "hit" },
      element("h3", {}, imageLink(of), " ", element("span", { class: "quiet" }, count(rows.length, "build"))),
      element("ul", { class: "hits" }, ...rows.slice(0, SHOWN.builds).map((make) => make())),
      ...more(rows, SHOWN.builds, (rest) => `${count(rest, "more build")}`, (made) => element("ul", { class: "hits" }, ...made)),
    );
  }

  async function spanBuilds(span) {
    const { builds, tags } = await load(page(span.image, "index.json"));
    const names = buildNames(builds);
    const { track } = builds[span.first];
    const rows = [];
    for (let place = span.last; place >= span.first; place -= 1) {
      const build = builds[place];
      if (build.track === track && build.sbom && build.sbom.kind !== "label") rows.push(buildRow(span.image, build, names[place], tags));
    }
    return element("ul", { class: "hits" }, ...rows);
  }

  function versionRow({ version, spans }) {
    const current = spans.filter((span) => span.current);
    const cell = element("dd", {});
    const distinct = (of) => [...new Map(of.map((span) => [span.image.number, span.image])).values()];
    if (current.length) cell.append(element("p", {}, "now in ", ...distinct(current).flatMap((of) => [imageLink(of), " "])));
    if (spans.length) {
      const builds = spans.reduce((sum, span) => sum + span.count, 0);
      const names = distinct(spans).map((of) => of.name);
      const where = names.length > 4 ? `${names.length} images` : names.join(", ");
      const label = current.length ? `${count(builds, "build")} of ${where}` : `${count(builds, "older build")} of ${where}`;
      cell.append(
        fold(label, async () => {
          const list = element("div", { class: "spans" });
          for (const span of spans) {
            list.append(fold(`${span.image.name}: ${count(span.count, "build")}${span.current ? ", up to the newest" : ""}`, () => spanBuilds(span)));
          }
          if (spans.length === 1) list.firstChild.open = true;
          return list;
        }),
      );
    }
    return element("div", {}, element("dt", { class: "version" }, element("bdi", {}, version)), cell);
  }

  function packageHit({ name, versions }) {
    const rows = versions.map((each) => () => versionRow(each));
    return element(
      "div",
      { class: "hit" },
      element("h3", { class: "name" }, element("bdi", {}, name)),
      element("dl", { class: "versions" }, ...rows.slice(0, SHOWN.rows).map((make) => make())),
      ...more(rows, SHOWN.rows, (rest) => `${count(rest, "older version")}`, (made) => element("dl", { class: "versions" }, ...made)),
    );
  }

  async function digestRow({ image: of, name, platform, digits }) {
    const { builds, tags } = await load(page(of, "index.json"));
    const names = buildNames(builds);
    const row = buildRow(of, builds[names.indexOf(name)], name, tags);
    const what = platform ? `is the ${platform} image of a build of ` : "is a build of ";
    row.prepend(element("code", {}, digits), " ", what, imageLink(of), ": ");
    return row;
  }

  function tagRow({ image: of, tag, fate, build, name }) {
    return element(
      "li",
      {},
      element("a", { href: page(of, `-/${name}/?tag=${encodeURIComponent(tag)}`) }, `${of.name}:${tag}`),
      ` is ${describe(build)}${fate} `,
      element("code", { class: "quiet" }, build.digest.slice(7, 19)),
    );
  }

  async function find(query) {
    const given = words(query, address);
    const images = (await data("images.json")).map(image);
    const named = images.filter((of) => given.every((word) => isNamed(of, word)));
    named.sort((a, b) => is(b, given[0]) - is(a, given[0]) || natural(a.name, b.name));
    const [digests, versions, tags, packages] = await Promise.all([
      findDigests(given, images),
      findVersions(given, images),
      findTags(given, images),
      findPackages(given, images),
    ]);
    versions.sort((a, b) => given.some((word) => is(b.image, word)) - given.some((word) => is(a.image, word)) || natural(a.image.name, b.image.name));
    const parts = [];
    if (tags.length) parts.push(section("Tag", element("ul", { class: "hits" }, ...tags.map(tagRow))));
    if (digests.length) parts.push(section("Digest", element("ul", { class: "hits" }, ...(await Promise.all(digests.slice(0, SHOWN.digests).map(digestRow))))));
    if (named.length) {
      const rows = named.map((of) => () => imageRow(of));
      parts.push(
        section(
          "Images",
          element("ul", { class: "hits" }, ...rows.slice(0, SHOWN.images).map((make) => make())),
          ...more(rows, SHOWN.images, (rest) => count(rest, "more image"), (made) => element("ul", { class: "hits" }, ...made)),
        ),
      );
    }
    if (versions.length) {
      const shown = await Promise.all(versions.slice(0, SHOWN.versions).map(buildsOf));
      const rest = versions.slice(SHOWN.versions);
      const others = rest.map(({ image: of, wanted, versions: found }) => () =>
        element("li", {}, element("a", { href: page(of, `?q=${encodeURIComponent(wanted)}`) }, of.name), " ", code(found[0])),
      );
      parts.push(section("Versions", ...shown, ...more(others, 0, (number) => `in ${count(number, "more image")}`, (made) => element("ul", { class: "hits" }, ...made))));
    }
    if (packages.found.length) {
      parts.push(
        section(
          "Packages",
          ...packages.found.map(packageHit),
          ...(packages.more ? [element("p", { class: "quiet" }, `${count(packages.more, "more package")}: a longer word finds fewer.`)] : []),
        ),
      );
    }
    const found = [
      [tags.length, "tag"],
      [digests.length, "digest"],
      [named.length, "image"],
      [versions.length, "image with that version"],
      [packages.found.length + packages.more, "package"],
    ].filter(([number]) => number);
    return { parts, text: found.map(([number, what]) => (what.includes(" ") ? `that version in ${count(number, "image")}` : count(number, what))).join(", ") };
  }

  async function search() {
    const query = form.q.value.trim();
    const own = ++latest;
    history.replaceState(null, "", query ? `?q=${encodeURIComponent(query)}` : location.pathname);
    examples.hidden = Boolean(query);
    if (!query) {
      heading.textContent = document.title = "Search";
      summary.textContent = welcome;
      results.replaceChildren();
      return;
    }
    results.setAttribute("aria-busy", "true");
    let answer;
    try {
      answer = await find(query);
    } catch (error) {
      answer = { parts: [], text: `The search data could not be read: ${error.message}` };
    }
    if (own !== latest) return; // what is typed by now is another question
    document.title = `${query} · reverse-registry`;
    heading.replaceChildren("Results for “", element("bdi", {}, query), "”");
    summary.textContent = status.textContent = answer.text || "Nothing in this index is called that: no image, version, digest or package. A shorter word finds more.";
    results.replaceChildren(...answer.parts);
    results.removeAttribute("aria-busy");
  }

  form.q.value = new URLSearchParams(location.search).get("q") ?? "";
  form.q.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 120);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    search();
  });
  if (form.q.value) search();
  else form.q.focus();
});
