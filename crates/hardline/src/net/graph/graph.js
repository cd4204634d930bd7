// Draws the network that the page holds, and what can be reached from the workload that is chosen.
"use strict";
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const svg = document.getElementById("graph");
  const panel = document.getElementById("panel");
  const search = document.getElementById("search");
  const reverse = document.getElementById("reverse");
  const legend = document.getElementById("legend");

  // So many lines can be told apart; beyond, namespaces are joined by one line.
  const FEW_EDGES = 250;
  // So many names can be read at once; beyond, workloads are small, and named when pointed at.
  const FEW_NODES = 180;

  // Who reaches whom, by numbers of parties: for each receiver, ports and runs of senders.
  const index = (reach) => {
    if (!reach) return null;
    const rows = new Map();
    for (const [receiver, ports, runs] of reach.rows) {
      if (!rows.has(receiver)) rows.set(receiver, []);
      rows.get(receiver).push([reach.ports[ports], runs]);
    }
    const cache = new Map();
    return (sender, receiver) => {
      if (sender == null || receiver == null) return "";
      const key = sender * 1e6 + receiver;
      let found = cache.get(key);
      if (found === undefined) {
        const parts = rows.get(receiver) ?? [];
        found = parts.filter(([, runs]) => runs.some(([from, to]) => from <= sender && sender <= to)).map(([ports]) => ports).join(",");
        cache.set(key, found);
      }
      return found;
    };
  };
  const now = index(data.now);
  const before = index(data.before);
  const EVERYWHERE = ["0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"];
  const title = ({ namespace, name }) =>
    namespace == null ? (EVERYWHERE.includes(name) ? `any ${name.includes(":") ? "IPv6" : "IPv4"} address` : name) : namespace ? `${namespace}/${name}` : name;
  const nodes = data.nodes.map((node, id) => ({ ...node, id, title: title(node) }));
  const isOutside = (node) => node.namespace == null;
  const connects = (a, b) => a !== b && !(isOutside(a) && isOutside(b));
  const ports = (a, b) => (connects(a, b) ? now(a.now, b.now) : "");
  const change = (a, b) => {
    if (!before || !connects(a, b)) return "";
    const [was, is] = [before(a.before, b.before), now(a.now, b.now)];
    return was === is ? "" : !was ? "added" : !is ? "removed" : "changed";
  };

  const create = (name, attributes = {}, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text != null) element.textContent = text;
    return element;
  };

  // Namespaces side by side in rows, workloads in a grid in each.
  const small = nodes.length > FEW_NODES;
  const [width, height, gap] = small ? [14, 14, 5] : [158, 40, nodes.length > 60 ? 16 : 52];
  const groups = new Map();
  for (const node of nodes) {
    const key = node.namespace ?? "";
    if (!groups.has(key)) groups.set(key, { name: isOutside(node) ? "outside the cluster" : node.namespace || "no namespace", outside: isOutside(node), members: [] });
    groups.get(key).members.push(node);
  }
  // Few workloads come with their places, behind those that send to them.
  const placed = () => {
    const right = Math.max(...data.bands.map(([, box]) => box[2]), 0) + 60;
    const bottom = Math.max(...data.bands.map(([, box]) => box[3]), 0) + 4;
    for (const node of nodes) [node.x, node.y] = node.place;
    for (const [name, [x, y, end, low]] of data.bands) Object.assign(groups.get(name ?? ""), { x, y, width: end - x, height: low - y });
    svg.setAttribute("width", right + 30);
    svg.setAttribute("height", bottom);
    svg.setAttribute("viewBox", `-30 -2 ${right + 30} ${bottom}`);
    svg.classList.add("placed");
  };
  const layout = () => {
    if (data.bands) return placed();
    const room = Math.max(document.querySelector(".canvas").clientWidth - 40, 420);
    const space = small ? 26 : 64;
    let [x, y, row] = [0, 0, 0];
    for (const group of [...groups.values()].sort((a, b) => a.outside - b.outside || b.members.length - a.members.length)) {
      const most = Math.max(1, Math.floor((room - 32) / (width + gap)));
      const columns = Math.min(most, Math.max(1, Math.ceil(Math.sqrt(group.members.length * (small ? 2 : 0.5)))));
      const title = group.name.length * 7.5 + 32;
      group.width = Math.max(columns * (width + gap) - gap + 32, small ? title : Math.min(title, room));
      group.height = Math.ceil(group.members.length / columns) * (height + gap) - gap + 54;
      if (x > 0 && x + group.width > room) [x, y, row] = [0, y + row + space, 0];
      Object.assign(group, { x, y });
      group.members.forEach((node, at) => {
        node.x = x + 16 + (at % columns) * (width + gap);
        node.y = y + 38 + Math.floor(at / columns) * (height + gap);
      });
      x += group.width + space;
      row = Math.max(row, group.height);
    }
    const right = Math.max(...[...groups.values()].map((group) => group.x + group.width), 0);
    svg.setAttribute("width", right + 4);
    svg.setAttribute("height", y + row + 4);
    svg.setAttribute("viewBox", `-2 -2 ${right + 4} ${y + row + 4}`);
  };

  const box = (node) => ({ x: node.x + width / 2, y: node.y + height / 2, w: width / 2, h: height / 2 });
  const groupBox = (group) => ({ x: group.x + group.width / 2, y: group.y + group.height / 2, w: group.width / 2, h: group.height / 2 });
  // Where the way from the middle of one box to another leaves it.
  const rim = (from, to) => {
    const [dx, dy] = [to.x - from.x || 0.01, to.y - from.y || 0.01];
    const scale = Math.min(from.w / Math.abs(dx), from.h / Math.abs(dy));
    return [from.x + dx * scale, from.y + dy * scale];
  };
  // From side to side where one is beside the other in its place, else the shortest way with a bend.
  const way = (a, b) => {
    const [left, right] = [a.x + a.w, b.x - b.w - 1];
    if (data.bands && right > left) return `M${left},${a.y} C${(left + right) / 2},${a.y} ${(left + right) / 2},${b.y} ${right},${b.y}`;
    if (data.bands) {
      const end = b.x + b.w + 1;
      const side = Math.max(left, end) + 30 + Math.abs(a.y - b.y) / 12;
      return `M${left},${a.y + 6} C${side},${a.y + 6} ${side},${b.y + 8} ${end},${b.y + 8}`;
    }
    const [[x1, y1], [x2, y2]] = [rim(a, b), rim(b, a)];
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
    const bend = 0.12;
    return `M${x1},${y1} Q${mx - (y2 - y1) * bend},${my + (x2 - x1) * bend} ${x2},${y2}`;
  };
  const line = (a, b, className, title) => draw(way(a, b), className, title);
  const draw = (d, className, title) => {
    const path = create("path", { class: `edge ${className}`, d, "marker-end": "url(#arrow)" });
    path.append(create("title", {}, title));
    edges.append(path);
  };

  layout();
  const defs = create("defs");
  const marker = create("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" });
  marker.append(create("path", { d: "M0,0.8 L8,4 L0,7.2 z" }));
  defs.append(marker);
  const edges = create("g");
  svg.append(defs);
  for (const group of groups.values()) {
    const element = create("g", { class: "group" });
    element.append(create("rect", { x: group.x, y: group.y, width: group.width, height: group.height, rx: 2 }));
    element.append(create("text", { x: group.x + 16, y: group.y + 23 }, group.name));
    svg.append(element);
  }
  svg.append(edges);
  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  for (const node of nodes) {
    const element = create("g", { class: `node${before && node.now == null ? " gone" : ""}`, tabindex: 0, role: "button", "aria-label": `${node.kind} ${node.title}` });
    element.append(create("title", {}, `${node.kind} ${node.title}`.trim()));
    element.append(create("rect", { x: node.x, y: node.y, width, height, rx: 2 }));
    if (!small) {
      element.append(create("text", { x: node.x + 10, y: node.y + (node.kind ? 17 : 25) }, cut(isOutside(node) ? node.title : node.name, 21)));
      element.append(create("text", { x: node.x + 10, y: node.y + 32, class: "kind" }, node.kind));
    }
    element.addEventListener("click", () => choose(node));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(node);
      }
    });
    node.element = element;
    svg.append(element);
  }

  // All that can be reached, hop by hop. Nobody comes back in from outside.
  const blast = (start) => {
    const hops = new Map([[start, { hop: 0 }]]);
    let front = [start];
    const directed = reverse.checked ? (a, b) => ports(b, a) : ports;
    for (let hop = 1; front.length; hop += 1) {
      const next = [];
      const seen = new Set();
      for (const from of front) {
        // Workloads of one party reach the same.
        if ((isOutside(from) && from !== start) || seen.has(from.now)) continue;
        seen.add(from.now);
        for (const to of nodes) {
          if (hops.has(to)) continue;
          const open = directed(from, to);
          if (open) {
            hops.set(to, { hop, from, open });
            next.push(to);
          }
        }
      }
      front = next;
    }
    hops.delete(start);
    return hops;
  };

  const item = (node, note) => {
    const li = document.createElement("li");
    const button = document.createElement("button");
    button.textContent = node.title;
    button.addEventListener("click", () => choose(node));
    const small = document.createElement("small");
    small.textContent = note;
    li.append(button, small);
    return li;
  };
  const list = (title, items) => {
    if (!items.length) return;
    const heading = document.createElement("h3");
    heading.textContent = `${title}: ${items.length.toLocaleString()}`;
    const ul = document.createElement("ul");
    ul.append(...items.slice(0, 200).map(([node, note]) => item(node, note)));
    panel.append(heading, ul);
  };
  const say = (tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    panel.append(element);
  };
  const explain = (entries) => {
    legend.replaceChildren(
      ...entries.map(([className, text]) => Object.assign(document.createElement("li"), { className, textContent: text })),
    );
  };

  const drawBlocked = (only) => {
    for (const { from, to, ports, because } of data.blocked) {
      if (from == null || (only && only.id !== from && only.id !== to)) continue;
      line(box(nodes[from]), box(nodes[to]), "blocked", `${nodes[from].title} needs ${nodes[to].title} on ${ports}, and is denied (${because})`);
    }
  };
  const blockedList = (only) =>
    list(
      "Needed, and denied",
      data.blocked
        .filter(({ from, to }) => !only || only.id === from || only.id === to)
        .map(({ from, to, ports, because }) => [nodes[to], `from ${from == null ? "anybody" : nodes[from].title} on ${ports}, for ${because}`]),
    );

  // Who reaches, or is reached from, every address gets a mark: lines would cover all else.
  const pair = (a, b, className, title) => {
    if (data.bands && EVERYWHERE.includes(b.name) && isOutside(b)) return draw(`M${a.x + width},${a.y + 9} l15,-9`, `${className} outside`, title);
    if (data.bands && EVERYWHERE.includes(a.name) && isOutside(a)) return draw(`M${b.x - 22},${b.y + height / 2} h20`, `${className} outside`, title);
    line(box(a), box(b), className, title);
  };

  const overview = () => {
    const differs = [];
    const pairs = [];
    const joined = new Map();
    for (const a of nodes)
      for (const b of nodes) {
        const kind = change(a, b);
        if (kind) differs.push([a, b, kind]);
        const open = ports(a, b);
        if (!open) continue;
        if (pairs.length <= FEW_EDGES) pairs.push([a, b, open]);
        const key = `${a.namespace ?? ""}\n${b.namespace ?? ""}`;
        joined.set(key, (joined.get(key) ?? 0) + 1);
      }
    const total = [...joined.values()].reduce((sum, count) => sum + count, 0);
    const shown = before ? differs.length : total;
    if (before) {
      for (const [a, b, kind] of differs.slice(0, 4 * FEW_EDGES)) pair(a, b, kind, `${a.title} to ${b.title}: ${kind}, ${ports(a, b) || before(a.before, b.before)}`);
    } else if (pairs.length <= FEW_EDGES) {
      for (const [a, b, open] of pairs) pair(a, b, "", `${a.title} to ${b.title}: ${open}`);
    } else {
      for (const [key, count] of joined) {
        const [a, b] = key.split("\n").map((name) => groups.get(name));
        if (a !== b) line(groupBox(a), groupBox(b), "wide", `${a.name} to ${b.name}: ${count} connections`);
      }
    }
    drawBlocked();
    const workloads = nodes.filter((node) => !isOutside(node)).length;
    say("h2", `${workloads.toLocaleString()} workloads, ${total.toLocaleString()} allowed connections`);
    say("p", "Choose a workload to see all that can be reached from it.");
    if (before) {
      const told = (kind) => differs.filter((difference) => difference[2] === kind).map(([a, b]) => [b, `from ${a.title}: ${before(a.before, b.before) || "nothing"} → ${ports(a, b) || "nothing"}`]);
      list("Allowed now, and not before", told("added"));
      list("Other ports than before", told("changed"));
      list("Not allowed any more", told("removed"));
      if (!shown) say("p", "Nothing has changed.");
    }
    blockedList();
    explain([
      ...(before ? [["added", "added"], ["changed", "changed"], ["removed", "removed"]] : [["", pairs.length <= FEW_EDGES ? "allowed" : "allowed, between namespaces"]]),
      ...(data.bands && nodes.some((node) => isOutside(node) && EVERYWHERE.includes(node.name)) ? [["outside", "with every address outside"]] : []),
      ...(data.blocked.length ? [["blocked", "needed, and denied"]] : []),
    ]);
  };

  const choose = (node) => {
    edges.replaceChildren();
    panel.replaceChildren();
    for (const other of nodes) {
      other.element.classList.toggle("self", other === node);
      delete other.element.dataset.hop;
    }
    svg.classList.toggle("selected", node != null);
    chosen = node;
    if (!node) return overview();
    const hops = blast(node);
    // Where there are many, their colour tells more than lines that cover it.
    const few = hops.size <= (small ? 40 : FEW_EDGES);
    for (const [other, { hop, from, open }] of hops) {
      const level = Math.min(hop, 3);
      other.element.dataset.hop = level;
      if (!few) continue;
      const [a, b] = reverse.checked ? [other, from] : [from, other];
      line(box(a), box(b), `hop${level}`, `${a.title} to ${b.title}: ${open}`);
    }
    drawBlocked(node);
    say("h2", node.title);
    const word = reverse.checked ? "can get here" : "can be reached";
    say("p", `${node.kind ? `${node.kind}. ` : ""}${hops.size.toLocaleString()} of ${(nodes.length - 1).toLocaleString()} ${word}.`);
    const most = Math.max(0, ...[...hops.values()].map(({ hop }) => hop));
    for (let hop = 1; hop <= most; hop += 1) {
      const here = [...hops].filter(([, found]) => found.hop === hop);
      list(hop === 1 ? "At once" : `In ${hop} hops`, here.map(([other, { from, open }]) => [other, hop === 1 ? open : `${open}, by ${from.title}`]));
    }
    blockedList(node);
    explain([["hop1", "at once"], ["hop2", "in 2 hops"], ["hop3", "in 3 and more"], ["blocked", "needed, and denied"]]);
  };

  let chosen = null;
  document.getElementById("names").append(...nodes.map((node) => Object.assign(document.createElement("option"), { value: node.title })));
  search.addEventListener("change", () => choose(nodes.find((node) => node.title === search.value) ?? nodes.find((node) => search.value && node.title.includes(search.value)) ?? null));
  reverse.addEventListener("change", () => chosen && choose(chosen));
  svg.addEventListener("click", (event) => event.target === svg && choose(null));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      search.value = "";
      choose(null);
    } else if (event.key === "/" && event.target !== search) {
      event.preventDefault();
      search.focus();
    }
  });
  const linked = () => choose(nodes.find((node) => `#${encodeURI(node.title)}` === location.hash || `#${node.title}` === location.hash) ?? null);
  addEventListener("hashchange", linked);
  linked();
}
