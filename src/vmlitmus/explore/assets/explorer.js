"use strict";
// The explorer: a scenario, a run in it, and the place in the run that is looked at.

const $ = (id) => document.getElementById(id);
const LONGEST = 60000; // characters of an address
const SIGN = { holds: "\u2713", violated: "\u2717", inconclusive: "?" };

class Explorer {
  constructor() {
    this.changes = {};
    this.steps = [];
    this.digests = [];
    this.at = 0;
    this.known = null; // the verdict of the scenario before
    this.turn = 0; // answers to older requests are dropped
    this.scenario = new Scenario($("options"), (key, value) => this.change(key, value));
    $("slider").addEventListener("input", () => this.go(Number($("slider").value)));
    for (const [id, to] of [["first", () => 0], ["back", () => this.at - 1], ["forward", () => this.at + 1], ["last", () => this.steps.length]]) {
      $(id).addEventListener("click", () => this.go(to()));
    }
    $("random").addEventListener("click", () => this.ahead("random"));
    $("interesting").addEventListener("click", () => this.ahead("interesting"));
    $("copies").addEventListener("click", () => this.copies());
    $("link").addEventListener("click", () => this.copy(this.command(), "the command that opens this run"));
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("hashchange", () => this.restore());
    linkMechanisms();
    this.restore();
  }

  get body() {
    return { changes: this.changes, steps: this.steps, at: this.at };
  }

  /** Take scenario and run from the address. */
  async restore() {
    let noted = {};
    try {
      if (location.hash.length > 1) noted = unpack(location.hash.slice(1));
    } catch {
      this.problem("wrong", "The link is damaged; this is the test as it stands.");
    }
    if (pack(this.noted()) === location.hash.slice(1)) return;
    this.changes = noted.c || {};
    this.steps = noted.s || [];
    this.at = noted.a ?? this.steps.length;
    const digests = (noted.d || "").match(/.{4}/g) || [];
    if (!(await this.open())) return;
    if (noted.v && noted.v !== this.opened.version) {
      this.problem("wrong", `The link was made by version ${noted.v}; this is ${this.opened.version}.`);
    }
    await this.walk(digests);
    if (this.stuck) this.problem("stuck", `The model has changed since the link was made. ${this.stuck}`);
    this.decide();
  }

  noted() {
    return { v: this.opened?.version, c: this.changes, s: this.steps, a: this.at, d: this.digests.join("") };
  }

  command() {
    const name = this.opened.name.replaceAll("'", "'\\''");
    return `vmlitmus explore '${name}' --link '#${pack(this.noted())}'`;
  }

  problem(place, text) {
    $(place).hidden = !text;
    $(place).textContent = text || "";
  }

  async open() {
    try {
      this.opened = await answer("open", this.body);
    } catch (problem) {
      this.problem("wrong", problem.message);
      return false;
    }
    this.problem("wrong", "");
    $("name").textContent = `${this.opened.topic} / ${this.opened.name}`;
    $("question").textContent = this.opened.question;
    $("claim").replaceChildren(el("code", {}, this.opened.claim));
    this.scenario.show(this.opened.options);
    return true;
  }

  /** Change one value of the scenario; what cannot be is taken back, with the reason. */
  async change(key, value) {
    const before = this.changes;
    this.changes = { ...this.changes, [key]: value };
    if (!(await this.open())) {
      const reason = $("wrong").textContent;
      this.changes = before;
      await this.open();
      this.problem("wrong", reason);
      return;
    }
    await this.walk();
    this.decide();
  }

  /** Go along the run in the scenario as it is now, as far as it goes. */
  async walk(digests = []) {
    const turn = ++this.turn;
    let found;
    try {
      found = await answer("walk", { ...this.body, digests });
    } catch (problem) {
      this.problem("stuck", problem.message);
      return;
    }
    if (turn !== this.turn) return;
    [this.steps, this.digests, this.at, this.stuck] = [found.steps, found.digests, found.at, found.stuck];
    this.problem("stuck", found.stuck || "");
    this.draw(found);
    this.remember();
  }

