"""The explorer's answers, and whom it refuses."""

from __future__ import annotations

import json
import random
import shlex
from pathlib import Path

import pytest
from served import Served, explore

from vmlitmus.cli.main import main
from vmlitmus.litmus import Catalogue, read_test
from vmlitmus.litmus.format.write import as_data, as_toml
from vmlitmus.litmus.user_model.load import load_model

RACE = Path(__file__).parent / "race"
OWN = (str(RACE / "race.toml"), "--model", str(RACE / "flushing.py"))
STALE = "overwritten"


@pytest.fixture(scope="module")
def served():
    with explore(*OWN) as found:
        yield found


def test_the_page_is_for_its_address_only(served: Served) -> None:
    good = f"/?token={served.token}"
    assert served.request("GET", good)[0] == 200
    port = served.host.split(":")[1]
    assert served.request("GET", good, Host=f"localhost:{port}")[0] == 200
    assert served.request("GET", "/")[0] == 403
    assert served.request("GET", "/?token=" + "x" * 32)[0] == 403
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1"):
        assert served.request("GET", good, Host=host)[0] == 403, host


@pytest.mark.parametrize(
    "name", ["open", "walk", "here", "copies", "ahead", "verdict", "reach", "cancel"]
)
def test_every_request_needs_token_host_and_origin(served: Served, name: str) -> None:
    path = f"/api/{name}"
    assert served.request("POST", path, {}, X_Vmlitmus_Token=None)[0] == 403
    assert served.request("POST", path, {}, X_Vmlitmus_Token="wrong")[0] == 403  # noqa: S106
    assert served.request("POST", path, {}, Host="evil.example")[0] == 403
    assert served.request("POST", path, {}, Origin="http://evil.example")[0] == 403
    assert served.request("POST", path, {}, Origin="null")[0] == 403
    assert served.request("GET", path)[0] == 405


def test_no_file_is_served_and_no_cookie_set(served: Served) -> None:
    for path in ("/etc/passwd", "/../../etc/passwd", "/assets/page.css", "/%2e%2e/x", "/api/"):
        assert served.request("GET", path)[0] == 404, path
    import http.client

    connection = http.client.HTTPConnection(served.host, timeout=30)
    connection.request("GET", f"/?token={served.token}")
    headers = connection.getresponse().headers
    assert "set-cookie" not in headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", b"null", b'{"steps": 3}', b'{"steps": [3]}', b'{"changes": []}',
    b'{"at": "x"}', b'{"at": true}', b'{"changes": {"nothing": 1}}', b'{"changes": {"kvm.x": 1}}',
    b'{"changes": {"kvm.mask": "v33"}}', b'{"changes": {"machine.cpus": 99}}',
    b'{"changes": {"machine.odd": "[[x]]"}}', b'{"changes": {"environment.allow": ["rain"]}}',
    b'{"changes": {"kvm.without": ["nothing"]}}', b'{"changes": {"assume.no": true}}',
    b'{"changes": {"kvm.mask": {"a": 1}}}', b'{"changes": {"vm.9.kind": "snp"}}',
    b"[" * 100_000, b'{"digests": "x"}',
])  # fmt: skip
def test_wrong_requests_get_one_message(served: Served, body: bytes) -> None:
    for name in ("open", "walk", "copies"):
        status, text = served.request("POST", f"/api/{name}", body)
        if body == b"":
            assert status == 200
            continue
        assert status == 400, text
        error = json.loads(text)["error"]
        assert "\n" not in error
        assert "Traceback" not in error and "internal" not in error
    assert served.api("open")["name"] == "race"


def test_a_wrong_value_is_named_with_the_nearest(served: Served) -> None:
    _, text = served.request("POST", "/api/open", {"changes": {"kvm.mask": "clear"}})
    assert "did you mean 'cleared'" in json.loads(text)["error"]


def test_a_large_request_is_refused(served: Served) -> None:
    status, text = served.request("POST", "/api/open", b" " * (5 << 20))
    assert status == 400
    assert "more than" in text


