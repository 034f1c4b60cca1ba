"""Keys of systems outside: whose they are and what they may do. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware
from pipeline.domain.ids import OrganisationId, TokenId


class Scope(StrEnum):
    """What a system outside may do."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    DEFECTS_READ = "defects:read"
    POSSIBLE_READ = "possible:read"

    @property
    def words(self) -> str:
        """As help writes it."""
        return {
            Scope.ORDERS_READ: "read works orders",
            Scope.ORDERS_WRITE: "say what became of works orders",
            Scope.DEFECTS_READ: "read defects that an engineer confirmed",
            Scope.POSSIBLE_READ: "read possible defects (for the council's map, no works system)",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A key of a system outside.

    Attributes:
        name: What the system is called: it stands beside what it says.
        ends_at: From this instant on it opens nothing.
    """

    token_id: TokenId
    authority_id: OrganisationId
    name: str
    scopes: frozenset[Scope]
    ends_at: datetime

    def __post_init__(self) -> None:
        """Refuse a key without a name, or that opens nothing."""
        require_aware(ends_at=self.ends_at)
        require(bool(self.name), "a key has a name")
        require(bool(self.scopes), "a key has a scope")
