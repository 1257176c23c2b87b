"use strict";
// Runs before the page is drawn, so that a theme that was chosen is there from the start.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // storage is switched off: the system's theme it is
  }
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
}

if (["dark", "light"].includes(stored())) root.dataset.theme = stored();

addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.search");
  const main = document.getElementById("main");
  const status = document.querySelector("[data-status]");
  const toggle = document.querySelector("[data-theme-toggle]");

  function label() {
    toggle.textContent = isDark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
  }
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // it lasts for this page only
    }
    label();
  });
  system.addEventListener("change", label);
  label();

  function showCopyButtons() {
    for (const button of main.querySelectorAll("[data-copy]")) button.hidden = false;
  }
  showCopyButtons();

  async function copy(code) {
    getSelection().selectAllChildren(code);
    // Without TLS there is no clipboard but the old command's.
    if (navigator.clipboard) await navigator.clipboard.writeText(code.textContent);
    else if (!document.execCommand("copy")) throw new Error("not copied");
  }

  main.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const word = button.firstChild;
    try {
      await copy(button.previousElementSibling);
      word.data = status.textContent = "Copied";
      getSelection().removeAllRanges();
    } catch {
      word.data = status.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (word.data = "Copy"), 1600);
  });

  addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    form.q.focus();
    form.q.select();
  });

  if (location.pathname !== "/") return; // elsewhere the form goes to the catalogue
  let timer, request;

  async function search() {
    const query = form.q.value.trim();
    const address = query ? `/?q=${encodeURIComponent(query)}` : "/";
    request?.abort();
    request = new AbortController();
    main.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { signal: request.signal });
      const found = new DOMParser().parseFromString(await answer.text(), "text/html");
      main.replaceChildren(...found.getElementById("main").childNodes);
      document.title = found.title;
      history.replaceState(null, "", address);
      showCopyButtons();
      status.textContent = main.querySelector("[data-summary]")?.textContent.trim() ?? "";
      main.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") location.assign(address);
    }
  }

  form.q.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 150);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    search();
  });
});
