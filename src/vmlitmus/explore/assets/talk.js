"use strict";
// Requests to the server that made this page; each carries the token of the address.

const TOKEN = new URLSearchParams(location.search).get("token") || "";

/** Ask the server; throw what it says is wrong. */
async function ask(name, body, signal) {
  const response = await fetch(`/api/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Vmlitmus-Token": TOKEN },
    body: JSON.stringify(body),
    credentials: "omit",
    signal,
  });
  if (response.status === 400) throw new Error((await response.json()).error);
  if (!response.ok) throw new Error(await response.text());
  return response;
}

async function answer(name, body) {
  return (await ask(name, body)).json();
}

/** Start a search; call ``news`` with each report, return the result, or null when cancelled. */
async function search(name, body, news, signal) {
  let rest = "";
  try {
    const response = await ask(name, body, signal);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return null;
      rest += value;
      const events = rest.split("\n\n");
      rest = events.pop();
      for (const event of events.filter((text) => text.startsWith("data: "))) {
        const found = JSON.parse(event.slice(6));
        if (found.error) throw new Error(found.error);
        if (found.result) return found.result;
        news(found.progress);
      }
    }
  } catch (problem) {
    if (problem.name === "AbortError") return null;
    throw problem;
  }
}