def test_a_walk_shows_what_can_happen(served: Served) -> None:
    found = served.api("walk", steps=[])
    labels = [step["label"] for step in found["enabled"]]
    assert "cpu0 writes page0" in labels
    assert {step["actor"] for step in found["enabled"]} == {"cpu0", "task0", "task1"}
    assert not found["true"][STALE]
    taken = found["enabled"][0]["step"]
    after = served.api("walk", steps=[taken])
    assert after["steps"] == [taken]
    assert after["page"]["steps"][0]["label"] == found["enabled"][0]["label"]
    assert after["page"]["mechanisms"] == found["page"]["mechanisms"]


def test_a_walk_that_cannot_go_on_says_so(served: Served) -> None:
    first = served.api("walk")["enabled"][0]["step"]
    found = served.api("walk", steps=[first, "reuse(page0)", first])
    assert found["steps"] == [first]
    assert found["stuck"].startswith("Step 2, reuse(page0), cannot happen here. Enabled are:")


def test_a_long_walk_is_not_taken_again_from_the_start(served: Served) -> None:
    """A step more costs what a step costs: compared in one run, by ratio."""
    import time

    def timed(**body: object) -> float:
        began = time.monotonic()
        served.api("here", **body)
        return time.monotonic() - began

    served.api("walk")
    long = ["write(cpu0,page0)", "evict(cpu0,page0)"] * 3000
    whole = timed(steps=long)
    again = min(timed(steps=[*long, "write(cpu0,page0)"]) for _ in range(3))
    assert again < whole / 2
    assert served.api("here", steps=long, at=3)["at"] == 3
    assert served.api("here", steps=long, at=1)["enabled"][0]["step"] != long[0]


def test_a_label_that_changed_since_is_noticed(served: Served) -> None:
    first = served.api("walk")["enabled"][0]["step"]
    found = served.api("walk", steps=[first])
    again = served.api("walk", steps=[first], digests=found["digests"])
    assert again["stuck"] is None
    other = served.api("walk", steps=[first], digests=["0000"])
    assert other["stuck"].startswith(f"Step 1, {first}, is another now")


def test_the_verdict_follows_the_scenario(served: Served) -> None:
    bad = served.result("verdict")
    assert bad["page"]["runs"][0]["verdict"] == "violated"
    assert len(bad["steps"]) == 9
    good = served.result("verdict", changes={"kvm.mask": "kept"})
    assert good["page"]["runs"][0]["verdict"] == "holds"
    assert good["steps"] == []
    without = served.result("verdict", changes={"kvm.without": ["flush"]})
    assert without["page"]["runs"][0]["verdict"] == "violated"


def test_the_way_to_a_condition_from_any_state(served: Served) -> None:
    run = served.result("verdict")["steps"]
    found = served.result("reach", steps=run, at=5, condition=STALE)
    assert found["verdict"] == "holds"
    assert len(found["steps"]) == 4
    end = served.api("walk", steps=[*run[:5], *found["steps"]])
    assert end["true"][STALE]
    never = served.result("reach", changes={"kvm.mask": "kept"}, condition=STALE)
    assert never["verdict"] == "violated"
    assert never["steps"] == []
    status, text = served.request("POST", "/api/reach", {"condition": "overwriten"})
    assert status == 400
    assert "did you mean" in text


def test_the_next_interesting_moment_changes_a_condition(served: Served) -> None:
    before = served.api("walk")["true"]
    way = served.api("ahead", kind="interesting")["steps"]
    assert way
    assert served.api("walk", steps=way)["true"] != before
    for n in range(1, len(way)):
        assert served.api("walk", steps=way[:n])["true"] == before


def test_random_steps_are_steps(served: Served) -> None:
    steps: list[str] = []
    for _ in range(12):
        steps += served.api("ahead", kind="random", steps=steps)["steps"]
    found = served.api("walk", steps=steps)
    assert found["stuck"] is None
    assert found["steps"] == steps


