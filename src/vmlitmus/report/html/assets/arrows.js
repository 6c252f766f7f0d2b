"use strict";
// Arrows from a step to the steps of other lanes that rest on it. Solid: could not have happened
// without it. Dashed: would have done something else.

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

class Arrows {
  constructor(timeline) {
    this.timeline = timeline;
    this.chosen = 0;
    this.pending = false;
    this.element = svg("svg", { class: "arrows", "aria-hidden": "true" });
    const tip = svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" });
    tip.append(svg("path", { d: "M0 0.5 8 4 0 7.5z" }));
    const tips = svg("defs", {});
    tips.append(tip);
    this.tips = tips;
    this.element.append(tips);
    addEventListener("scroll", () => this.timeline.run.steps.length > 400 && this.soon(), { passive: true });
  }

  soon() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.draw(); });
  }

  choose(n) {
    this.chosen = n;
    this.soon();
  }

  /** Draw all arrows; of a long run, those that end near what is on the screen. */
  draw(everything = false) {
    const { rows, run, element } = this.timeline;
    const origin = element.getBoundingClientRect();
    const columns = element.classList.contains("columns");
    const near = (n) => {
      const box = rows[n].getBoundingClientRect();
      return box.bottom > -400 && box.top < innerHeight + 400;
    };
    const long = run.steps.length > 400 && !everything;
    const drawn = [this.tips];
    let [first, last] = [0, rows.length - 2];
    if (long) [first, last] = this.window();
    for (let number = first; number <= last; number++) {
      for (const [cause, needed] of run.steps[number].causes || []) {
        const chosen = number + 1 === this.chosen || cause + 1 === this.chosen;
        if (run.steps[cause].lane === run.steps[number].lane || (long && !near(number + 1))) continue;
        const from = this.box(rows[cause + 1], columns), to = this.box(rows[number + 1], columns);
        const d = columns ? this.swoop(from, to, origin) : this.arc(from, to, origin);
        const kind = (needed ? "needed" : "shaped") + (chosen ? " chosen" : "");
        drawn.push(svg("path", { d, class: kind, "marker-end": "url(#tip)" }));
      }
    }
    this.element.setAttribute("width", element.clientWidth);
    this.element.setAttribute("height", element.scrollHeight);
    this.element.replaceChildren(...drawn);
  }

  /** Return the first and the last step whose rows are near the screen, by bisection. */
  window() {
    const { rows } = this.timeline;
    const search = (edge) => {
      let [low, high] = [1, rows.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (rows[middle].getBoundingClientRect().bottom < edge) low = middle + 1;
        else high = middle;
      }
      return low - 1;
    };
    return [search(-400), Math.min(search(innerHeight + 400) + 1, rows.length - 2)];
  }

  box(row, columns) {
    return row.querySelector(columns ? "button" : ".dot").getBoundingClientRect();
  }

  /** From the side of one block to the top of another. */
  swoop(from, to, origin) {
    const right = to.left > from.left;
    const x1 = (right ? from.right : from.left) - origin.left;
    const y1 = from.top + Math.min(from.height / 2, 22) - origin.top;
    const x2 = (right ? to.left + Math.min(22, to.width / 3) : to.right - Math.min(22, to.width / 3)) - origin.left;
    const y2 = to.top - origin.top - 1;
    const bend = Math.min(60, Math.max(18, (y2 - y1) / 2));
    return `M${x1} ${y1}C${x2} ${y1} ${x2} ${y1 + 4} ${x2} ${y2 - bend + 18}L${x2} ${y2}`;
  }

  /** From dot to dot. */
  arc(from, to, origin) {
    const x1 = from.left + from.width / 2 - origin.left, y1 = from.bottom - origin.top;
    const x2 = to.left + to.width / 2 - origin.left, y2 = to.top - origin.top - 1;
    const middle = (y2 - y1) / 2;
    return `M${x1} ${y1}C${x1} ${y1 + middle} ${x2} ${y2 - middle} ${x2} ${y2}`;
  }
}
