"""A run as a span and gauges of OpenTelemetry, sent to where its own variables (`OTEL_EXPORTER_OTLP_…`) say.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ has these variables. The extra `otel` is needed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from opusmap import __version__
from opusmap.operations.metrics_file import list_metrics
from opusmap.operations.run_status import RunStatus
from opusmap.wording import show_extra

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SECONDS = 10.0
_log = logging.getLogger("opusmap.operations")


def is_asked_for(environ: Mapping[str, str]) -> bool:
    """Return whether the environment names where telemetry goes, and does not switch it off."""
    return bool(environ.get(_ENDPOINT)) and environ.get("OTEL_SDK_DISABLED", "").casefold() != "true"


def record_run(status: RunStatus, tracers: TracerProvider, meters: MeterProvider) -> None:
    """Record a run that has ended: a span over its time, and the gauges of the metrics file."""
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - an extra

    own = {"opusmap.mapping": status.mapping, "opusmap.connection": status.connection}
    span = tracers.get_tracer("opusmap", __version__).start_span(
        f"opusmap {status.command}",
        start_time=int(status.started * 1e9),
        attributes={
            **own,
            "opusmap.outcome": status.outcome,
            "opusmap.exit_code": -1 if status.exit_code is None else status.exit_code,
            **{f"opusmap.rows.{name}": count for name, count in status.report.counts().items()},
        },
    )
    if status.outcome == "failed":
        span.set_status(Status(StatusCode.ERROR, status.error or None))
    span.end(int((status.ended or status.started) * 1e9))
    meter = meters.get_meter("opusmap", __version__)
    for metric in list_metrics(status):
        gauge = meter.create_gauge(metric.name.replace("opusmap_", "opusmap.", 1), description=metric.help)
        for labels, value in metric.samples:
            gauge.set(value, {**own, **{f"opusmap.{name}": text for name, text in labels.items()}})


def export_run(status: RunStatus) -> None:
    """Send a run that has ended, and wait ten seconds at most; what goes wrong is a warning."""
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - an extra
            OTLPMetricExporter,
        )
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415 - an extra
    except ImportError:  # the variable may be meant for other programs
        _log.info("%s is set, but the extra is not installed: %s", _ENDPOINT, show_extra("otel"))
        return

    def send() -> None:
        try:
            resource = Resource.create({"service.name": "opusmap", "service.version": __version__})
            tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
            tracers.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
            reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=float("inf"))
            meters = MeterProvider([reader], resource, shutdown_on_exit=False)
            record_run(status, tracers, meters)
            meters.force_flush()
            tracers.shutdown()
            meters.shutdown()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has ended well without it
            _log.warning("%s: telemetry was not sent: %s", _ENDPOINT, type(error).__name__)

    thread = threading.Thread(target=send, name="opusmap-telemetry", daemon=True)
    thread.start()
    thread.join(_SECONDS)
    if thread.is_alive():
        _log.warning("%s: telemetry was not accepted within %g seconds", _ENDPOINT, _SECONDS)