def test_the_graph_leads_where_it_says(served: Served) -> None:
    found = served.api("walk")
    nodes, edges = found["graph"]["nodes"], found["graph"]["edges"]
    assert nodes[0]["depth"] == 0
    assert {node["depth"] for node in nodes} == {0, 1, 2}
    assert {edge[2] for edge in edges if edge[0] == 0} == {s["step"] for s in found["enabled"]}
    some = random.Random(1).choice(nodes[1:])
    there = served.api("walk", steps=some["way"])
    assert there["stuck"] is None
    assert sorted(n for n, true in there["true"].items() if true) == sorted(some["conditions"])


def test_copies_work_elsewhere(served: Served, tmp_path: Path, capsys, monkeypatch) -> None:
    run = served.result("verdict")["steps"]
    found = served.api("copies", steps=run)
    assert main(shlex.split(found["replay"])[1:]) == 0
    assert "cpu0 evicts a dirty line of page0" in capsys.readouterr().out
    assert "True after it:\n  - overwritten:" in found["mail"]
    assert max(map(len, found["mail"].split("To run it again")[0].splitlines())) <= 75
    changes = {"kvm.mask": "kept", "machine.cpus": 2}
    text = served.api("copies", changes=changes)["litmus"]
    monkeypatch.chdir(tmp_path)
    Path("FILE.toml").write_text(text)
    model = load_model(OWN[2])
    cell = read_test(text, "FILE.toml", None, Catalogue(model).model_of).cells[0]
    assert cell.tables == {"kvm": {"mask": "kept"}, "machine": {"cpus": 2}}
    steps = [served.api("walk", changes=changes)["enabled"][0]["step"]]
    command = served.api("copies", changes=changes, steps=steps)["replay"]
    assert main(shlex.split(command)[1:]) == 0


def test_a_search_can_be_cancelled() -> None:
    """A search of many states stops soon after it was told to."""
    import threading
    import time

    big = {"machine.cpus": 12, "machine.tasks": 8, "kvm.mask": "kept"}
    with explore(*OWN) as served:
        found: list[dict] = []
        thread = threading.Thread(
            target=lambda: found.append(served.result("verdict", changes=big))
        )
        thread.start()
        for _ in range(100):
            time.sleep(0.1)
            if served.api("cancel")["cancelled"]:
                break
        thread.join(timeout=20)
        run = found[0]["page"]["runs"][0]
        assert run["verdict"] == "inconclusive"
        assert "interrupted" in found[0]["page"]["texts"][run["cause"]]


@pytest.mark.parametrize(("arguments", "message"), [
    (["policy-grid"], "has 30 cells; name one, such as 'policy-grid["),
    (["v3-two"], "did you mean 'v3-two-reclaimers'"),
    ([*OWN, "--port", "70000"], "70000"),
    ([*OWN, "--time-limit", "-1"], "--time-limit -1"),
])  # fmt: skip
def test_wrong_command_lines(capsys, arguments, message) -> None:
    assert main(["explore", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_taken_port(served: Served, capsys) -> None:
    assert main(["explore", *OWN, "--port", served.host.split(":")[1]]) == 2
    assert "Address already in use" in capsys.readouterr().err


def test_every_cell_can_be_written_and_read_again() -> None:
    catalogue = Catalogue()
    for test, cells in catalogue.select([], wide=False):
        for cell in cells[:2]:
            text = as_toml(as_data(test, cell))
            back = read_test(text, "x.toml", None, catalogue.model_of).cells[0]
            assert back.lists == cell.lists, cell.name
            assert back.environment == cell.environment, cell.name
            full = {name: table for name, table in cell.tables.items() if table}
            assert {name: t for name, t in back.tables.items() if t} == full, cell.name
            same = ("without", "fixed", "assume", "claim", "expect")
            assert all(getattr(back, n) == getattr(cell, n) for n in same), cell.name
