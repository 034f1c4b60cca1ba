"""What is said of files that were not read, and the manifest as a table. Pure."""

import csv
import io
from collections.abc import Mapping
from dataclasses import replace

from pipeline.adapters.csv_cells import harmless
from pipeline.domain.cardpaths import is_system_file
from pipeline.domain.receiving import Depot, ExpectedFile, FileOutcome, Manifest, Outcome
from pipeline.stages.assemble import refuse_unseen

_GIB = 1 << 30
PRIVATE = "it was taken in a private area, of which nothing is kept"


def said_at_once(
    file: ExpectedFile, depot: Depot, before: Mapping[str, FileOutcome], largest_bytes: int
) -> FileOutcome | None:
    """Return what can be said of a file from its name, size and hash alone; None if it is wanted.

    Args:
        file: As it was announced, its name cleaned.
        depot: Whose it is.
        before: What was said of the same bytes before.
        largest_bytes: That a file may have.
    """
    said = FileOutcome(
        path=file.path,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        outcome=Outcome.REFUSED,
        blocks_wiping=False,
        sentence="",
    )
    unseen = refuse_unseen(file.path, forward_channel=depot.forward_channel)
    if unseen is not None:
        return replace(said, sentence=unseen.sentence, blocks_wiping=not unseen.is_sure)
    if is_system_file(file.path):
        return replace(said, sentence="a camera or a computer keeps it for itself")
    known = before.get(file.sha256)
    if known is not None:
        return replace(
            said,
            outcome=Outcome.ALREADY_THERE,
            sentence=f"the same bytes were taken in before, as {known.path}",
        )
    if file.size_bytes == 0:
        return replace(
            said,
            blocks_wiping=True,
            sentence="the file is empty; copy it from the card again",
        )
    if file.size_bytes > largest_bytes:
        largest = largest_bytes / _GIB
        return replace(
            said,
            blocks_wiping=True,
            sentence=f"the file is larger than {largest:.0f} GiB; cut it into parts",
        )
    return None


def not_taken_in(file: ExpectedFile, sentence: str = "") -> FileOutcome:
    """Return the line of a file that was not taken in yet, or not any more."""
    return FileOutcome(
        path=file.path,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        outcome=None,
        blocks_wiping=True,
        sentence=sentence or "it was not taken in yet; hand it in",
    )


def not_kept(file: ExpectedFile) -> FileOutcome:
    """Return the line of a file that was read before, and of which nothing is kept."""
    return replace(not_taken_in(file, PRIVATE), outcome=Outcome.REFUSED, blocks_wiping=False)


def stored_again(file: FileOutcome) -> FileOutcome:
    """Return the line of a file that was taken in before, and of which the bytes came once more."""
    return replace(
        file,
        outcome=Outcome.ALREADY_THERE,
        blocks_wiping=False,
        sentence="it was taken in before, and its bytes are there",
    )


def not_read(file: FileOutcome) -> FileOutcome:
    """Return the line of a file that could not be read by a fault of ours."""
    return replace(
        file,
        outcome=Outcome.REFUSED,
        blocks_wiping=True,
        sentence="it arrived and is kept, but a fault of this program kept it from being read; "
        "tell operations, and keep the card",
    )


def not_arrived(file: FileOutcome) -> FileOutcome:
    """Return the line of a file that was announced and never came."""
    return replace(
        file,
        outcome=Outcome.REFUSED,
        blocks_wiping=True,
        sentence="it did not arrive; hand it in again",
    )


def manifest_csv(manifest: Manifest) -> str:
    """Return a manifest as a table; no cell is taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["file", "size_bytes", "sha256", "outcome", "why"])
    for file in manifest.files:
        outcome = "not known yet" if file.outcome is None else file.outcome.words
        writer.writerow(
            [harmless(file.path), file.size_bytes, file.sha256, outcome, harmless(file.sentence)]
        )
    return out.getvalue()
