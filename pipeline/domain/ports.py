"""The joints of the house: what the line asks of the world outside. Pure."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from pipeline.domain.agreements import Share
from pipeline.domain.camera import FoundCamera
from pipeline.domain.condition import PassOver
from pipeline.domain.coverage import SectionSpan, Stretch
from pipeline.domain.defects import Area, Defect, DefectChange
from pipeline.domain.findings import Findings
from pipeline.domain.footage import Clip, Drive, Frame, WantedFrame
from pipeline.domain.ids import (
    ClipSha256,
    DefectId,
    DriveId,
    NetworkId,
    ObservationId,
    OrganisationId,
    RunId,
)
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.looks import LookAt
from pipeline.domain.observations import Observation
from pipeline.domain.places import GridRef, LonLat
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.private import PrivateBytes
from pipeline.domain.quality import SeenFrame
from pipeline.domain.queue import QueueEntry
from pipeline.domain.receiving import FileFacts
from pipeline.domain.roads import Box, OnRoad, RoadFacts, RoadSection
from pipeline.domain.runs import DetectorIdentity


class Detector(Protocol):
    """Looks at frames."""

    @property
    def identity(self) -> DetectorIdentity:
        """What makes this detector's findings repeatable."""

    def look(self, frames: Iterable[Frame]) -> Iterator[LookAt]:
        """Yield one look a frame, in order, reading ahead by a bounded number of frames.

        A frame that cannot be judged gives `NotLooked`; nothing but a bug is raised.
        """


class Grid(Protocol):
    """Converts between GPS and the National Grid."""

    def to_grid(self, places: Sequence[LonLat]) -> list[GridRef]:
        """Return the grid references of places in Great Britain.

        Raises:
            InputError: A place lies outside Great Britain; the message names where.
        """

    def to_lonlat(self, refs: Sequence[GridRef]) -> list[LonLat]:
        """Return the way back, within a millimetre or two."""


class FrameReader(Protocol):
    """One clip, open for reading once, in order."""

    @property
    def clip(self) -> Clip:
        """What the clip's index says."""

    def frames(self, wanted: Iterable[WantedFrame]) -> Generator[Frame, None, None]:
        """Yield what is wanted, each frame once.

        Args:
            wanted: In order of presentation time.
        """

    @property
    def decoded(self) -> int:
        """How many frames were decoded so far."""

    @property
    def cut_at_pts(self) -> int | None:
        """Where the footage ended before its index said; None while it did not."""


class Footage(Protocol):
    """Finds and opens clips."""

    def open(self, location: str) -> AbstractContextManager[FrameReader]:
        """Open a clip.

        Raises:
            InputError: The file is missing, empty, no video, or has no index.
        """


class Prober(Protocol):
    """Says what files are."""

    def probe(self, location: str, path: str, sha256: ClipSha256) -> FileFacts:
        """Return what a file is; one that cannot be used is no error, but has a refusal.

        Args:
            location: Where its bytes are.
            path: How it is called on the card.
            sha256: Of its bytes.
        """

    def look_through(
        self, location: str, sha256: ClipSha256, every_s: float
    ) -> tuple[SeenFrame, ...]:
        """Return what frames of a clip are worth, a frame every few seconds, in order.

        Raises:
            InputError: The clip cannot be read.
        """

    def private_bytes(
        self, location: str, parts: Sequence[tuple[float, float]], clip: Clip
    ) -> PrivateBytes:
        """Return which bytes must go, so that parts of a clip are not kept.

        Args:
            location: Where a clip's bytes are.
            parts: From and to, in seconds after its first frame.
            clip: What its index says.

        Raises:
            InputError: They cannot be found.
        """


class Blobs(Protocol):
    """Keeps pictures under organisation/kind/sha256."""

    def put(self, organisation: OrganisationId, kind: str, content: bytes) -> str:
        """Store once and return the key; storing the same again changes nothing.

        Raises:
            OutageError: The store does not answer.
        """

    def get(self, key: str) -> bytes:
        """Return what was stored.

        Raises:
            OutageError: The store does not answer.
            InputError: Nothing is stored under the key.
        """


