"use strict";
// One run with everything about it: verdict, controls, time-line, panel, facts.

class RunView {
  constructor(run, data, { only, moved }) {
    this.run = run;
    this.data = data;
    this.moved = moved;
    this.n = 0;
    const steps = run.steps || [];
    const text = (at) => data.texts[at];
    this.live = el("p", { class: "away", role: "status" });
    this.element = el("div", {},
      only ? null : el("p", { class: "back" }, el("a", { href: "#" }, "\u2190 back")),
      el("h1", { tabindex: "-1" }, text(run.question)),
      el("p", { class: "headline" },
        el("span", { class: `badge v-${run.verdict}` }, el("span", { "aria-hidden": "true" }, `${SIGNS[run.verdict]} `), run.verdict),
        el("code", {}, run.claim), ` ${run.note}`),
      run.answer ? el("p", { class: "answer" }, run.answer) : null,
      el("p", { class: "cause" }, text(run.cause)),
      run.steps ? this.board(steps) : null,
      el("section", { class: "facts" }, run.facts.map(([title, found]) => el("div", {},
        el("h2", {}, title), el("ul", {}, found.map((at) => el("li", {}, text(at))))))),
      el("section", { class: "again" }, el("h2", {}, "To run it again"), this.command(run.command)),
      this.live);
  }

  command(command) {
    const copied = el("span", { role: "status" });
    const button = el("button", { type: "button", onclick: () => navigator.clipboard.writeText(command).then(
      () => { copied.textContent = " copied"; }, () => { copied.textContent = " select it and copy it by hand"; }) }, "Copy");
    return el("p", {}, el("code", {}, command), " ", button, copied);
  }

  board(steps) {
    const choose = (n, by, focus) => this.go(n === "by" ? this.n + by : n, { focus });
    this.timeline = new Timeline(this.run, this.data.mechanisms, choose);
    this.inspector = new Inspector(this.run, this.data, choose);
    this.slider = el("input", { type: "range", min: 0, max: steps.length, value: 0, "aria-label": "step",
      oninput: () => this.go(Number(this.slider.value)) });
    this.count = el("output", {});
    const button = (sign, label, move) =>
      el("button", { type: "button", "aria-label": label, title: label, onclick: () => this.go(move()) }, sign);
    const control = el("div", { class: "control", role: "group", "aria-label": "move through the run" },
      button("\u21e4", "to the start", () => 0), button("\u2190", "one step back", () => this.n - 1),
      this.slider,
      button("\u2192", "one step forward", () => this.n + 1), button("\u21e5", "to the end", () => steps.length),
      this.count);
    return el("div", { class: "board" },
      el("div", { class: "left" }, control, this.timeline.element, this.legend(steps)),
      this.inspector.element);
  }

  legend(steps) {
    const used = [...new Set(steps.map((step) => step.mechanism))];
    return el("div", { class: "legend" },
      el("p", {}, "Files of the model: ", used.map((at) => el("span", { class: `key m${at % 12}`, "data-mechanism": at },
        this.data.mechanisms[at]))),
      el("p", {}, "Arrows join steps of different lanes: ", el("span", { class: "line needed" }), " could not have happened without it; ",
        el("span", { class: "line shaped" }), " would have done something else. Keys: \u2190 \u2192, Home, End; \u2191 \u2193 in the time-line."));
  }

  /** Go to the state after n steps. */
  go(n, { focus = false, quiet = false } = {}) {
    if (!this.run.steps) return;
    this.n = Math.max(0, Math.min(this.run.steps.length, n));
    this.slider.value = this.n;
    this.slider.setAttribute("aria-valuetext", this.n ? `step ${this.n}: ${this.run.steps[this.n - 1].label}` : "start");
    this.count.textContent = `${this.n} / ${this.run.steps.length}`;
    this.timeline.show(this.n, { focus });
    this.inspector.show(this.n);
    if (!quiet) {
      this.live.textContent = this.slider.getAttribute("aria-valuetext");
      this.moved(this.n);
    }
  }
}
