"""The clock: Prefect and nothing else. Ids cross tasks, never pixels."""

import os
from contextlib import suppress

from pipeline import wiring
from pipeline.domain.errors import InputError

# Nothing in the product talks to anybody uninvited.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")


def _trace() -> None:
    """Send traces, where a collector is set.

    Prefect's own spans of flows and tasks begin before any line of ours: so this is done as soon as
    a flow is loaded. A setting that is wrong is said by the flow.
    """
    with suppress(InputError):
        if endpoint := wiring.Settings.from_env().traces:
            from pipeline.adapters.traces_otlp import send_traces  # noqa: PLC0415 - where it is set

            send_traces(endpoint, "roadwear-flows")


_trace()
