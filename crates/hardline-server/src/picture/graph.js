// Draws the network that the page holds, and what can be reached from the workload that is chosen.
"use strict";
{
  // So many lines can be told apart; beyond, workloads are shaded by how many reach them.
  const FEW_EDGES = 250;
  // So many workloads have room for all that is said of them, so many for their names; beyond, they are dots.
  const CARDS = 60;
  const NAMES = 600;
  // So many are listed at once.
  const LISTED = 200;
  const EVERYWHERE = ["0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"];

  const create = (name, attributes = {}, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text != null) element.textContent = text;
    return element;
  };
  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const many = (count, noun) => `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;
  const byName = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });
  const into = (map, key) => map.get(key) ?? map.set(key, []).get(key);

  // Who reaches whom, by numbers of parties: for each receiver, ports and runs of senders. A sender is in one run.
  const read = (reach, nodes, party) => {
    const [rows, members, senders] = [new Map(), new Map(), new Map()];
    for (const [receiver, ports, runs] of reach.rows) into(rows, receiver).push([reach.ports[ports], runs]);
    for (const node of nodes) if (node[party] != null) into(members, node[party]).push(node);
    const sendersOf = (receiver) => {
      if (!senders.has(receiver)) {
        const all = [];
        for (const [, runs] of rows.get(receiver) ?? []) for (const [from, to] of runs) for (let at = from; at <= to; at += 1) all.push(at);
        senders.set(receiver, all);
      }
      return senders.get(receiver);
    };
    let receivers;
    const receiversOf = (sender) => {
      if (!receivers) {
        receivers = new Map();
        for (const receiver of rows.keys()) for (const from of sendersOf(receiver)) into(receivers, from).push(receiver);
      }
      return receivers.get(sender) ?? [];
    };
    const ports = (sender, receiver) =>
      (sender != null && receiver != null && rows.get(receiver)?.find(([, runs]) => runs.some(([from, to]) => from <= sender && sender <= to))?.[0]) || "";
    // The ports by sender, for all senders to one receiver.
    const row = (receiver) => {
      const found = new Map();
      for (const [open, runs] of rows.get(receiver) ?? []) for (const [from, to] of runs) for (let at = from; at <= to; at += 1) found.set(at, open);
      return found;
    };
    return { members: (number) => members.get(number) ?? [], receivers: () => rows.keys(), sendersOf, receiversOf, ports, row };
  };

  let stop;
  const start = () => {
    stop?.abort();
    const holder = document.getElementById("data");
    if (!holder) return;
    stop = new AbortController();
    const { signal } = stop;
    const data = JSON.parse(holder.textContent);
    const svg = document.getElementById("graph");
    const panel = document.getElementById("panel");
    const search = document.getElementById("search");
    const reverse = document.getElementById("reverse");
    const legend = document.getElementById("legend");

    const isOutside = (node) => node.namespace == null;
    const isAnybody = (node) => isOutside(node) && EVERYWHERE.includes(node.name);
    const title = (node) =>
      isAnybody(node) ? `any ${node.name.includes(":") ? "IPv6" : "IPv4"} address` : node.namespace ? `${node.namespace}/${node.name}` : node.name;
    const nodes = data.nodes.map((node, id) => ({ ...node, id, title: title(node) }));
    const workloads = nodes.filter((node) => !isOutside(node));
    const now = read(data.now, nodes, "now");
    const before = data.before && read(data.before, nodes, "before");
    const connects = (a, b) => a !== b && !(isOutside(a) && isOutside(b));
    const ports = (a, b) => (connects(a, b) ? now.ports(a.now, b.now) : "");

    // Namespaces side by side in rows, workloads in a grid in each.
    const size = nodes.length > NAMES ? "dots" : nodes.length > CARDS ? "names" : "cards";
    const [width, height, gap] = { dots: [14, 14, 5], names: [126, 22, 7], cards: [158, 40, 52] }[size];
    const groups = new Map();
    for (const node of nodes) {
      const key = node.namespace ?? "\n";
      if (!groups.has(key)) groups.set(key, { name: isOutside(node) ? "outside the cluster" : node.namespace || "no namespace", outside: isOutside(node), members: [], out: new Map(), in: new Map() });
      groups.get(key).members.push(node);
      node.group = groups.get(key);
    }

    // How many connections there are, between which namespaces, and how many workloads reach each.
    let total = 0;
    for (const receiver of now.receivers()) {
      const to = now.members(receiver);
      if (!to.length) continue;
      let reached = 0;
      for (const sender of now.sendersOf(receiver)) {
        const from = now.members(sender);
        if (!from.length || (isOutside(from[0]) && isOutside(to[0]))) continue;
        const count = from.length * to.length - (sender === receiver ? to.length : 0);
        if (!isOutside(from[0])) reached += from.length - (sender === receiver ? 1 : 0);
        total += count;
        const [a, b] = [from[0].group, to[0].group];
        a.out.set(b, (a.out.get(b) ?? 0) + count);
        b.in.set(a, (b.in.get(a) ?? 0) + count);
        if (isOutside(from[0])) to.forEach((node) => (node.open = true));
      }
      to.forEach((node) => (node.reached = reached));
    }
    const showsLines = before || total <= FEW_EDGES;
    const heat = ({ reached = 0 }) => (reached === 0 ? 0 : reached < workloads.length / 10 ? 1 : reached < workloads.length / 2 ? 2 : 3);

    // Few workloads come with their places, behind those that send to them.
    const placed = () => {
      const right = Math.max(...data.bands.map(([, box]) => box[2]), 0) + 60;
      const bottom = Math.max(...data.bands.map(([, box]) => box[3]), 0) + 4;
      for (const node of nodes) [node.x, node.y] = node.place;
      for (const [name, [x, y, end, low]] of data.bands) Object.assign(groups.get(name ?? "\n"), { x, y, width: end - x, height: low - y });
      svg.setAttribute("width", right + 30);
      svg.setAttribute("height", bottom);
      svg.setAttribute("viewBox", `-30 -2 ${right + 30} ${bottom}`);
      svg.classList.add("placed");
    };
    const layout = () => {
      if (data.bands) return placed();
      const room = Math.max(svg.parentElement.clientWidth - 40, 420);
      const space = showsLines ? 64 : 14;
      const most = Math.max(1, Math.floor((room - 32 + gap) / (width + gap)));
      let [x, y, row] = [0, 0, 0];
      for (const group of [...groups.values()].sort((a, b) => a.outside - b.outside || b.members.length - a.members.length || byName(a, b))) {
        const columns = Math.min(most, Math.max(1, Math.ceil(Math.sqrt(group.members.length * { dots: 2, names: 0.6, cards: 0.5 }[size]))));
        group.width = Math.max(columns * (width + gap) - gap + 32, Math.min(group.name.length * 8 + 36, room));
        group.height = Math.ceil(group.members.length / columns) * (height + gap) - gap + 54;
        if (x > 0 && x + group.width > room) [x, y, row] = [0, y + row + space, 0];
        Object.assign(group, { x, y });
        group.members.sort(byName).forEach((node, at) => {
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
    const draw = (d, className, title) => {
      const path = create("path", { class: `edge ${className}`, d, "marker-end": "url(#arrow)" });
      path.append(create("title", {}, title));
      edges.append(path);
    };
    const line = (a, b, className, title) => draw(way(a, b), className, title);

    svg.replaceChildren();
    svg.classList.remove("placed");
    layout();
    const defs = create("defs");
    const marker = create("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" });
    marker.append(create("path", { d: "M0,0.8 L8,4 L0,7.2 z" }));
    defs.append(marker);
    const edges = create("g");
    svg.append(defs);
    // Keys come with the mouse: what is clicked can be chosen by them as well.
    const answers = (element, label, chosen) => {
      element.setAttribute("role", "button");
      element.setAttribute("aria-label", label);
      element.append(create("title", {}, label));
      element.addEventListener("click", chosen);
      element.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        chosen();
      });
    };
    for (const group of groups.values()) {
      const element = create("g", { class: "group", tabindex: 0 });
      answers(element, `${group.name}: ${many(group.members.length, group.outside ? "range" : "workload")}`, () => chooseGroup(group));
      element.append(create("rect", { x: group.x, y: group.y, width: group.width, height: group.height, rx: 2 }));
      element.append(create("text", { x: group.x + 16, y: group.y + 23 }, group.name));
      group.element = element;
      svg.append(element);
    }
    svg.append(edges);
    for (const node of nodes) {
      const element = create("g", { class: `node${before && node.now == null ? " gone" : ""}`, tabindex: node.id === 0 ? 0 : -1 });
      const reached = isOutside(node) ? "" : `, reached by ${(node.reached ?? 0).toLocaleString()} of ${(workloads.length - 1).toLocaleString()}${node.open ? " and from outside" : ""}`;
      answers(element, `${node.kind} ${node.title}`.trim() + reached, () => choose(node));
      element.append(create("rect", { x: node.x, y: node.y, width, height, rx: 2 }));
      if (size === "cards") {
        element.append(create("text", { x: node.x + 10, y: node.y + (node.kind ? 17 : 25) }, cut(isOutside(node) ? node.title : node.name, 21)));
        element.append(create("text", { x: node.x + 10, y: node.y + 32, class: "kind" }, node.kind));
      } else if (size === "names") {
        element.append(create("text", { x: node.x + 7, y: node.y + 15 }, cut(isOutside(node) ? node.title : node.name, 15)));
      }
      if (!isOutside(node)) {
        element.dataset.heat = heat(node);
        if (node.open) element.dataset.open = "";
      }
      node.element = element;
      svg.append(element);
    }

    // All that can be reached, hop by hop. Nobody comes back in from outside.
    const blast = (origin) => {
      const hops = new Map([[origin, { hop: 0 }]]);
      const next = reverse.checked ? now.sendersOf : now.receiversOf;
      const seen = new Set();
      let front = [origin];
      for (let hop = 1; front.length; hop += 1) {
        const ahead = [];
        for (const from of front) {
          // Workloads of one party reach the same.
          if (from.now == null || (isOutside(from) && from !== origin) || seen.has(from.now)) continue;
          seen.add(from.now);
          for (const party of next(from.now))
            for (const to of now.members(party)) {
              if (hops.has(to) || !connects(from, to)) continue;
              hops.set(to, { hop, from });
              ahead.push(to);
            }
        }
        front = ahead;
      }
      hops.delete(origin);
      return hops;
    };
    const open = (from, to) => (reverse.checked ? ports(to, from) : ports(from, to));

    const say = (tag, text, inside = panel) => {
      const element = document.createElement(tag);
      element.textContent = text;
      inside.append(element);
      return element;
    };
    const list = (heading, items) => {
      if (!items.length) return;
      say("h3", `${heading}: ${items.length.toLocaleString()}`);
      const ul = document.createElement("ul");
      for (const [text, note, chosen] of items.slice(0, LISTED)) {
        const li = document.createElement("li");
        say("button", text, li).addEventListener("click", chosen);
        say("small", note(), li);
        ul.append(li);
      }
      panel.append(ul);
      if (items.length > LISTED) say("p", `and ${(items.length - LISTED).toLocaleString()} more`);
    };
    const item = (node, note) => [node.title, note, () => choose(node)];
    const explain = (entries) => {
      legend.replaceChildren(
        ...entries.map(([className, text]) => Object.assign(document.createElement("li"), { className, textContent: text })),
      );
    };

    const blockedOf = (only) => data.blocked.filter(({ from, to }) => !only || only.id === from || only.id === to);
    const drawBlocked = (only) => {
      for (const { from, to, ports, because } of blockedOf(only)) {
        if (from == null) continue;
        line(box(nodes[from]), box(nodes[to]), "blocked", `${nodes[from].title} needs ${nodes[to].title} on ${ports}, and is denied (${because})`);
      }
    };
    const blockedList = (only) =>
      list(
        "Needed, and denied",
        blockedOf(only).map(({ from, to, ports, because }) =>
          item(nodes[to], () => `from ${from == null ? "anybody" : nodes[from].title} on ${ports}, for ${because}`),
        ),
      );

    // Who reaches, or is reached from, every address gets a mark: lines would cover all else.
    const pair = (a, b, className, title) => {
      if (data.bands && isAnybody(b)) return draw(`M${a.x + width},${a.y + 9} l15,-9`, `${className} outside`, title);
      if (data.bands && isAnybody(a)) return draw(`M${b.x - 22},${b.y + height / 2} h20`, `${className} outside`, title);
      line(box(a), box(b), className, title);
    };

    // What is not as before: workloads of the same parties, before and now, differ alike.
    const differences = () => {
      const kinds = new Map();
      for (const node of nodes) into(kinds, `${node.now},${node.before}`).push(node);
      const found = [];
      for (const to of kinds.values()) {
        const [is, was] = [now.row(to[0].now), before.row(to[0].before)];
        for (const from of kinds.values()) {
          const [open, old] = [is.get(from[0].now) ?? "", was.get(from[0].before) ?? ""];
          if (open === old) continue;
          const kind = !old ? "added" : !open ? "removed" : "changed";
          for (const a of from) for (const b of to) if (connects(a, b)) found.push({ a, b, kind, open, old });
        }
      }
      return found;
    };

    const overview = () => {
      say("h2", `${many(workloads.length, "workload")}, ${many(total, "allowed connection")}`);
      say("p", "Choose a workload to see all that can be reached from it, or a namespace to see which it connects with.");
      const shades = [["heat1", "reached by less than a tenth of the workloads"], ["heat2", "by less than half"], ["heat3", "by more"], ["open", "and from outside"]];
      const marks = [];
      if (before) {
        const found = differences();
        for (const { a, b, kind, open, old } of found.slice(0, 4 * FEW_EDGES)) pair(a, b, kind, `${a.title} to ${b.title}: ${kind}, ${open || old}`);
        const told = (kind) =>
          found.filter((it) => it.kind === kind).map(({ a, b, open, old }) => item(b, () => `from ${a.title}: ${old || "nothing"} → ${open || "nothing"}`));
        list("Allowed now, and not before", told("added"));
        list("Other ports than before", told("changed"));
        list("Not allowed any more", told("removed"));
        if (!found.length) say("p", "Nothing has changed.");
        marks.push(["added", "added"], ["changed", "changed"], ["removed", "removed"]);
      } else if (showsLines) {
        for (const receiver of now.receivers())
          for (const sender of now.sendersOf(receiver))
            for (const a of now.members(sender))
              for (const b of now.members(receiver)) if (connects(a, b)) pair(a, b, "", `${a.title} to ${b.title}: ${ports(a, b)}`);
        marks.push(["", "allowed"]);
        if (data.bands && nodes.some(isAnybody)) marks.push(["outside", "with every address outside"]);
      } else marks.push(...shades);
      svg.classList.toggle("heat", !showsLines);
      drawBlocked();
      blockedList();
      if (!showsLines) {
        const exposed = [...workloads].sort((a, b) => (b.reached ?? 0) - (a.reached ?? 0)).filter((node) => node.reached);
        list("Reached by most", exposed.slice(0, 12).map((node) => item(node, () => `by ${many(node.reached, "workload")}${node.open ? " and from outside" : ""}`)));
      }
      explain([...marks, ...(data.blocked.length ? [["blocked", "needed, and denied"]] : [])]);
    };

    const clear = () => {
      edges.replaceChildren();
      panel.replaceChildren();
      for (const node of nodes) {
        node.element.classList.remove("self");
        delete node.element.dataset.hop;
      }
      for (const group of groups.values()) {
        group.element.classList.remove("self");
        delete group.element.dataset.way;
      }
      svg.classList.remove("selected", "heat");
    };
    // The address says what is chosen, so that it can be passed on, and outlasts a change.
    const note = (hash) => history.replaceState(history.state, "", hash ? `#${encodeURI(hash)}` : location.pathname + location.search);

    let chosen = null;
    const choose = (node) => {
      clear();
      chosen = node;
      if (!node) {
        note("");
        return overview();
      }
      note(node.title);
      svg.classList.add("selected");
      node.element.classList.add("self");
      const hops = blast(node);
      // Where there are many, their colour tells more than lines that cover it.
      const few = hops.size <= (size === "dots" ? 40 : FEW_EDGES);
      for (const [other, { hop, from }] of hops) {
        const level = Math.min(hop, 3);
        other.element.dataset.hop = level;
        if (!few) continue;
        const [a, b] = reverse.checked ? [other, from] : [from, other];
        line(box(a), box(b), `hop${level}`, `${a.title} to ${b.title}: ${ports(a, b)}`);
      }
      drawBlocked(node);
      const heading = say("h2", node.page ? "" : node.title);
      if (node.page) Object.assign(say("a", node.title, heading), { href: node.page });
      const word = reverse.checked ? "can get here" : "can be reached";
      say("p", `${node.kind ? `${node.kind}. ` : ""}${hops.size.toLocaleString()} of ${(nodes.length - 1).toLocaleString()} ${word}.`);
      const most = [...hops.values()].reduce((most, { hop }) => Math.max(most, hop), 0);
      for (let hop = 1; hop <= most; hop += 1) {
        const here = [...hops].filter(([, found]) => found.hop === hop);
        list(
          hop === 1 ? "At once" : `In ${hop} hops`,
          here.map(([other, { from }]) => item(other, () => (hop === 1 ? open(from, other) : `${open(from, other)}, by ${from.title}`))),
        );
      }
      blockedList(node);
      explain([["hop1", "at once"], ["hop2", "in 2 hops"], ["hop3", "in 3 and more"], ...(blockedOf(node).length ? [["blocked", "needed, and denied"]] : [])]);
    };
    const chooseGroup = (group) => {
      clear();
      chosen = null;
      note(group.outside ? "" : group.name);
      svg.classList.add("selected");
      group.element.classList.add("self");
      const others = (map) => [...map].filter(([other]) => other !== group).sort((a, b) => b[1] - a[1]);
      const [to, from] = [others(group.out), others(group.in)];
      for (const [other] of to) other.element.dataset.way = "out";
      for (const [other] of from) other.element.dataset.way = group.out.has(other) ? "both" : "in";
      if (groups.size <= FEW_EDGES / 4) {
        for (const [other, count] of to) line(groupBox(group), groupBox(other), "out", `${group.name} to ${other.name}: ${many(count, "connection")}`);
        for (const [other, count] of from) line(groupBox(other), groupBox(group), "in", `${other.name} to ${group.name}: ${many(count, "connection")}`);
      }
      say("h2", group.name);
      say("p", `${many(group.members.length, group.outside ? "range" : "workload")}, ${many(group.out.get(group) ?? 0, "connection")} among them.`);
      const entry = ([other, count]) => [other.name, () => many(count, "connection"), () => chooseGroup(other)];
      list("Reaches namespaces", to.map(entry));
      list("Reached from namespaces", from.map(entry));
      list("In it", group.members.map((node) => item(node, () => (isOutside(node) ? "" : `reached by ${many(node.reached ?? 0, "workload")}`))));
      explain([["out", "is reached from it"], ["in", "reaches it"], ["both", "both"]]);
    };

    document.getElementById("names").replaceChildren(...nodes.map((node) => Object.assign(document.createElement("option"), { value: node.title })));
    search.addEventListener("input", () => {
      const words = search.value.toLowerCase();
      for (const node of nodes) node.element.classList.toggle("found", words !== "" && node.title.toLowerCase().includes(words));
    });
    search.addEventListener("change", () => choose(nodes.find((node) => node.title === search.value) ?? nodes.find((node) => search.value && node.title.includes(search.value)) ?? null));
    reverse.addEventListener("change", () => chosen && choose(chosen));
    svg.addEventListener("click", (event) => event.target === svg && choose(null));
    // Arrows lead to the nearest workload on that side.
    svg.addEventListener("keydown", (event) => {
      const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
      const here = nodes.find((node) => node.element === document.activeElement);
      if (!here || (dx === 0 && dy === 0)) return;
      event.preventDefault();
      let [nearest, least] = [null, Infinity];
      for (const node of nodes) {
        const [x, y] = [node.x - here.x, node.y - here.y];
        const along = x * dx + y * dy;
        const cost = along + 3 * Math.abs(x * dy + y * dx);
        if (along > 0 && cost < least) [nearest, least] = [node, cost];
      }
      if (!nearest) return;
      here.element.setAttribute("tabindex", -1);
      nearest.element.setAttribute("tabindex", 0);
      nearest.element.focus();
    });
    addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Escape") {
          search.value = "";
          search.dispatchEvent(new Event("input"));
          choose(null);
        } else if (event.key === "/" && event.target !== search) {
          event.preventDefault();
          search.focus();
        }
      },
      { signal },
    );
    const linked = () => {
      const is = (text) => location.hash === `#${encodeURI(text)}` || location.hash === `#${text}`;
      const node = nodes.find((node) => is(node.title));
      const group = node ? null : [...groups.values()].find((group) => !group.outside && is(group.name));
      if (group) chooseGroup(group);
      else choose(node ?? null);
    };
    addEventListener("hashchange", linked, { signal });
    linked();
  };
  start();
  // Whoever shows another state in place of this one says so.
  document.addEventListener("shown", start);
}
