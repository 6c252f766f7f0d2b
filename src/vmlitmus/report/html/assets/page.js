"use strict";
// The page: which run is shown (by the part of the address after "#"), keys, search, theme, print.

const SIGNS = { holds: "\u2713", violated: "\u2717", inconclusive: "?", error: "!" };
const data = JSON.parse(document.getElementById("data").textContent);
const index = document.getElementById("index");
const place = document.getElementById("run");
const only = index.dataset.only;
let view = null;
let shown = null;

/** Show what the address names: "#run=3&step=7", or the index. */
function route() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const at = wanted.has("run") ? Number(wanted.get("run")) : only === undefined ? null : Number(only);
  const run = at === null || !data.runs[at] ? null : opened(data.runs[at], data);
  index.hidden = Boolean(run);
  place.hidden = !run;
  if (!run) {
    place.replaceChildren();
    [view, shown] = [null, null];
    return;
  }
  const first = shown !== at;
  if (first) {
    view = new RunView(run, data, { only: only !== undefined, moved: remember });
    shown = at;
    place.replaceChildren(view.element);
    if (only === undefined) {
      scrollTo(0, 0);
      view.element.querySelector("h1").focus({ preventScroll: true });
    }
  }
  const asked = Number.parseInt(wanted.get("step"), 10);
  const step = Number.isNaN(asked) ? (run.steps || []).length : asked;
  if (first || step !== view.n) view.go(step, { quiet: true });
  if (first && view.timeline) requestAnimationFrame(() => view.timeline.later());
}

/** Keep the step in the address, so that it can be passed on. */
function remember(n) {
  try {
    history.replaceState(null, "", `#run=${shown}&step=${n}`);
  } catch {
    // a browser may refuse this for a file, or when it is done too often
  }
}

addEventListener("hashchange", route);
addEventListener("keydown", (event) => {
  if (!view || !view.run.steps || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, pre")) return;
  const to = { ArrowLeft: view.n - 1, ArrowRight: view.n + 1, Home: 0, End: view.run.steps.length }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  view.go(to, { focus: Boolean(event.target.closest(".timeline")) });
});
addEventListener("beforeprint", () => {
  if (!view || !view.timeline) return;
  view.timeline.fill(Infinity);
  view.timeline.arrows.draw(true);
});

/** Show the tests that match what was typed and ticked. */
function filter() {
  const wanted = document.getElementById("find").value.trim().toLowerCase();
  const verdicts = [...document.querySelectorAll("[name=verdict]:checked")].map((box) => `v-${box.value}`);
  const wrong = document.getElementById("wrong").checked;
  let count = 0;
  for (const test of document.querySelectorAll(".test")) {
    const here = !wanted || test.textContent.toLowerCase().includes(wanted);
    let some = false;
    for (const cell of test.querySelectorAll(".cell")) {
      const kept = here && verdicts.some((name) => cell.classList.contains(name))
        && (!wrong || cell.classList.contains("unexpected"));
      cell.parentElement.hidden = !kept;
      some ||= kept;
      count += kept;
    }
    test.hidden = !some;
  }
  for (const topic of document.querySelectorAll(".topic")) topic.hidden = !topic.querySelector(".test:not([hidden])");
  document.getElementById("matches").textContent = `${count} verdict${count === 1 ? "" : "s"} shown`;
}

const form = document.getElementById("filter");
if (form) {
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}

const theme = document.getElementById("theme");
const dark = () => getComputedStyle(document.documentElement).colorScheme === "dark"
  || (document.documentElement.style.colorScheme === "" && matchMedia("(prefers-color-scheme: dark)").matches);
theme.parentElement.hidden = false;
theme.textContent = dark() ? "Light" : "Dark";
theme.addEventListener("click", () => {
  document.documentElement.style.colorScheme = dark() ? "light" : "dark";
  theme.textContent = dark() ? "Light" : "Dark";
});
linkMechanisms();
route();
