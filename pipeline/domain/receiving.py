"""What came in: files, what each is, and what became of it. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.footage import Clip
from pipeline.domain.ids import BatchId, ClipSha256, DepotId, OrganisationId
from pipeline.domain.telemetry import Recording
from pipeline.domain.track import ClockOffset, RawFix

# So many files are named in an answer; the manifest has all.
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What was found in one file: footage, a track, or why it can be neither.

    Attributes:
        path: As on the card, with forward slashes.
        clip: What the index of footage says.
        recording: The positions inside footage.
        fixes: The positions of a track file.
        counted: The fixes' times count from the start of the recording, written since 1970.
        refusal: Why it cannot be used, in a sentence for fleet staff.
        remark: What is odd in a file that can be used, likewise.
    """

    path: str
    size_bytes: int
    sha256: ClipSha256
    clip: Clip | None = None
    recording: Recording | None = None
    fixes: tuple[RawFix, ...] = ()
    counted: bool = False
    refusal: str | None = None
    remark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Depot:
    """Somebody who may hand in footage: a depot, or the recorder of one vehicle.

    Attributes:
        owner_id: Whose footage it is.
        authority_id: Whose roads it shows.
        fleet_number: Of the vehicle, where it is one's; "" where a depot has many.
        forward_channel: Of its recorders: the label of the camera that looks ahead.
        mail: Who is sent what became of every batch; "" for nobody.
    """

    depot_id: DepotId
    owner_id: OrganisationId
    authority_id: OrganisationId
    name: str
    fleet_number: str = ""
    forward_channel: str = ""
    mail: str = ""


class BatchState(StrEnum):
    """How far a batch is."""

    OPEN = "open"
    CLOSED = "closed"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Files that were handed in together.

    Attributes:
        fleet_number: Of the vehicle that they are of, if the person said so; "" otherwise.
        source: By which door: web or command.
    """

    batch_id: BatchId
    owner_id: OrganisationId
    authority_id: OrganisationId
    depot_id: DepotId | None
    fleet_number: str
    source: str
    state: BatchState
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFile:
    """A file that somebody wants to hand in."""

    path: str
    size_bytes: int
    sha256: ClipSha256


class Outcome(StrEnum):
    """What became of a file."""

    ACCEPTED = "accepted"
    IN_PART = "in_part"
    REFUSED = "refused"
    ALREADY_THERE = "already_there"

    @property
    def words(self) -> str:
        """As a person writes it."""
        return {"in_part": "accepted in part", "already_there": "already there"}.get(
            self.value, self.value
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutcome:
    """A line of the manifest.

    Attributes:
        path: As on the card.
        outcome: None while it is not known.
        blocks_wiping: The card's copy may be needed: it was refused and could be mended, or
            nothing is known of it yet.
        sentence: Why, and what to do.
    """

    path: str
    size_bytes: int
    sha256: str
    outcome: Outcome | None
    blocks_wiping: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What nothing in the files says, and a person may know.

    Attributes:
        path: Of the file that is asked about.
        words: One plain question.
    """

    path: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What became of every file that was handed in, in order of their names."""

    files: tuple[FileOutcome, ...]
    questions: tuple[Question, ...] = ()

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many files had each outcome."""
        return Counter(file.outcome for file in self.files if file.outcome is not None)

    @property
    def blocking(self) -> tuple[FileOutcome, ...]:
        """The files for which the card must not be wiped."""
        return tuple(file for file in self.files if file.blocks_wiping)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many files of a batch had each outcome.

    Attributes:
        counts: By outcome; None where it is not known yet.
        blocking: For how many the card must not be wiped.
    """

    counts: Mapping[Outcome | None, int]
    blocking: int

    @property
    def safe_to_wipe(self) -> bool:
        """Whether every file is stored and checked, or is never kept, and some are stored."""
        stored = sum(n for o, n in self.counts.items() if o not in {None, Outcome.REFUSED})
        return self.blocking == 0 and stored > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer: yes only if every file is stored and checked, or is never kept."""

    safe: bool
    words: str


def tally_of(manifest: Manifest) -> Tally:
    """Return how many files of a manifest had each outcome."""
    return Tally(
        counts=Counter(file.outcome for file in manifest.files), blocking=len(manifest.blocking)
    )


def verdict_of(manifest: Manifest) -> Verdict:
    """Return whether a card with these files may be wiped."""
    total = len(manifest.files)
    blocking = manifest.blocking
    if total == 0:
        return Verdict(safe=False, words="Do not wipe: no files were found, so nothing is known")
    if not blocking:
        stored = sum(file.outcome is not Outcome.REFUSED for file in manifest.files)
        never = total - stored
        also = f"; {never} others are never kept (other cameras, small copies)" if never else ""
        if not tally_of(manifest).safe_to_wipe:
            return Verdict(
                safe=False, words=f"Do not wipe: of {total} files none is footage that is kept"
            )
        return Verdict(
            safe=True, words=f"Safe to wipe: all {stored} files stored and checked{also}"
        )
    named = ", ".join(file.path for file in blocking[:_MOST_NAMED])
    more = len(blocking) - _MOST_NAMED
    rest = f" and {more} more" if more > 0 else ""
    one = "this file" if len(blocking) == 1 else f"these {len(blocking)}"
    return Verdict(safe=False, words=f"Do not wipe: {one}: {named}{rest}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembledDrive:
    """Clips that belong together, with the positions that go with them.

    Attributes:
        clips: Path on the card, and the clip, in order of time.
        tracks: Paths of the track files that were used.
        fixes: From inside the footage and from the track files.
        clock: Where the positions inside say how well the footage's times are known.
        vehicle: Fleet number, where the card says it; None where it does not.
        notes: What was found and mended, in sentences.
    """

    clips: tuple[tuple[str, Clip], ...]
    tracks: tuple[str, ...]
    fixes: tuple[RawFix, ...]
    clock: ClockOffset | None
    started_at: datetime | None
    vehicle: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """What a batch of files gives.

    Attributes:
        drives: In order of time.
        refused: By path: why a file cannot be used.
        remarks: By path: what is odd in a file that is used.
        questions: What nothing in the files says, each as one plain question.
    """

    drives: tuple[AssembledDrive, ...]
    refused: Mapping[str, str]
    remarks: Mapping[str, str]
    questions: tuple[Question, ...]
