"""What the routes share: who is signed in, the templates, and where everything is."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChainableUndefined, Environment, PackageLoader, PrefixLoader

from pipeline.adapters.oidc import SignInElsewhere
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.people import Person, load_person
from pipeline.adapters.second_factor import Sealer
from pipeline.adapters.signing import SignerStore
from pipeline.domain.decisions import Role
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import OrganisationId, PersonId, StoreId
from pipeline.domain.policy import CouncilPolicy, Policies
from pipeline.domain.ports import Blobs, Clock, Detector, Grid
from pipeline.domain.room import Room
from pipeline.line import LineSettings
from pipeline.review.throttle import Throttle

# So long somebody stays signed in, whatever they do.
SESSION_S = 8 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseMap:
    """A map of somebody else's under the council's own; nobody is asked for one unless it is set.

    Attributes:
        tiles: Address of pictures, with {z}, {x} and {y}; "" for none.
        attribution: Whose it is, as its licence asks for.
    """

    tiles: str = ""
    attribution: str = ""

    @property
    def origin(self) -> str:
        """Where it is asked for, as a content security policy names it; "" for nowhere."""
        parts = urlsplit(self.tiles)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By what sightings are gathered, the queue is ranked, and places are given out.

    Attributes:
        policies: Those of the councils, each with the file that it was read from.
        line: How sightings are gathered when a person joins, splits or voids.
        grid: For places in files that others read, and on maps.
        base_map: What lies under the council's own map.
    """

    policies: Policies
    line: LineSettings
    grid: Grid
    base_map: BaseMap = BaseMap()


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """How people come in.

    Attributes:
        sealer: Seals what is behind second factors.
        elsewhere: Identity providers at which people may sign in.
        code_required: Whoever signs in by a password needs a second factor.
        address: Of these pages, as people call them; "" if it is what their browser says.
    """

    sealer: Sealer
    elsewhere: tuple[SignInElsewhere, ...] = ()
    code_required: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """What those who see to operations are told of the machines that look.

    Attributes:
        prefect: Where Prefect's own pages are; "" where there are none, or several councils share
            them.
        hour_cost: What an hour of a worker costs, in pounds; None where nobody said.
    """

    prefect: str = ""
    hour_cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aids:
    """What some pages need besides.

    Attributes:
        signers: Who signs evidence.
        doors: How people come in.
        detector: Gives what finds bystanders in photographs; without one none is taken.
        room: Says what the disks have room for.
        works: The machines that look.
    """

    signers: SignerStore
    doors: Doors
    detector: Callable[[], Detector] | None = None
    room: Callable[[], Room] = lambda: Room.ENOUGH
    works: Works = field(default_factory=Works)


class SignedOutError(Exception):
    """Nobody is signed in; the browser is sent to the sign-in page."""


class UnfinishedError(Exception):
    """Somebody has to choose a password or set up a second factor first, on their own page."""


class Desk:
    """What the routes share: the database, the pictures, the clock, the templates."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        clock: Clock,
        rules: Rules,
        store: StoreId,
        aids: Aids,
    ) -> None:
        """Prepare the templates.

        Args:
            database: Where everything is.
            blobs: Where the pictures are.
            clock: Tells the time.
            rules: What follows when a person joins or splits possible defects.
            store: Where footage lies that is handed in here.
            aids: Who signs evidence, and what checks photographs.
        """
        self.store = store
        self.signers = aids.signers
        self.doors = aids.doors
        self.detector = aids.detector
        self.room = aids.room
        self.works = aids.works
        self.base_map = rules.base_map
        self.throttle = Throttle()
        self.database = database
        self.blobs = blobs
        self.clock = clock
        self.rules = rules
        self._templates = Environment(
            loader=PrefixLoader(
                {
                    "review": PackageLoader("pipeline.review"),
                    "govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja"),
                }
            ),
            autoescape=True,
            undefined=ChainableUndefined,  # govuk-frontend-jinja asks for whatever may be set
        )

    def page(
        self, request: Request, template: str, *, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Render a page with what every page shows."""
        text = self._templates.get_template(f"review/{template}").render(
            csrf=csrf_of(request),
            signed_in_as=request.session.get("name"),
            is_admin=request.session.get("admin"),
            sees_operations=request.session.get("operations"),
            **values,
        )
        return HTMLResponse(text, status_code=status)

    def policy(self, authority: OrganisationId) -> tuple[CouncilPolicy, bytes]:
        """Return the policy that an authority goes by, and its bytes."""
        return self.rules.policies.of(authority)

    def person(self, request: Request, *, unfinished: bool = False) -> Person:
        """Return who is signed in.

        Args:
            request: With the session.
            unfinished: Also who has something to do before anything else.

        Raises:
            SignedOutError: Nobody is, or no longer.
            UnfinishedError: Something is to be done first.
        """
        try:
            organisation = OrganisationId(UUID(request.session["organisation"]))
            person_id = PersonId(UUID(request.session["person"]))
        except (KeyError, ValueError) as error:
            raise SignedOutError from error
        with self.database.acting_for(organisation) as connection:
            person = load_person(connection, person_id)
        too_old = time.time() - float(request.session.get("begun", 0)) > SESSION_S
        if person is None or too_old or person.mark != request.session.get("mark"):
            raise SignedOutError
        if self.unfinished(request, person) and not unfinished:
            raise UnfinishedError
        return person

    def unfinished(self, request: Request, person: Person) -> str:
        """Return what a person has to do before anything else; "" for nothing."""
        if request.session.get("elsewhere"):
            return ""
        if person.must_change:
            return "Your password was given to you. Choose one that only you know."
        if self.doors.code_required and not person.code_secret:
            return "Here a second factor is required. Set one up."
        return ""

    def person_with(self, request: Request, *roles: Role) -> Person:
        """Return who is signed in and has one of some roles.

        Raises:
            SignedOutError: Nobody is signed in.
            RuleError: They have none of them.
        """
        person = self.person(request)
        if not person.roles & set(roles):
            wanted = " or ".join(f"“{role.value}”" for role in roles)
            raise RuleError(f"Only a person with the role {wanted} may see or do this.")
        return person


def csrf_of(request: Request) -> str:
    """Return the session's token, made when first asked for."""
    if "csrf" not in request.session:
        request.session["csrf"] = secrets.token_urlsafe(24)
    return str(request.session["csrf"])


def require_csrf(request: Request, token: str) -> None:
    """Refuse a form that does not come from our own page.

    Raises:
        RuleError: The token is not the session's.
    """
    if not secrets.compare_digest(token.encode(), csrf_of(request).encode()):
        raise RuleError("This form has expired. Go back, reload the page and try again.")
