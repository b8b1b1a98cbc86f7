"""A run as OpenTelemetry sees it: by the SDK's exporters in memory, and over HTTP to a real listener."""

from __future__ import annotations

import pytest
from scripted_server import answer_bytes, scripted

from opusmap.operations.run_status import RunStatus
from opusmap.operations.telemetry import export_run, is_asked_for, record_run
from opusmap.report import Reason, Report

REASONS = (Reason("Doc Type", "unknown-choice", 2, (4, 9), "Planted-cell is not an option"),)
DEGRADED = RunStatus(
    "submit",
    "m.yaml",
    1000.0,
    "c-1",
    1060.5,
    1,
    report=Report(read=5, submitted=3, rejected=2, reasons=REASONS),
)
FAILED = RunStatus("retry", "m.yaml", 1000.0, "c-1", 1001.0, 3, "SignInError")


@pytest.fixture
def sdk():
    pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(shutdown_on_exit=False), MeterProvider([reader], shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    yield tracers, meters, spans, reader
    tracers.shutdown()
    meters.shutdown()


def test_a_run_is_a_span_with_its_times_and_totals(sdk):
    tracers, meters, spans, _ = sdk
    record_run(DEGRADED, tracers, meters)
    (span,) = spans.get_finished_spans()
    assert (span.name, span.start_time, span.end_time) == ("opusmap submit", 1000 * 10**9, 1060_500_000_000)
    assert span.attributes["opusmap.rows.submitted"] == 3
    assert span.attributes["opusmap.outcome"] == "degraded"
    assert span.status.is_unset
    assert "Planted" not in span.to_json()


def test_a_run_that_failed_is_an_error_of_its_kind(sdk):
    tracers, meters, spans, _ = sdk
    record_run(FAILED, tracers, meters)
    (span,) = spans.get_finished_spans()
    assert (span.status.status_code.name, span.status.description) == ("ERROR", "SignInError")


def test_the_gauges_are_those_of_the_metrics_file(sdk):
    tracers, meters, _, reader = sdk
    record_run(DEGRADED, tracers, meters)
    (scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
    points = {
        (metric.name, point.attributes.get("opusmap.fate")): point.value
        for metric in scope.metrics
        for point in metric.data.data_points
    }
    assert points["opusmap.run_rows", "submitted"] == 3
    assert points["opusmap.run_read_rows", None] == 5
    assert points["opusmap.run_exit_code", None] == 1


def test_both_are_posted_to_the_endpoint(sdk, monkeypatch):
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    with scripted(lambda *_: answer_bytes(200, Content_Type="application/x-protobuf")) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        export_run(DEGRADED)
        paths = {each.split(b" ")[1] for each in server.got}
    assert paths == {b"/v1/traces", b"/v1/metrics"}


def test_it_is_asked_for_by_opentelemetry_s_own_variables():
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
    assert is_asked_for(endpoint)
    assert not is_asked_for(endpoint | {"OTEL_SDK_DISABLED": "True"})
    assert not is_asked_for({})
