"""Traces of a flow: tasks and their SQL hang on it, at a real receiver of OTLP, without values."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prefect.settings import PREFECT_API_URL

from pipeline.adapters.postgres.database import Database
from pipeline.domain.ids import organisation_id
from tests.uplink.serving import add_depot

_RUN = """
from flows.priorities import priorities
print(priorities())
"""


class Collector:
    """Takes spans in."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        taken = self.raw

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                taken.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def spans(self) -> list[Span]:
        """Return all spans that came."""
        return [
            span
            for raw in self.raw
            for resource in ExportTraceServiceRequest.FromString(raw).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Have a receiver."""
    found = Collector()
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()


def run_a_flow(database_url: str, traces: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _RUN],
        env={
            **os.environ, "ROADWEAR_DATABASE_URL": database_url, "ROADWEAR_TRACES": traces,
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        },
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_sql_hangs_on_tasks_and_tasks_on_their_flow_and_no_values_are_told(
    collector: Collector, database: Database, database_urls: tuple[str, str]
) -> None:
    add_depot(database)

    done = run_a_flow(
        database_urls[1], f"http://127.0.0.1:{collector.server.server_port}/v1/traces"
    )

    assert done.returncode == 0, done.stderr[-800:]
    spans = collector.spans
    by_id = {span.span_id: span for span in spans}
    told = {span.span_id: {a.key: a.value.string_value for a in span.attributes} for span in spans}
    [flow] = [one for one in spans if told[one.span_id].get("prefect.run.type") == "flow"]
    tasks = [one for one in spans if told[one.span_id].get("prefect.run.type") == "task"]
    sql = [one for one in spans if "db.statement" in told[one.span_id]]
    assert tasks
    assert {one.trace_id for one in tasks} == {flow.trace_id}
    assert {one.parent_span_id for one in tasks} == {flow.span_id}
    of_tasks = [one for one in sql if one.parent_span_id in {task.span_id for task in tasks}]
    assert of_tasks, [by_id.get(one.parent_span_id) for one in sql]
    owner = str(organisation_id("North"))
    assert not [one for one in sql if owner in json.dumps(told[one.span_id])]


def test_a_collector_that_does_not_answer_stops_no_flow(
    database: Database, database_urls: tuple[str, str]
) -> None:
    add_depot(database)

    done = run_a_flow(database_urls[1], "http://127.0.0.1:9/v1/traces")

    assert done.returncode == 0, done.stderr[-800:]
    assert "'organisations': " in done.stdout
