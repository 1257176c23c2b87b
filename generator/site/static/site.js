"use strict";
// Runs before the page is drawn, so that a theme that was chosen is there from the start.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is switched off: what was chosen lasts for this page only
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // likewise
  }
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
}

if (["dark", "light"].includes(stored("theme"))) root.dataset.theme = stored("theme");

const CLIENTS = {
  docker: (reference) => `docker pull ${reference}`,
  podman: (reference) => `podman pull ${reference}`,
  crane: (reference) => `crane pull ${reference} image.tar`,
  Dockerfile: (reference) => `FROM ${reference}`,
  Kubernetes: (reference) => `image: ${reference}`,
};

addEventListener("DOMContentLoaded", () => {
  const status = document.querySelector("[data-status]");
  const asked = new URLSearchParams(location.search);

  function switchThemes() {
    const toggle = document.querySelector("[data-theme-toggle]");
    function label() {
      toggle.textContent = isDark() ? "Light" : "Dark";
      toggle.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
    }
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      store("theme", root.dataset.theme);
      label();
    });
    system.addEventListener("change", label);
    label();
  }

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    // Without TLS there is no clipboard but the old command's, which copies what is selected.
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "unseen";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("not copied");
  }

  function offerCopies() {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
    document.addEventListener("click", async (event) => {
      const button = event.target.closest("[data-copy]");
      if (!button) return;
      try {
        await copy(button.dataset.copy || button.previousElementSibling.textContent);
        button.textContent = status.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(button.previousElementSibling ?? button);
        button.textContent = status.textContent = "Press Ctrl+C";
      }
      setTimeout(() => {
        button.textContent = "Copy";
        status.textContent = "";
      }, 1600);
    });
  }

  function offerClients(box) {
    const clients = box.querySelector("[data-clients]");
    const codes = box.querySelectorAll("[data-reference]");
    function show(client) {
      for (const code of codes) code.textContent = CLIENTS[client](code.dataset.reference);
      box.dataset.client = client;
    }
    clients.hidden = false;
    clients.addEventListener("change", (event) => {
      store("client", event.target.value);
      show(event.target.value);
    });
    const known = [...clients.querySelectorAll("input")].find((input) => input.value === stored("client"));
    if (known) known.checked = true;
    offerTag(box, codes);
    show(clients.querySelector(":checked").value);
  }

  /** `?tag=` of a build that has that tag. */
  function offerTag(box, codes) {
    const tag = asked.get("tag");
    const shown = box.querySelector("[data-tag]");
    const tags = [...document.querySelectorAll("a.tag")].map((link) => link.textContent);
    if (!shown || !tags.includes(tag)) return;
    const before = `:${shown.textContent}`;
    for (const code of codes) {
      const [name, digest] = code.dataset.reference.split("@");
      if (!name.endsWith(before)) continue;
      code.dataset.reference = name.slice(0, -before.length) + `:${tag}` + (digest ? `@${digest}` : "");
    }
    shown.textContent = tag;
  }

  function offerFilter(form) {
    const section = form.closest("section");
    const rows = () => section.querySelectorAll("tbody > tr, ul.packages > li");
    const output = form.querySelector("output");
    const none = section.querySelector("[data-none]");
    let older = document.querySelector("[data-years]");
    function filter() {
      const words = form.q.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows()) {
        const text = `${row.textContent} ${row.dataset.digest ?? ""}`.toLowerCase();
        row.hidden = !(
          words.every((word) => text.includes(word)) &&
          (!form.track?.value || row.dataset.track === form.track.value) &&
          (!form.current?.checked || "current" in row.dataset)
        );
        if (!row.hidden) shown += 1;
      }
      const all = rows().length;
      output.textContent = shown === all ? "" : `${shown} of ${all}`;
      if (none) none.hidden = shown > 0;
    }
    /** The builds of former years, which have pages of their own. */
    async function loadOlder() {
      if (!older || form.dataset.filter !== "builds") return;
      const links = [...older.querySelectorAll("a")];
      older = null;
      output.textContent = "Reading older builds…";
      const body = section.querySelector("tbody");
      const known = new Set([...body.rows].map((row) => row.querySelector("a").href));
      try {
        for (const link of links) {
          const page = new DOMParser().parseFromString(await (await fetch(link.href)).text(), "text/html");
          for (const row of page.querySelectorAll("tbody > tr")) {
            for (const each of row.querySelectorAll("a")) each.href = new URL(each.getAttribute("href"), link.href);
            if (!known.has(row.querySelector("a").href)) body.append(document.adoptNode(row));
          }
        }
        for (const button of body.querySelectorAll("[data-copy]")) button.hidden = false;
      } catch {
        output.textContent = "Older builds could not be read";
        return;
      }
      filter();
    }
    form.hidden = false;
    form.addEventListener("input", () => {
      filter();
      loadOlder();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    if (form.dataset.filter === "builds" && asked.get("q")) {
      form.q.value = asked.get("q");
      filter();
      loadOlder();
    }
  }

  switchThemes();
  offerCopies();
  document.querySelectorAll("[data-pull]").forEach(offerClients);
  document.querySelectorAll("[data-filter]").forEach(offerFilter);

  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const field = document.getElementById("q");
    field.focus();
    field.select();
  });
});
