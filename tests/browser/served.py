"""A ``vmlitmus explore`` of its own, and requests to it as a page, or somebody else, makes them."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Served:
    url: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.url).query)["token"][0]

    def request(
        self, method: str, path: str, body: object = None, **headers: str | None
    ) -> tuple[int, str]:
        """Return status and text; a header of None is left out."""
        sent = {"Host": self.host, "X-Vmlitmus-Token": self.token}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}  # type: ignore[misc]
        connection = http.client.HTTPConnection(self.host, timeout=30)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.putrequest(method, path, skip_host=True)
        for name, value in {**sent, "Content-Length": str(len(data))}.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def api(self, name: str, **body: Any) -> dict[str, Any]:
        status, text = self.request("POST", f"/api/{name}", body)
        assert status == 200, text
        found: dict[str, Any] = json.loads(text)
        return found

    def result(self, name: str, **body: Any) -> dict[str, Any]:
        """Return the result of a search."""
        status, text = self.request("POST", f"/api/{name}", body)
        assert status == 200, text
        events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
        found: dict[str, Any] = json.loads(events[-1])["result"]
        return found


@contextmanager
def explore(*arguments: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-m", "vmlitmus", "explore", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Served(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait(timeout=20)