  /** Keep the run in the address, as long as that is short enough to be one. */
  remember() {
    const noted = pack(this.noted());
    history.replaceState(null, "", `${location.pathname}${location.search}${noted.length < LONGEST ? `#${noted}` : ""}`);
  }

  draw(found) {
    this.run = { ...opened(found.page.runs[0], found.page), ending: null };
    this.mechanisms = found.page.mechanisms;
    this.timeline = new Timeline(this.run, this.mechanisms, (n, by, focus) => this.go(n === "by" ? this.at + by : n, focus));
    this.inspector = new Inspector(this.run, found.page, (n) => this.go(n));
    $("line").replaceChildren(this.timeline.element);
    $("step").replaceChildren(this.inspector.element);
    $("slider").max = this.steps.length;
    this.show(false);
    this.around(found);
    requestAnimationFrame(() => this.timeline.later());
  }

  /** Show the place in the run: what the page knows by itself. */
  show(focus) {
    this.timeline.show(this.at, { focus });
    this.inspector.show(this.at);
    $("slider").value = this.at;
    $("count").textContent = `${this.at} / ${this.steps.length}`;
    $("live").textContent = this.at ? `step ${this.at}: ${this.run.steps[this.at - 1].label}` : "start";
    $("texts").replaceChildren();
    $("copied").textContent = "";
  }

  /** Show what the server says of the place: what can happen, what is true, what is near. */
  around(found) {
    const take = (steps) => this.take(steps);
    $("enabled").replaceChildren(enabledSteps(found.enabled, this.mechanisms, take));
    $("conditions").replaceChildren(conditionList(this.opened.conditions, found.true, (name) => this.reach(name)));
    $("around").replaceChildren(graphAround(found.graph, take));
  }

  async go(n, focus = false) {
    const to = Math.max(0, Math.min(this.steps.length, n));
    if (to === this.at) return;
    this.at = to;
    this.show(focus);
    const turn = ++this.turn;
    const found = await answer("here", this.body);
    if (turn !== this.turn) return;
    this.around(found);
    this.remember();
  }

  /** Take steps from here; what came after is dropped. */
  take(steps) {
    this.steps = [...this.steps.slice(0, this.at), ...steps];
    this.at = this.steps.length;
    return this.walk();
  }

  async ahead(kind) {
    const { steps } = await answer("ahead", { ...this.body, kind });
    if (steps.length) this.take(steps);
    else $("reach").textContent = kind === "random" ? "Nothing can happen here." : "No condition changes any more, as far as was looked.";
  }

  /** Run a search with progress and a way to end it; a newer one ends an older one. */
  async searching(place, name, body, words) {
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    const text = el("span", {}, words);
    const stop = el("button", { type: "button", onclick: () => abort.abort() }, "Cancel");
    place.replaceChildren(text, " ", stop);
    try {
      const found = await search(name, body, (p) => {
        if (p) text.textContent = `${words} ${p.states.toLocaleString("en")} states, depth ${p.depth}, ${p.seconds} s`;
      }, abort.signal);
      if (!found && this.abort === abort) place.replaceChildren("Cancelled. ", el("button", { type: "button", onclick: () => this.decide() }, "Decide"));
      return found;
    } catch (problem) {
      place.textContent = problem.message;
      return null;
    }
  }

  async decide() {
    const found = await this.searching($("verdict"), "verdict", this.body, "Deciding \u2026");
    if (!found) return;
    const run = found.page.runs[0];
    const before = this.known;
    this.known = `${run.verdict}${run.steps ? ` after ${run.steps.length} steps` : ""}`;
    $("verdict").replaceChildren(
      el("p", {}, el("span", { class: `badge v-${run.verdict}` }, el("span", { "aria-hidden": "true" }, `${SIGN[run.verdict]} `), run.verdict),
        run.steps ? ` after ${run.steps.length} steps` : ""),
      before && before !== this.known ? el("p", { class: "quiet" }, `Before: ${before}.`) : "",
      el("p", {}, found.page.texts[run.cause]),
      found.steps.length ? el("button", { type: "button", id: "show-run", onclick: () => { this.steps = found.steps; this.at = found.steps.length; this.walk(); } }, "Show this run") : "");
  }

  async reach(name) {
    const found = await this.searching($("reach"), "reach", { ...this.body, condition: name }, `Looking for ${name} \u2026`);
    if (!found) return;
    if (found.steps.length) {
      await this.take(found.steps);
      $("reach").textContent = `${name}: reached in ${found.steps.length} step${found.steps.length === 1 ? "" : "s"}, the shortest way.`;
    } else if (found.verdict === "holds") $("reach").textContent = `${name} is true here.`;
    else $("reach").textContent = found.reason ? `${name}: not decided, ${found.reason}.`
      : `${name} cannot be reached from here (${found.states.toLocaleString("en")} states, all there are).`;
  }

  async copies() {
    const found = await answer("copies", this.body);
    $("texts").replaceChildren(...[["replay", "Command"], ["litmus", "Litmus test"], ["mail", "Mail"]].map(([key, title]) =>
      el("details", { open: key === "replay" }, el("summary", {}, title),
        el("p", {}, el("button", { type: "button", onclick: () => this.copy(found[key], title) }, "Copy")),
        el("pre", { class: "plain", tabindex: "0", id: `text-${key}` }, found[key]))));
  }

  async copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
      $("copied").textContent = `Copied: ${what}.`;
    } catch {
      $("texts").replaceChildren(el("pre", { class: "plain", tabindex: "0" }, text));
      $("copied").textContent = "Select it and copy it by hand.";
    }
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, pre, [role=button]")) return;
    const to = { ArrowLeft: this.at - 1, ArrowRight: this.at + 1, Home: 0, End: this.steps.length }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.go(to);
  }
}

/** Write data as text that can stand in an address, and read it. */
function pack(noted) {
  const bytes = new TextEncoder().encode(JSON.stringify(noted));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function unpack(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

const theme = $("theme");
const dark = () => (document.documentElement.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
theme.textContent = dark() ? "Light" : "Dark";
theme.addEventListener("click", () => {
  document.documentElement.style.colorScheme = dark() ? "light" : "dark";
  theme.textContent = dark() ? "Light" : "Dark";
});
globalThis.explorer = new Explorer();
