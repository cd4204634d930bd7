// Shows changes without a reload, and knows a few keys. Without it, pages change when they are loaded.
"use strict";
{
  const said = document.getElementById("said");
  const beat = document.getElementById("beat");
  let shown = document.body.dataset.generation;
  let loading = false;

  const open = () => [...document.querySelectorAll("main details[open]")].map((it) => it.id).filter(Boolean);
  const ids = () => new Set([...document.querySelectorAll("main [id]")].map((it) => it.id));

  // What somebody is typing into stays as it is.
  const isBusy = () => document.activeElement?.matches("main input, main select, main textarea");

  const show = (page) => {
    const [old, next] = [document.querySelector("main"), page.querySelector("main")];
    const [opened, known, focused] = [open(), ids(), document.activeElement?.id];
    const closed = new Set([...document.querySelectorAll("main details:not([open])")].map((it) => it.id));
    // A drawing of the same data stays as it is.
    const data = (main) => main.querySelector("#data")?.textContent;
    if (!data(next) || data(next) !== data(old)) {
      old.innerHTML = next.innerHTML;
      document.dispatchEvent(new Event("shown"));
    }
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    for (const it of document.querySelectorAll("main details[open]")) if (closed.has(it.id)) it.removeAttribute("open");
    for (const it of document.querySelectorAll("main .finding, main tr[id]")) it.classList.toggle("fresh", !known.has(it.id));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    document.querySelector("footer p").innerHTML = page.querySelector("footer p").innerHTML;
    document.title = page.title;
    shown = page.body.dataset.generation;
    said.textContent = `Updated ${new Date().toLocaleTimeString()}`;
  };

  const update = async () => {
    if (loading || isBusy()) return;
    loading = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (answer.redirected && new URL(answer.url).pathname === "/login") return location.reload();
      if (!document.querySelector(".top")) return location.reload();
      const text = await answer.text();
      if (!isBusy()) show(new DOMParser().parseFromString(text, "text/html"));
    } finally {
      loading = false;
    }
  };

  let wanted = shown;
  const follow = () => {
    if (wanted !== shown) update().catch(() => {});
  };
  if (said) {
    const events = new EventSource("/events");
    events.addEventListener("change", ({ data }) => {
      wanted = data;
      beat.dataset.live = "yes";
      follow();
    });
    events.onerror = () => (beat.dataset.live = "no");
    document.addEventListener("focusout", () => setTimeout(follow));
  }

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, select, textarea");
    if (event.key === "Escape" && isTyping) return event.target.blur();
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      const search = document.querySelector("main input[type=search]");
      if (!search) return;
      event.preventDefault();
      search.select();
    }
    if (event.key === "j" || event.key === "k") {
      const all = [...document.querySelectorAll("main .finding > summary, main .list tbody th a")];
      const at = all.indexOf(document.activeElement);
      const next = event.key === "j" ? at + 1 : Math.max(at - 1, 0);
      all[Math.min(next, all.length - 1)]?.focus();
    }
  });

  // What changes when chosen needs no button.
  document.addEventListener("change", (event) => {
    if (event.target.matches("form.filter select")) event.target.form.requestSubmit();
  });

  // A link to a finding opens it.
  const reveal = () => {
    let id;
    try {
      id = decodeURIComponent(location.hash.slice(1));
    } catch {
      return;
    }
    const target = id ? document.getElementById(id) : null;
    if (target?.matches("details")) {
      target.open = true;
      target.scrollIntoView({ block: "center" });
    }
  };
  addEventListener("hashchange", reveal);
  reveal();
}
