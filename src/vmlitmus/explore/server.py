"""The web side: routes, and who may use them.

Only this machine, only this page: the Host and the Origin of a request have to be the server's own,
and every request carries the token of the address. There are no cookies, and no file is served.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from vmlitmus.errors import VmlitmusError
from vmlitmus.explore.answers import Answers, StateRequest
from vmlitmus.explore.page import explorer_page
from vmlitmus.explore.searches import Search, Searches

_LARGEST = 4 << 20  # bytes of a request
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
Answer = Callable[[dict[str, Any]], Awaitable[Response]]


class Server:
    """The application for one explorer; ``token`` is what the address has to carry."""

    def __init__(self, answers: Answers, port: int) -> None:
        self.answers = answers
        self.token = secrets.token_urlsafe(24)
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.searches = Searches()
        routes = [Route("/", self.page, methods=["GET"])]
        for name, answer in self._answers().items():
            routes.append(Route(f"/api/{name}", self._route(answer), methods=["POST"]))
        self.app = Starlette(routes=routes)

    def _answers(self) -> dict[str, Answer]:
        a = self.answers

        async def verdict(body: dict[str, Any]) -> Response:
            work = await run_sync(a.verdict, StateRequest.of(body))
            return self._stream(self.searches.start(work))

        async def reach(body: dict[str, Any]) -> Response:
            work = await run_sync(a.reach, StateRequest.of(body), str(body.get("condition")))
            return self._stream(self.searches.start(work))

        async def cancel(body: dict[str, Any]) -> Response:
            return JSONResponse({"cancelled": self.searches.cancel()})

        async def ahead(body: dict[str, Any]) -> Response:
            return JSONResponse(
                await run_sync(a.ahead, StateRequest.of(body), str(body.get("kind")))
            )

        def plain(answer: Callable[[StateRequest], dict[str, Any]]) -> Answer:
            async def answered(body: dict[str, Any]) -> Response:
                return JSONResponse(await run_sync(answer, StateRequest.of(body)))

            return answered

        return {
            "open": plain(a.open),
            "walk": plain(a.walk),
            "here": plain(a.here),
            "copies": plain(a.copies),
            "ahead": ahead,
            "verdict": verdict,
            "reach": reach,
            "cancel": cancel,
        }

    async def page(self, request: Request) -> Response:
        refused = self._refused(request, request.query_params.get("token", ""))
        if refused is not None:
            return refused
        return HTMLResponse(explorer_page(), headers=_HEADERS)

    def _route(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            refused = self._refused(request, request.headers.get("x-vmlitmus-token", ""))
            if refused is not None:
                return refused
            try:
                response = await answer(await _body(request))
            except VmlitmusError as error:
                response = JSONResponse({"error": str(error)}, status_code=400)
            response.headers.update(_HEADERS)
            return response

        return answered

    def _refused(self, request: Request, token: str) -> Response | None:
        """Return the refusal of a request that is not from the page of this server."""
        own = request.headers.get("host", "") in self.hosts
        origin = request.headers.get("origin")
        same = origin is None or origin in {f"http://{host}" for host in self.hosts}
        good = secrets.compare_digest(token.encode(), self.token.encode())
        if own and same and good:
            return None
        return Response("refused: not the address that vmlitmus explore printed", 403, _HEADERS)

    def _stream(self, search: Search) -> Response:
        async def events() -> AsyncIterator[str]:
            done = False
            try:
                async for event in iterate_in_threadpool(_texts(search)):
                    yield event
                done = True
            finally:
                if not done:
                    search.cancel()

        return StreamingResponse(events(), media_type="text/event-stream")


def _texts(search: Search) -> Iterator[str]:
    """Yield events as the browser reads them; a comment keeps the connection alive."""
    for event in search.events():
        yield ": waiting\n\n" if event is None else f"data: {json.dumps(event)}\n\n"


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; raises VmlitmusError for anything else."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _LARGEST:
            raise _BadRequest(f"a request of more than {_LARGEST} bytes")
    try:
        body = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        raise _BadRequest("not JSON") from None
    if not isinstance(body, dict):
        raise _BadRequest("not a JSON object")
    return body


class _BadRequest(VmlitmusError):
    exit_code = 2
