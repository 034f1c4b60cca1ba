"""The clock: Prefect and nothing else. Ids cross tasks, never pixels."""

import os

# Nothing in the product talks to anybody uninvited.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
