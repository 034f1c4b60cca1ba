"""Whose roads a vehicle may come along besides those it is sent to, and along whose it came."""

from dataclasses import dataclass
from datetime import date, datetime

from pipeline.domain.checks import require
from pipeline.domain.ids import AgreementId, OrganisationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An owner of footage lets a highway authority have what concerns its roads.

    Attributes:
        owner_id: Whose footage it is.
        authority_id: Whose roads they are.
        from_on: For drives from this day on.
        source: Where it is written down: a minute, a contract.
    """

    agreement_id: AgreementId
    owner_id: OrganisationId
    authority_id: OrganisationId
    from_on: date
    source: str

    def __post_init__(self) -> None:
        """Refuse an agreement that nobody can look up."""
        require(bool(self.source.strip()), "say where the agreement is written down")
        require(self.owner_id != self.authority_id, "an agreement is between two organisations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A time for which a drive was on an authority's roads.

    Attributes:
        from_at: When it came there.
        to_at: When it left: the first instant that is not meant.
    """

    authority_id: OrganisationId
    from_at: datetime
    to_at: datetime

    def __post_init__(self) -> None:
        """Refuse a time that ends before it begins."""
        require(self.from_at < self.to_at, "a share must end after it begins")
