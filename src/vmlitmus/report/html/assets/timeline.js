"use strict";
// The time-line: a lane for each cpu or actor, time downwards, a block for each step.

const FIRST_ROWS = 200; // shown at once; the rest follows while the page is already there
const LANE_ROOM = 150; // pixels that a lane needs to be a column

/** Where the pointer or the focus is on something of a file of the model, light all of that file. */
function linkMechanisms() {
  let lit = null;
  const light = (event) => {
    const at = event.target.closest?.("[data-mechanism]")?.dataset.mechanism ?? null;
    if (at === lit) return;
    document.querySelectorAll(".lit").forEach((found) => found.classList.remove("lit"));
    lit = at;
    if (at === null) return;
    document.querySelectorAll(`[data-mechanism="${at}"]`).forEach((found) => found.classList.add("lit"));
  };
  document.addEventListener("pointerover", light);
  document.addEventListener("focusin", light);
}

class Timeline {
  constructor(run, names, choose) {
    this.run = run;
    this.names = names; // of the mechanisms
    this.choose = choose;
    this.rows = []; // rows[n] belongs to step n, counted from 1; rows[0] is the start
    this.list = el("ol", { class: "steps" });
    this.heads = el("div", { class: "heads", "aria-hidden": "true" }, el("span", { class: "n" }));
    for (const lane of run.lanes) this.heads.append(el("span", { class: "head" }, lane));
    this.rails = el("div", { class: "rails", "aria-hidden": "true" }, run.lanes.map(() => el("i")));
    this.arrows = new Arrows(this);
    this.element = el(
      "div",
      { class: "timeline" + (run.steps.length > 400 ? " long" : ""), role: "group", "aria-label": "time-line" },
      this.heads, this.rails, this.arrows.element, this.list,
    );
    this.element.style.setProperty("--lanes", run.lanes.length);
    this.list.append(this.mark("start", run.start ? `Start: ${run.start}` : "Start", 0));
    this.fill(FIRST_ROWS);
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.lay());
    this.watch.observe(this.element);
  }

  /** Add rows up to step n; return the row of step n. */
  fill(n) {
    const steps = this.run.steps;
    while (this.rows.length - 1 < Math.min(n, steps.length)) this.add(this.rows.length - 1);
    if (this.rows.length - 1 === steps.length && !this.complete) this.finish();
    return this.rows[Math.min(n, steps.length)];
  }

  /** Add the rest, some rows at a time. */
  later() {
    if (this.complete) return this.arrows.draw();
    this.fill(this.rows.length + 500);
    setTimeout(() => this.later());
  }

  add(number) {
    const { asked, loop, lanes } = this.run;
    const step = this.run.steps[number];
    if (asked && asked[0] === number) this.list.append(this.note(`here: ${asked[1]}`));
    if (loop === number) this.list.append(this.note("from here the run repeats for ever", "loop"));
    const lane = lanes[step.lane];
    const button = el(
      "button",
      { type: "button", tabindex: "-1", title: this.names[step.mechanism], onclick: () => this.choose(number + 1) },
      el("span", { class: "away" }, `step ${number + 1}, `),
      el("span", { class: step.label.startsWith(lane) ? "away" : "who" }, `${lane}: `),
      soft(step.label),
    );
    const looped = loop !== null && loop !== undefined && number >= loop ? " looped" : "";
    const row = el(
      "li",
      { class: `step m${step.mechanism % 12}${looped}`, "data-mechanism": step.mechanism },
      el("span", { class: "n", "aria-hidden": "true" }, String(number + 1)),
      el("span", { class: "dot", "aria-hidden": "true" }),
      button,
    );
    row.style.setProperty("--lane", step.lane);
    this.rows.push(row);
    this.list.append(row);
  }

  finish() {
    const { loop, asked, steps, ending } = this.run;
    this.complete = true;
    if (asked && asked[0] === steps.length) this.list.append(this.note(`here: ${asked[1]}`));
    if (loop === steps.length) this.list.append(this.note("here the run stops for ever", "loop"));
    else if (loop !== null && loop !== undefined) {
      this.list.append(this.note(`\u21ba back to step ${loop + 1}, for ever`, "loop"));
    }
    if (ending) this.list.append(this.note(ending, "ending"));
  }

  mark(kind, text, number) {
    const row = el("li", { class: kind },
      el("span", { class: "n", "aria-hidden": "true" }, "0"),
      el("button", { type: "button", tabindex: "-1", onclick: () => this.choose(number) }, text));
    this.rows.push(row);
    return row;
  }

  note(text, kind = "since") {
    return el("li", { class: `note ${kind}` }, el("span", {}, text));
  }

  /** Columns where each lane has room, else thin tracks with the clauses beside them. */
  lay() {
    const room = (this.element.clientWidth - 48) / this.run.lanes.length;
    this.element.classList.toggle("columns", room >= LANE_ROOM);
    this.arrows.draw();
  }

  /** Mark step n as the one that is looked at. */
  show(n, { focus = false } = {}) {
    const row = this.fill(n);
    if (this.current) {
      this.current.classList.remove("current");
      const old = this.current.querySelector("button");
      old.removeAttribute("aria-current");
      old.tabIndex = -1;
    }
    this.current = row;
    row.classList.add("current");
    const button = row.querySelector("button");
    button.setAttribute("aria-current", "step");
    button.tabIndex = 0;
    if (focus) button.focus({ preventScroll: true });
    if (this.placed) row.scrollIntoView({ block: "nearest" });
    this.placed = true;
    this.arrows.choose(n);
  }

  key(event) {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.choose("by", move, true);
  }
}
