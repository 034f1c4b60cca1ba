"""Identities: distinct types, each a UUIDv5 of the thing's natural key. Pure.

The same key gives the same id on every machine and on every day, which is what lets
everything happen twice without leaving two of anything.
"""

from collections.abc import Iterable
from typing import NewType
from uuid import UUID, uuid5

OrganisationId = NewType("OrganisationId", UUID)
VehicleId = NewType("VehicleId", UUID)
PersonId = NewType("PersonId", UUID)
DriveId = NewType("DriveId", UUID)
ClipSha256 = NewType("ClipSha256", str)
RunId = NewType("RunId", UUID)
ObservationId = NewType("ObservationId", UUID)
DefectId = NewType("DefectId", UUID)
NetworkId = NewType("NetworkId", UUID)
DecisionId = NewType("DecisionId", UUID)
WordId = NewType("WordId", UUID)
OrderId = NewType("OrderId", UUID)
EventId = NewType("EventId", UUID)
AlertId = NewType("AlertId", UUID)
DutyId = NewType("DutyId", UUID)
DepotId = NewType("DepotId", UUID)
BatchId = NewType("BatchId", UUID)
UploadId = NewType("UploadId", UUID)
StoreId = NewType("StoreId", UUID)
TokenId = NewType("TokenId", UUID)
EntryId = NewType("EntryId", UUID)
AgreementId = NewType("AgreementId", UUID)
LookId = NewType("LookId", UUID)
StudyId = NewType("StudyId", UUID)

_ROADWEAR = UUID("6f1d3c52-58d1-5d3b-9a41-0f6a4f6d2b10")


def uuid_of(text: str) -> UUID | None:
    """Return the UUID that a text is; None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def natural_uuid(kind: str, *key: object) -> UUID:
    """Return the UUIDv5 of a natural key.

    Args:
        kind: What the key identifies, so that equal keys of two kinds differ.
        key: The parts of the key; each is written with str().

    >>> natural_uuid("defect", 1) == natural_uuid("defect", 1)
    True
    >>> natural_uuid("defect", 1) == natural_uuid("drive", 1)
    False
    """
    return uuid5(_ROADWEAR, "\x1f".join((kind, *(str(part) for part in key))))


def organisation_id(slug: str) -> OrganisationId:
    """Return the id of an organisation from the short name it is called by."""
    return OrganisationId(natural_uuid("organisation", slug.strip().lower()))


def vehicle_id(owner: OrganisationId, fleet_number: str) -> VehicleId:
    """Return the id of a vehicle from its owner and fleet number."""
    return VehicleId(natural_uuid("vehicle", owner, fleet_number.strip().lower()))


def drive_id_of(owner: OrganisationId, vehicle: VehicleId, clips: Iterable[ClipSha256]) -> DriveId:
    """Return the id of the drive that clips make, whatever they are called."""
    return DriveId(natural_uuid("drive", owner, vehicle, *sorted(clips)))
