"use strict";
// What can be changed in the scenario: settings, parts, assumptions, disturbances.

class Scenario {
  constructor(place, change) {
    this.place = place;
    this.change = change; // called with a key of the litmus file and its new value
  }

  show(options) {
    const opened = new Set([...this.place.querySelectorAll("details[open]")].map((group) => group.dataset.group));
    const focused = document.activeElement?.dataset?.key;
    const group = (name, rows, open) => rows.length
      ? el("details", { "data-group": name, open: opened.size ? opened.has(name) : open },
        el("summary", {}, `${name} (${rows.length})`), rows)
      : null;
    this.place.replaceChildren(...[
      group("Settings", options.settings.map((setting) => this.setting(setting)), true),
      group("Parts of the mechanisms", options.parts.map((part) => this.part(part, options)), true),
      group("Disturbances", options.disturbances.map((one) => this.disturbance(one, options)), false),
      group("Assumptions", options.assumptions.map((one) => this.assumption(one)), false),
    ].filter(Boolean));
    if (focused) this.place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  box(key, name, on, changed, title) {
    const box = el("input", { type: "checkbox", "data-key": key, onchange: () => changed(box.checked) });
    box.checked = on;
    return el("label", { class: "option", title }, box, ` ${name}`);
  }

  choice(key, name, value, choices, title) {
    if (choices.length === 2 && choices.every((one) => typeof one === "boolean")) {
      return this.box(key, name, value, (on) => this.change(key, on), title);
    }
    const list = el("select", { "data-key": key, onchange: () => this.change(key, choices[list.selectedIndex]) },
      choices.map((one) => el("option", {}, String(one))));
    list.selectedIndex = choices.indexOf(value);
    return el("label", { class: "option", title }, `${name} `, list);
  }

  setting({ name, value, choices }) {
    return this.choice(name, name, value, choices);
  }

  assumption({ name, text, value, choices }) {
    return this.choice(`assume.${name}`, name, value, choices, text);
  }

  disturbance({ name, on }, options) {
    return this.box(`allow ${name}`, name, on, (now) => this.change("environment.allow",
      options.disturbances.filter((one) => (one.name === name ? now : one.on)).map((one) => one.name)));
  }

  /** A part that a version lacks is put in with "with"; any other is taken out with "without". */
  part({ name, on }, options) {
    return this.box(`part ${name}`, name, on, (now) => {
      const remove = (list) => list.filter((one) => one !== name);
      if (!now && options.with.includes(name)) this.change("kvm.with", remove(options.with));
      else if (!now) this.change("kvm.without", [...options.without, name]);
      else if (options.without.includes(name)) this.change("kvm.without", remove(options.without));
      else this.change("kvm.with", [...options.with, name]);
    });
  }
}
