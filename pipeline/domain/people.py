"""Who people are where they sign in elsewhere. Pure."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.domain.checks import require
from pipeline.domain.ids import OrganisationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an identity provider says of who has just signed in there.

    Attributes:
        issuer: The provider.
        subject: Its own name of the person, which never becomes somebody else's.
        email: In small letters; "" where it does not say one, or says that it is not verified.
    """

    issuer: str
    subject: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An identity provider of an organisation (OpenID Connect).

    Attributes:
        key: By which it is called in addresses.
        name: As it stands on the button.
        issuer: Its address, where its configuration is found.
        client_id: What Roadwear is called there.
        client_secret: "" for a public client.
        organisation_id: Of its people.
        trust_email: Its addresses are believed though it does not say that they are verified.
    """

    key: str
    name: str
    issuer: str
    client_id: str
    client_secret: str
    organisation_id: OrganisationId
    trust_email: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be addressed, and a provider that anybody could listen to."""
        require(self.key.isalnum() and self.key.isascii(), f"{self.key!r} must be letters, digits")
        local = urlsplit(self.issuer).hostname in {"localhost", "127.0.0.1"}
        require(self.issuer.startswith("https://") or local, "an issuer begins with https://")
        require(bool(self.client_id), "client_id is missing")
