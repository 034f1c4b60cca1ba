"""The prober port: each file is read in a process of its own, with limits."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.adapters.blanking import private_bytes
from pipeline.adapters.judging import look_through
from pipeline.adapters.probing import probe_file
from pipeline.adapters.sandbox import Sandbox
from pipeline.adapters.tracks_csv import ColumnMap
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Clip
from pipeline.domain.ids import ClipSha256
from pipeline.domain.private import PrivateBytes
from pipeline.domain.quality import SeenFrame
from pipeline.domain.receiving import FileFacts


class SandboxedProber:
    """Says what files are, whatever they are."""

    def __init__(self, columns: ColumnMap | None = None, sandbox: Sandbox | None = None) -> None:
        """Set which columns CSV tracks have, and the limits."""
        self._columns = columns
        self._sandbox = sandbox or Sandbox()

    def probe(self, location: str, path: str, sha256: ClipSha256) -> FileFacts:
        """Return what a file is; one that passes the limits has a refusal.

        Raises:
            OutageError: ExifTool is not installed.
        """
        try:
            return self._sandbox.call(probe_file, location, path, sha256, self._columns)
        except InputError as error:
            return FileFacts(
                path=path,
                size_bytes=Path(location).stat().st_size if Path(location).exists() else 0,
                sha256=sha256,
                refusal=str(error),
            )

    def look_through(
        self, location: str, sha256: ClipSha256, every_s: float
    ) -> tuple[SeenFrame, ...]:
        """Return what frames of a clip are worth, in order.

        Raises:
            InputError: It cannot be read within the limits.
        """
        return self._sandbox.call(look_through, location, sha256, every_s)

    def private_bytes(
        self, location: str, parts: Sequence[tuple[float, float]], clip: Clip
    ) -> PrivateBytes:
        """Return which bytes must go, so that parts of a clip are not kept.

        Raises:
            InputError: They cannot be found, or not within the limits.
        """
        return self._sandbox.call(private_bytes, location, tuple(parts), clip)
