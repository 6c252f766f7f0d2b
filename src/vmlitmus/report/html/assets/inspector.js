"use strict";
// The panel beside the time-line: one step, what it rests on, what changed, the state, the code.

class Inspector {
  constructor(run, data, choose) {
    this.run = run;
    this.data = data;
    this.choose = choose;
    this.states = new States(run, data);
    this.leads = consequences(run.steps);
    this.all = false;
    this.element = el("section", { class: "inspector", "aria-label": "step and state" });
  }

  show(n) {
    const step = n ? this.run.steps[n - 1] : null;
    const last = n === this.run.steps.length && this.run.ending;
    this.element.replaceChildren(
      el("div", { class: `card ${step ? `m${step.mechanism % 12}` : ""}`, "data-mechanism": step ? step.mechanism : null },
        el("p", { class: "where" }, step
          ? `Step ${n} of ${this.run.steps.length} \u00b7 ${this.run.lanes[step.lane]} \u00b7 `
          : "Start", step ? el("span", { class: "mechanism" }, this.data.mechanisms[step.mechanism]) : null),
        el("h2", {}, step ? step.label : this.run.start || "Before the first step"),
        last ? el("p", { class: "end" }, `\u25b2 ${this.run.ending}`) : null,
        step ? this.links(step, n) : null,
        step ? this.changes(step) : null),
      this.state(n, step),
      ...(step ? [this.code(step), this.sources(step)] : []),
    );
  }

  links(step, n) {
    const line = (title, found, words) => found.length
      ? el("div", {}, el("h3", {}, title), el("ul", { class: "links" }, found.map(([other, needed, names]) =>
        el("li", {}, el("button", { type: "button", class: "link", onclick: () => this.choose(other + 1) },
          `step ${other + 1}: ${this.run.steps[other].label}`), ` \u2014 ${names.join(", ")}; ${words[needed]}`))))
      : null;
    return [
      line("Rests on", step.causes || [], ["otherwise it would have done something else", "otherwise it could not have happened"]),
      line("Makes a difference to", this.leads[n - 1], ["which would have done something else", "which could not have happened"]),
    ];
  }

  changed(step) {
    return step ? [...(step.changes || []), ...(step.moves || [])].filter(([, a, b]) => a !== b) : [];
  }

  changes(step) {
    const found = this.changed(step);
    if (!found.length) return el("p", { class: "quiet" }, "Changes no field of the model.");
    return el("table", { class: "changes" },
      el("caption", {}, "Changes"),
      el("tbody", {}, found.map(([name, before, after]) => el("tr", {},
        el("th", { scope: "row" }, name),
        el("td", {}, el("del", {}, before), el("span", { class: "away" }, " becomes "), el("ins", {}, after))))));
  }

  state(n, step) {
    const now = this.states.after(n);
    const changed = new Set(this.changed(step).map(([name]) => name));
    const box = el("input", { type: "checkbox", onchange: () => { this.all = box.checked; this.show(n); } });
    box.checked = this.all;
    const groups = new Map();
    const put = (name, value, kind) => {
      const [entity, field] = [name.split(".")[0], name.split(".").slice(1).join(".")];
      if (!groups.has(entity)) groups.set(entity, []);
      groups.get(entity).push([field || "place", value, kind]);
    };
    for (const [name, value] of now) {
      if (this.all || this.states.touched.has(name)) put(name, value, changed.has(name) ? "changed" : "");
    }
    if (this.all) for (const [name, value] of this.states.fixed) put(name, value, "fixed");
    const names = [...groups.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    return el("section", { class: "state" },
      el("h3", {}, n ? `State after step ${n}` : "State at the start"),
      el("label", { class: "all" }, box, " all fields, also those that have not changed so far"),
      names.length ? el("table", {}, names.map((entity) => el("tbody", {}, groups.get(entity).map(([field, value, kind], at) =>
        el("tr", { class: kind || null },
          at ? null : el("th", { scope: "rowgroup", rowspan: groups.get(entity).length }, entity),
          el("td", {}, field),
          el("td", {}, kind === "changed" ? el("span", { class: "flag", title: "changed by this step" }, "\u25cf ") : null,
            value, kind === "changed" ? el("span", { class: "away" }, " (changed by this step)") : null)))))) : el("p", { class: "quiet" }, "Nothing has changed yet."));
  }

  code(step) {
    const parts = (step.code || []).map((at) => this.data.code[at]);
    if (!parts.length) return null;
    return el("details", { class: "code", open: true, "data-mechanism": step.mechanism },
      el("summary", {}, "Code of the model"),
      parts.map((part) => {
        const marked = new Set(part.marked);
        const lines = this.data.texts[part.lines].split("\n");
        return el("figure", {}, el("figcaption", {}, `${part.file}:${part.first}`),
          el("pre", { tabindex: "0" }, lines.map((line, at) => {
            const runs = !marked.size || marked.has(part.first + at);
            return el("code", { class: runs ? "runs" : "rest" },
              el("span", { class: "line", "aria-hidden": "true" }, marked.size && runs ? "\u25b8" : " "), `${line}\n`);
          })));
      }));
  }

  sources(step) {
    const list = (title, found) => (found || []).length
      ? [el("h3", {}, title), el("ul", {}, found.map((at) => el("li", {}, this.data.texts[at])))]
      : [];
    return el("section", { class: "sources" }, list("Source", step.sources), list("Assumptions in force here", step.assumptions));
  }
}
