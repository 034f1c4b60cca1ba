"""The ledger port on PostgreSQL: each method one transaction, for one organisation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime

from pipeline.adapters.postgres import agreements, defects, intake, roads, sections
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.findings import (
    has_findings,
    is_done,
    load_findings,
    save_findings,
)
from pipeline.adapters.postgres.gathering import PostgresGathering
from pipeline.domain.agreements import Share
from pipeline.domain.camera import DrivenCamera, FoundCamera
from pipeline.domain.coverage import SectionSpan, Stretch
from pipeline.domain.defects import Area
from pipeline.domain.errors import InputError
from pipeline.domain.findings import Findings
from pipeline.domain.footage import Drive
from pipeline.domain.ids import (
    ClipSha256,
    DriveId,
    NetworkId,
    ObservationId,
    OrganisationId,
    RunId,
    VehicleId,
    organisation_id,
)
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.observations import Observation
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.ports import Clock
from pipeline.domain.roads import Box, OnRoad, RoadSection


class PostgresLedger:
    """Stores what is received, found and gathered."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Keep to a database and a clock."""
        self._database = database
        self._clock = clock

    def make_known(self, owner: str, authority: str, fleet_number: str) -> VehicleId:
        """Make two organisations and a vehicle known by the names that people use."""
        with self._database.acting_for(organisation_id(owner)) as connection:
            intake.save_organisation(connection, authority)
            return intake.save_vehicle(
                connection, intake.save_organisation(connection, owner), fleet_number
            )

    def drive_of_clip(self, owner: OrganisationId, sha256: ClipSha256) -> DriveId | None:
        """Return the drive that a clip already belongs to, or None for a new clip."""
        with self._database.acting_for(owner) as connection:
            return intake.drive_of_clip(connection, owner, sha256)

    def receive(self, received: ReceivedDrive, *, fleet_number: str | None = None) -> None:
        """Store a drive with its track and clips.

        Args:
            received: The drive.
            fleet_number: Of its vehicle, where it may not be known yet.
        """
        with self._database.acting_for(received.drive.owner_id) as connection:
            if fleet_number is not None:
                intake.save_vehicle(connection, received.drive.owner_id, fleet_number)
            intake.save_drive(connection, received)

    def load_drive(self, organisation: OrganisationId, drive_id: DriveId) -> ReceivedDrive:
        """Return a drive as it was received.

        Raises:
            InputError: The organisation has no such drive.
        """
        with self._database.acting_for(organisation) as connection:
            owner = intake.owner_of_drive(connection, drive_id)
        if owner is not None:
            # An authority may see a part of its track: where a road lies needs all of it.
            with self._database.acting_for(owner) as connection:
                received = intake.load_drive(connection, drive_id)
            if received is not None:
                return received
        raise InputError(f"there is no drive {drive_id} of this organisation")

    def driven_cameras(self, owner: str, fleet_number: str) -> tuple[DrivenCamera, ...]:
        """Return what was found of the cameras of an owner's vehicles ("" for all), by time."""
        known = organisation_id(owner)
        with self._database.acting_for(known) as connection:
            return intake.load_driven_cameras(connection, known, fleet_number.strip().lower())

    def drives_of(self, authority: OrganisationId) -> tuple[DriveId, ...]:
        """Return all drives on an authority's roads."""
        with self._database.acting_for(authority) as connection:
            return intake.drives_of(connection, authority)

    def authorities_agreed(self, owner: OrganisationId, on: date) -> tuple[OrganisationId, ...]:
        """Return the authorities that may have what an owner's drive shows of their roads."""
        with self._database.acting_for(owner) as connection:
            return agreements.authorities_agreed(connection, owner, on)

    def has_findings(self, drive: Drive) -> bool:
        """Return whether anything of a drive was looked at already."""
        with self._database.acting_for(drive.owner_id) as connection:
            return has_findings(connection, drive.drive_id)

    def load_shares(self, drive: Drive) -> tuple[Share, ...]:
        """Return along whose roads a drive came, by time; nothing where that was never said."""
        with self._database.acting_for(drive.owner_id) as connection:
            return agreements.load_shares(connection, drive.drive_id)

    def save_shares(self, drive: Drive, shares: Sequence[Share]) -> tuple[Share, ...]:
        """Keep along whose roads a drive came, once, and return what is kept."""
        with self._database.acting_for(drive.owner_id) as connection:
            return agreements.save_shares(connection, drive, shares)

    def load_camera(self, drive: Drive) -> FoundCamera | None:
        """Return what was found of a drive's camera; None if nothing is stored yet."""
        with self._database.acting_for(drive.owner_id) as connection:
            return intake.load_camera(connection, drive.drive_id)

    def save_camera(self, drive: Drive, found: FoundCamera) -> None:
        """Store what was found of a drive's camera, once: what is there already stays."""
        with self._database.acting_for(drive.owner_id) as connection:
            intake.save_camera(connection, drive, found)

    def correct_camera(
        self, drive: Drive, *, said_by: str, reason: str, given: FoundCamera | None = None
    ) -> bool:
        """Set aside what is in use of a drive's camera, and use what is given, if anything is.

        A clock that was found stays in use where none is given. False if nothing was in use, and
        nothing is given.
        """
        with self._database.acting_for(drive.owner_id) as connection:
            before = intake.load_camera(connection, drive.drive_id)
            intake.set_camera_aside(connection, drive, said_by=said_by, reason=reason)
            if given is not None:
                clock = before.clock if before is not None else None
                intake.save_camera(connection, drive, replace(given, clock=given.clock or clock))
        return before is not None or given is not None

    def is_done(self, drive: Drive, run_id: RunId) -> bool:
        """Return whether a run's findings are stored, whole."""
        with self._database.acting_for(drive.owner_id) as connection:
            return is_done(connection, run_id)

    def save_findings(
        self,
        drive: Drive,
        findings: Findings,
        still_keys: Sequence[str],
    ) -> bool:
        """Store a run's findings in one transaction; False if they were there already."""
        with self._database.acting_for(drive.owner_id) as connection:
            return save_findings(connection, drive, findings, still_keys)

    def release_run(self, owner: OrganisationId, run_id: RunId) -> bool:
        """Let what a study's run found count, as found now; False if it does already.

        Raises:
            InputError: There is no such run.
        """
        with self._database.acting_for(owner) as connection:
            drive, found, still_keys, kept_since = load_findings(connection, run_id)
            return save_findings(
                connection, drive, found.as_live(), still_keys, kept_since=kept_since
            )

    def save_roads(
        self,
        authority: str,
        *,
        name: str,
        content_sha256: str,
        sections: Sequence[RoadSection],
    ) -> bool:
        """Store a network as the one in use; False if the one in use is of the same file."""
        with self._database.acting_for(organisation_id(authority)) as connection:
            known = intake.save_organisation(connection, authority)
            return roads.save_network(
                connection, known, name=name, content_sha256=content_sha256, sections=sections
            )

    def network_in_use(self, authority: OrganisationId) -> NetworkId | None:
        """Return the network that an authority loaded last; None if it loaded none."""
        with self._database.acting_for(authority) as connection:
            return roads.network_in_use(connection, authority)

    def load_sections(
        self, authority: OrganisationId, network_id: NetworkId, box: Box
    ) -> tuple[RoadSection, ...]:
        """Return the sections of a network that meet a box."""
        with self._database.acting_for(authority) as connection:
            return roads.load_sections(connection, network_id, box)

    def load_unplaced(self, drive: Drive, network_id: NetworkId) -> tuple[Observation, ...]:
        """Return a drive's sightings that were not placed on this network yet."""
        with self._database.acting_for(drive.authority_id) as connection:
            return roads.load_unplaced(connection, drive, network_id)

    def save_places(
        self,
        drive: Drive,
        network_id: NetworkId,
        places: Mapping[ObservationId, OnRoad | None],
    ) -> None:
        """Store on which sections sightings lie; what is there already stays."""
        with self._database.acting_for(drive.authority_id) as connection:
            roads.save_places(connection, drive.authority_id, network_id, places)

    def load_unlaid(
        self, drive: Drive, network_id: NetworkId, settings_sha256: str
    ) -> dict[RunId, tuple[Stretch, ...]]:
        """Return what a drive's runs looked at, of those not laid on the network yet."""
        with self._database.acting_for(drive.authority_id) as connection:
            return sections.load_unlaid(connection, drive, network_id, settings_sha256)

    def save_spans(
        self, drive: Drive, network_id: NetworkId, spans: Mapping[RunId, Sequence[SectionSpan]]
    ) -> None:
        """Store what runs looked at on each section; what is there already stays."""
        with self._database.acting_for(drive.authority_id) as connection:
            sections.save_spans(connection, drive.authority_id, network_id, spans)

    def coverage_of(
        self, authority: str, *, whole_of: Callable[[float], float], sure: float, now: datetime
    ) -> tuple[tuple[tuple[RoadSection, float], ...], tuple[tuple[DriveId, SectionSpan], ...]]:
        """Return the sections of an authority's network with lengths, and what was looked at.

        Args:
            authority: Whose roads.
            whole_of: How many metres of a section of some length are the whole of it.
            sure: How likely it must be that a drive was on the section.
            now: The present.

        Raises:
            InputError: It has loaded no network.
        """
        owner = organisation_id(authority)
        with self._database.acting_for(owner) as connection:
            network_id = roads.network_in_use(connection, owner)
            if network_id is None:
                raise InputError(
                    f"{authority} has loaded no road network; run: roadwear roads load FILE "
                    f"--authority {authority}"
                )
            return sections.load_coverage(
                connection, network_id, whole_of=whole_of, sure=sure, now=now
            )

    @contextmanager
    def gathering(
        self, authority: OrganisationId, drive_id: DriveId
    ) -> Iterator[PostgresGathering]:
        """Open the transaction in which the defects around a drive are gathered."""
        with self._database.acting_for(authority) as connection:
            defects.lock_authority(connection, authority)
            area = defects.load_area(connection, authority, drive_id)
            yield PostgresGathering(connection, authority, area, self._clock, drive_id)

    @contextmanager
    def ranking(self, authority: OrganisationId) -> Iterator[PostgresGathering]:
        """Open the transaction in which a queue is ranked anew; nothing is gathered in it."""
        with self._database.acting_for(authority) as connection:
            defects.lock_authority(connection, authority)
            nothing = Area(observations=())
            yield PostgresGathering(connection, authority, nothing, self._clock, ranks_all=True)

    def save_policy(self, authority: OrganisationId, policy: CouncilPolicy, content: bytes) -> None:
        """Store a version of a policy, once."""
        with self._database.acting_for(authority) as connection:
            defects.save_policy(connection, authority, policy, content)
