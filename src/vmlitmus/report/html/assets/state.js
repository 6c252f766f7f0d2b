"use strict";
// Elements, and the states of a run. Every text goes into the page as text, never as markup.

/** Make an element: attributes by name ("on..." are listeners), then children or texts. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Return a text that may be broken after an underscore. */
function soft(text) {
  return text.split(/(?<=_)/).flatMap((part, at) => (at ? [el("wbr"), part] : [part]));
}

/** Take "field=value" lines apart; the value may hold any character. */
function fields(lines) {
  const found = new Map();
  for (const line of lines) {
    const at = line.indexOf("=");
    found.set(line.slice(0, at), line.slice(at + 1));
  }
  return found;
}

/** Return a run with its steps written out: what it shares with others is kept once for the page. */
function opened(run, data) {
  if (!run.steps || run.opened) return run;
  const steps = run.steps.map(([at, lane, causes]) => ({ ...data.steps[at], lane, causes: causes || [] }));
  return { ...run, steps, opened: true };
}

/** The states of a run: state 0 is the start, state n the one after step n. */
class States {
  constructor(run, data) {
    const lines = (at) => data.states[at].map((line) => data.texts[line]);
    this.run = run;
    this.initial = fields(lines(run.initial));
    this.fixed = fields(lines(run.fixed));
    this.at = 0;
    this.now = new Map(this.initial);
    this.touched = new Set();
  }

  /** Return the fields after n steps; moving by one step costs what that step changes. */
  after(n) {
    if (n < this.at) {
      this.at = 0;
      this.now = new Map(this.initial);
      this.touched = new Set();
    }
    for (; this.at < n; this.at++) {
      const step = this.run.steps[this.at];
      for (const [name, , value] of [...(step.changes || []), ...(step.moves || [])]) {
        this.now.set(name, value);
        this.touched.add(name);
      }
    }
    return this.now;
  }
}

/** Return for each step the steps that rest on it: [[step, needed, fields], ...]. */
function consequences(steps) {
  const found = steps.map(() => []);
  steps.forEach((step, number) => {
    for (const [cause, needed, names] of step.causes || []) found[cause].push([number, needed, names]);
  });
  return found;
}