class Clock(Protocol):
    """Tells the time; the only way in for it."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""


class Gathering(Protocol):
    """One transaction in which an authority's defects are gathered; nobody else gathers then."""

    @property
    def area(self) -> Area:
        """What lies around the drive."""

    def save_defects(
        self, changes: Sequence[DefectChange], member_of: Mapping[ObservationId, DefectId]
    ) -> None:
        """Store what gathering changed."""

    def waiting(self, policy_sha256: str) -> tuple[Defect, ...]:
        """Return the possible defects that wait and whose place in the queue may be another now.

        Those that lie around what this is about, those without a place, and those whose place is
        by another policy than this one; every one where a whole queue is ranked. What was to be
        watched until today waits again.
        """

    def repaired(self) -> tuple[Defect, ...]:
        """Return the repaired defects that the drive looked at."""

    def save_verified(self, defect: Defect, by: PassOver) -> None:
        """Keep that a camera pass bears out a repair."""

    def roads(self, names: Sequence[DefectId]) -> Mapping[DefectId, RoadFacts]:
        """Return what is known of the road at each defect; those on no known road are missing."""

    def passes(self, names: Sequence[DefectId]) -> Mapping[DefectId, tuple[PassOver, ...]]:
        """Return the drives that looked at the place of each defect, and what they saw."""

    def save_queue(self, entries: Sequence[QueueEntry]) -> None:
        """Put possible defects where they belong in the queue; what waits no more leaves it."""

    def raise_alerts(self, categories: Sequence[str]) -> None:
        """Raise what is newly in the queue under categories that are possible emergencies."""


class Ledger(Protocol):
    """What is known and stored, under natural keys; every write may happen twice.

    Every method raises OutageError when the database does not answer.
    """

    def load_drive(self, organisation: OrganisationId, drive_id: DriveId) -> ReceivedDrive:
        """Return a drive as it was received.

        Raises:
            InputError: The organisation has no such drive.
        """

    def load_camera(self, drive: Drive) -> FoundCamera | None:
        """Return what was found of a drive's camera; None if nothing is stored yet."""

    def save_camera(self, drive: Drive, found: FoundCamera) -> None:
        """Store what was found of a drive's camera, once: what is there already stays."""

    def is_done(self, drive: Drive, run_id: RunId) -> bool:
        """Return whether a run's findings are stored, whole."""

    def save_findings(
        self,
        drive: Drive,
        findings: Findings,
        still_keys: Sequence[str],
    ) -> bool:
        """Store a run's findings in one transaction; False if they were there already.

        Args:
            drive: Whose they are.
            findings: What was found.
            still_keys: Where each of the findings' stills lies in the store, in their order.
        """

    def authorities_agreed(self, owner: OrganisationId, on: date) -> tuple[OrganisationId, ...]:
        """Return the authorities that may have what an owner's drive shows of their roads."""

    def has_findings(self, drive: Drive) -> bool:
        """Return whether anything of a drive was looked at already."""

    def load_shares(self, drive: Drive) -> tuple[Share, ...]:
        """Return along whose roads a drive came, by time; nothing where that was never said."""

    def save_shares(self, drive: Drive, shares: Sequence[Share]) -> tuple[Share, ...]:
        """Keep along whose roads a drive came, once, and return what is kept."""

    def network_in_use(self, authority: OrganisationId) -> NetworkId | None:
        """Return the network that an authority loaded last; None if it loaded none."""

    def load_sections(
        self, authority: OrganisationId, network_id: NetworkId, box: Box
    ) -> tuple[RoadSection, ...]:
        """Return the sections of a network that meet a box."""

    def load_unplaced(self, drive: Drive, network_id: NetworkId) -> tuple[Observation, ...]:
        """Return a drive's sightings that were not placed on this network yet."""

    def save_places(
        self,
        drive: Drive,
        network_id: NetworkId,
        places: Mapping[ObservationId, OnRoad | None],
    ) -> None:
        """Store on which sections sightings lie; what is there already stays."""

    def load_unlaid(
        self, drive: Drive, network_id: NetworkId, settings_sha256: str
    ) -> dict[RunId, tuple[Stretch, ...]]:
        """Return what a drive's runs looked at, of those not laid on the network yet.

        Only runs of these settings: under others the metres driven may be others.
        """

    def save_spans(
        self, drive: Drive, network_id: NetworkId, spans: Mapping[RunId, Sequence[SectionSpan]]
    ) -> None:
        """Store what runs looked at on each section; what is there already stays."""

    def gathering(
        self, authority: OrganisationId, drive_id: DriveId
    ) -> AbstractContextManager[Gathering]:
        """Open the transaction in which the defects around a drive are gathered."""

    def ranking(self, authority: OrganisationId) -> AbstractContextManager[Gathering]:
        """Open the transaction in which a queue is ranked anew; nothing is gathered in it."""

    def save_policy(self, authority: OrganisationId, policy: CouncilPolicy, content: bytes) -> None:
        """Store a version of a policy, once."""
