"""Who is told of a run, and when: a real listener for the webhook, a real file for the metrics."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import pytest
from scripted_server import answer_bytes, scripted

from opusmap.errors import SettingsError
from opusmap.operations import RunWatch
from opusmap.operations.one_request import NoContact, send_request
from opusmap.report import Reason, Report
from opusmap.settings import Outlets, load_outlets

CELL = "Cell-of-a-person"
REASONS = (Reason("Doc Type", "unknown-choice", 2, (4, 9), f"{CELL} is not an option", f"near {CELL}"),)
BAD = Report(read=5, submitted=3, rejected=2, reasons=REASONS, run=4)


def watch(**outlets: str) -> RunWatch:
    found = RunWatch()
    environ = {f"OPUSMAP_{name.upper()}": text for name, text in outlets.items()}
    found.start(load_outlets(environ), "submit", "mapping.yaml")
    return found


def posted(server: object) -> list[dict[str, object]]:
    return [json.loads(each.rpartition(b"\r\n")[2]) for each in server.got]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("report", "code", "error", "outcome"),
    [
        (Report(read=5, submitted=5), 0, "", None),
        (BAD, 1, "", "degraded"),
        (Report(read=5, submitted=5, journal_note="the journal is older"), 0, "", "degraded"),
        (Report(), 3, "SignInError", "failed"),
        (Report(read=9, not_sent=9), 4, "StoppedEarly", "failed"),
        (Report(), 70, "ZeroDivisionError", "failed"),
    ],
)
def test_the_webhook_is_told_of_failures_and_degradation_alone(report, code, error, outcome) -> None:
    with scripted(lambda *_: answer_bytes(200)) as server:
        run = watch(webhook=f"{server.url}/hooks/T0?sig=s")
        run.begin("c-1")
        run.note(report)
        run.end(code, error)
        told = posted(server)
    assert [each["outcome"] for each in told] == ([] if outcome is None else [outcome])
    if told:
        assert server.got[0].startswith(b"POST /hooks/T0?sig=s HTTP/1.1\r\n")
        assert (told[0]["exit_code"], told[0]["error"]) == (code, error or None)
        assert told[0]["counts"]["read"] == report.read


def test_no_cell_is_sent() -> None:
    with scripted(lambda *_: answer_bytes(204)) as server:
        run = watch(webhook=server.url)
        run.note(BAD)
        run.end(1)
        (body,) = posted(server)
    assert CELL not in json.dumps(body)
    assert body["reasons"] == [{"column": "Doc Type", "code": "unknown-choice", "count": 2}]
    assert "3 submitted" in body["text"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answer_bytes(500), "it answered 500"),
        (answer_bytes(302, Location="http://127.0.0.1:1/elsewhere"), "it answered 302"),
        (b"no HTTP at all\r\n\r\n", "the answer is not HTTP"),
    ],
)
def test_a_listener_that_fails_is_a_warning_without_the_address(answer, said, caplog) -> None:
    with scripted(lambda *_: answer) as server, caplog.at_level(logging.DEBUG):
        run = watch(webhook=f"{server.url}/Planted-path?Planted-query=1")
        run.end(3, "SignInError")
        assert len(server.got) == 1
    (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert said in line
    assert "Planted" not in caplog.text


def test_no_listener_is_a_warning(caplog) -> None:
    with scripted(lambda *_: answer_bytes(200)) as server:
        url = server.url
    watch(webhook=url).end(3, "SignInError")
    assert "can't connect" in caplog.text


def test_a_listener_that_never_ends_its_answer_is_not_waited_for() -> None:
    released = threading.Event()

    def drip():
        yield b"HTTP/1.1 200 OK\r\n"
        while not released.wait(0.02):
            yield b"X-More: 1\r\n"

    with scripted(lambda *_: drip()) as server:
        with pytest.raises(NoContact, match=r"within 0\.3 seconds"):
            send_request("POST", server.url, b"{}", seconds=0.3)
        released.set()


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x",
        "https://user:password@hooks.example.com/x",
        "https://169.254.169.254/latest",
        "https://hooks.example.com/x#part",
        "ftp://hooks.example.com",
        "hooks.example.com",
    ],
)
def test_an_unsafe_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_outlets({"OPUSMAP_WEBHOOK": url})
    assert caught.value.setting == "OPUSMAP_WEBHOOK"
    assert "password" not in str(caught.value)


def test_a_proxy_is_for_addresses_elsewhere_alone() -> None:
    proxy = {"OPUSMAP_PROXY": "http://proxy.example.com:8080"}
    assert load_outlets(proxy | {"OPUSMAP_WEBHOOK": "http://localhost:9/x"}).proxy is None
    assert load_outlets(proxy | {"OPUSMAP_WEBHOOK": "https://hooks.example.com/x"}).proxy is not None
    assert load_outlets({}) == Outlets()


def test_metrics_are_written_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    path, now = tmp_path / "run.prom", [100.0]
    run = RunWatch(lambda: now[0], every=15)
    run.start(Outlets(path), "submit", "mapping.yaml")

    def rows() -> str:
        return next(
            line for line in path.read_text().splitlines() if line.startswith("opusmap_run_read_rows")
        )

    run.begin("c-1")
    assert rows().endswith(" 0")
    now[0] += 14
    run.note(Report(read=5, not_sent=5))
    assert rows().endswith(" 0")
    now[0] += 1
    run.note(Report(read=6, not_sent=6))
    assert rows().endswith(" 6")
    run.note(Report(read=7, submitted=7))
    run.end(0)
    assert rows().endswith(" 7")


def test_metrics_that_can_t_be_written_are_one_warning(tmp_path: Path, caplog) -> None:
    run = watch(metrics=str(tmp_path / "missing" / "run.prom"))
    run.begin("c-1")
    run.end(0)
    (line,) = [each.getMessage() for each in caplog.records]
    assert line.startswith("OPUSMAP_METRICS: ")
    assert "there is no such folder" in line
