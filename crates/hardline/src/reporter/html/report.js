// Filters, keys and deep links of the report. Without it, all findings are shown and can be opened.
"use strict";
{
  const find = (selector, from = document) => [...from.querySelectorAll(selector)];
  const filter = document.querySelector(".filter form");
  const findings = find(".finding");
  const [search, namespace, rule] = ["text", "namespace", "rule"].map((name) => filter.elements[name]);
  const count = filter.querySelector("output");
  const clear = filter.querySelector("button");
  const nothing = document.querySelector(".nothing");
  let texts;

  // What can be searched: the finding's line, and what it is about.
  const text = (finding) =>
    `${finding.parentElement.firstElementChild.textContent} ${finding.firstElementChild.textContent}`.toLowerCase();

  const apply = () => {
    const severities = new Set(find("input[name=severity]:checked", filter).map((input) => input.value));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && !texts) texts = new Map(findings.map((finding) => [finding, text(finding)]));
    let shown = 0;
    for (const finding of findings) {
      const { severity, rule: id, namespace: area } = finding.dataset;
      const fits =
        severities.has(severity) &&
        (!rule.value || rule.value === id) &&
        (!namespace.value || namespace.value === area) &&
        words.every((word) => texts.get(finding).includes(word));
      finding.hidden = !fits;
      shown += fits;
    }
    for (const group of find(".subject, .area")) group.hidden = !group.querySelector(".finding:not([hidden])");
    const all = shown === findings.length;
    count.textContent = all ? `${findings.length.toLocaleString()} shown` : `${shown.toLocaleString()} of ${findings.length.toLocaleString()} shown`;
    clear.hidden = all && !search.value;
    nothing.hidden = shown > 0;
  };

  const reset = () => {
    filter.reset();
    apply();
  };

  // A link to a finding or a rule opens it, whatever is filtered.
  const go = () => {
    let id;
    try {
      id = decodeURIComponent(location.hash.slice(1));
    } catch {
      return;
    }
    const target = document.getElementById(id.replaceAll(" ", "_"));
    if (!target) return;
    if (target.closest("[hidden]") || target.querySelector(".finding[hidden]")) reset();
    if (target.matches("details")) target.open = true;
    target.scrollIntoView();
    target.querySelector("summary")?.focus({ preventScroll: true });
  };

  const step = (by) => {
    const shown = findings.filter((finding) => !finding.hidden);
    const at = shown.indexOf(document.activeElement.closest(".finding"));
    const next = shown[at < 0 ? (by > 0 ? 0 : shown.length - 1) : Math.min(Math.max(at + by, 0), shown.length - 1)];
    next?.firstElementChild.focus();
    next?.scrollIntoView({ block: "nearest" });
  };

  filter.addEventListener("input", apply);
  filter.addEventListener("submit", (event) => event.preventDefault());
  clear.addEventListener("click", reset);
  addEventListener("hashchange", go);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      reset();
      document.activeElement.blur();
    } else if (event.target.matches("input, select, textarea")) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      search.focus();
    } else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "o") {
      const summary = document.activeElement.closest(".finding > summary");
      summary?.click();
      summary?.parentElement.scrollIntoView({ block: "nearest" });
    }
  });

  // On paper nothing can be opened. Beyond some dozens, the lines alone are what anybody prints.
  addEventListener("beforeprint", () => {
    const shown = findings.filter((finding) => !finding.hidden);
    if (shown.length <= 60) for (const finding of shown) finding.open = true;
  });

  document.querySelector(".filter").hidden = findings.length === 0;
  apply();
  go();
}
