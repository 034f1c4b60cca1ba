"""Traces of what is done, sent to a collector by OpenTelemetry's own protocol (OTLP over HTTP).

A statement is sent as it is written, with places where its values go, and never with a value.
"""

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def send_traces(endpoint: str, service: str) -> TracerProvider:
    """Trace what this process does from now on, every statement to the database too.

    What is left is sent when the process ends. A collector that does not answer stops nothing.

    Args:
        endpoint: Of the collector, http://host:4318/v1/traces.
        service: What the process is called there.
    """
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    PsycopgInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
    return provider
