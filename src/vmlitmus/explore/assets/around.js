"use strict";
// What can happen in a state, what is true there, and the states around it.

/** The enabled steps, for each actor; a click takes one. */
function enabledSteps(found, mechanisms, take) {
  if (!found.length) return el("p", { class: "quiet" }, "Nothing: the run stops here.");
  const actors = new Map();
  for (const step of found) actors.set(step.actor, [...(actors.get(step.actor) || []), step]);
  return el("div", { class: "actors" }, [...actors].map(([actor, steps]) => el("section", {},
    el("h3", {}, actor),
    steps.map((step) => el("button", {
      type: "button",
      class: `choice m${step.mechanism % 12}`,
      "data-mechanism": step.mechanism,
      "data-step": step.step,
      title: `${mechanisms[step.mechanism]}: ${step.step}`,
      onclick: () => take([step.step]),
    }, soft(step.label), step.disturbance ? el("small", {}, ` disturbance: ${step.disturbance}`) : null,
      el("small", {}, step.changes.map(([name, , after]) => `${name} \u2192 ${after}`).join("; ") || "no field changes"))))));
}

/** The conditions: whether each is true, and a way to it. */
function conditionList(texts, now, reach) {
  return el("ul", { class: "conditions" }, Object.entries(texts).map(([name, text]) => el("li", { class: now[name] ? "true" : "" },
    el("span", { class: "flag", "aria-hidden": "true" }, now[name] ? "\u25cf" : "\u25cb"),
    el("span", {}, el("b", {}, name), now[name] ? el("strong", {}, " true here") : null, el("small", {}, text)),
    el("button", { type: "button", onclick: () => reach(name), "aria-label": `How do I get to ${name} from here?`,
      title: "How do I get there from here?" }, "\u2192"))));
}

/** A small graph: this state on the left, those one and two steps away to the right of it. */
function graphAround({ nodes, edges, full }, take) {
  const columns = [0, 1, 2].map((depth) => nodes.map((node, at) => at).filter((at) => nodes[at].depth === depth));
  const height = Math.max(90, ...columns.map((column) => column.length * 20));
  const place = new Map();
  columns.forEach((column, depth) => column.forEach((at, row) =>
    place.set(at, [20 + depth * 150, ((row + 0.5) * height) / column.length])));
  const made = svg("svg", { class: "graph", viewBox: `0 0 340 ${height}`, role: "group", "aria-label": "states around this one" });
  for (const [from, to, name, mechanism] of edges) {
    const [[x1, y1], [x2, y2]] = [place.get(from), place.get(to)];
    const bend = x2 > x1 ? 60 : -30;
    const line = svg("path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
      class: `m${mechanism % 12}`, "data-mechanism": mechanism });
    const title = svg("title", {});
    title.textContent = name;
    line.append(title);
    made.append(line);
  }
  nodes.forEach((node, at) => {
    const [x, y] = place.get(at);
    const changed = node.changed.length > 0;
    const dot = svg("circle", { cx: x, cy: y, r: at ? 6 : 9, class: at ? (changed ? "changed" : "") : "here" });
    const words = at ? `after ${node.way.join(" ")}${changed ? `; changes: ${node.changed.join(", ")}` : ""}` : "this state";
    const title = svg("title", {});
    title.textContent = words;
    dot.append(title);
    if (at) {
      dot.setAttribute("tabindex", "0");
      dot.setAttribute("role", "button");
      dot.setAttribute("aria-label", words);
      const go = () => take(node.way);
      dot.addEventListener("click", go);
      dot.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); go(); } });
    }
    made.append(dot);
  });
  return el("div", {}, made, el("p", { class: "quiet" },
    `${nodes.length} states within two steps${full ? "" : ", and more"}. A ring marks one where other conditions hold.`));
}
