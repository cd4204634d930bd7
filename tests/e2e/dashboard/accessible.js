// What of a page some people could not see, hear or reach.
(() => {
  const problems = [];
  const describe = (it) => `${it.tagName.toLowerCase()}${it.id ? `#${it.id}` : ""}.${it.getAttribute("class") ?? ""} “${it.textContent.trim().slice(0, 40)}”`;
  const isShown = (it) => it.checkVisibility({ visibilityProperty: true, opacityProperty: true });

  // WCAG 2.2, 1.4.3: contrast.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
  const ground = (it) => {
    const layers = [];
    for (; it; it = it.parentElement) {
      const layer = colour(getComputedStyle(it).backgroundColor);
      layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reduceRight((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const seen = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const it = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || seen.has(it) || !isShown(it) || it.closest("svg, script, option, datalist, .skip")) continue;
    seen.add(it);
    const style = getComputedStyle(it);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const below = ground(it);
    const found = contrast(over(colour(style.color), below), below);
    if (found < (isLarge ? 3 : 4.5)) problems.push(`contrast ${found.toFixed(2)}: ${describe(it)}`);
  }

  // 1.3.1, 2.4.1, 2.4.6: structure.
  if (document.querySelectorAll("h1").length !== 1) problems.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) problems.push("not one main");
  let level = 1;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1 && !heading.closest(".doc")) problems.push(`after h${level}: ${describe(heading)}`);
    level = next;
  }
  const ids = [...document.querySelectorAll("[id]")].map((it) => it.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`twice: #${id}`);

  // 4.1.2: names.
  const hasName = (it) => it.textContent.trim() || it.getAttribute("aria-label") || it.getAttribute("title") || it.labels?.length;
  for (const it of document.querySelectorAll("a, button, input:not([type=hidden]), select, summary, [role=meter], [role=img]")) {
    if (!hasName(it)) problems.push(`no name: ${it.outerHTML.slice(0, 120)}`);
  }
  for (const it of document.querySelectorAll("[aria-labelledby]")) {
    if (!document.getElementById(it.getAttribute("aria-labelledby"))) problems.push(`labelled by nothing: ${describe(it)}`);
  }

  // 1.4.10: nothing has to be scrolled sideways.
  if (document.documentElement.scrollWidth > innerWidth) {
    const wide = [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > innerWidth + 1 && !it.closest("pre, .top nav, svg"));
    problems.push(`${document.documentElement.scrollWidth} wide in ${innerWidth}: ${wide.slice(0, 3).map(describe)}`);
  }
  return problems;
})();
