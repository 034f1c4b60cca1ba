"""`roadwear serve`: the engineers' pages."""

import uvicorn

from deploy.doors import say
from pipeline import wiring
from pipeline.review import Rules, create_app

_LOCAL = {"127.0.0.1", "localhost", "::1"}


def serve(host: str, port: int) -> None:
    """Serve until interrupted.

    Raises:
        OutageError: No database is set or running.
    """
    settings = wiring.Settings.from_env()
    app = create_app(
        database=wiring.database(settings),
        blobs=wiring.blobs(settings),
        clock=wiring.clock(),
        rules=Rules(policy=wiring.policy(settings), line=settings.line()),
        secret_key=wiring.secret_key(settings),
        https_only=host not in _LOCAL,
    )
    say(f"The queue is at http://{host}:{port}/queue (Ctrl-C ends it)")
    uvicorn.run(app, host=host, port=port, log_level="warning", proxy_headers=True)
