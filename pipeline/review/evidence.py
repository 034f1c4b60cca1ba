"""Evidence of a street: the nine answers on a page, and as a signed bundle."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import IO, Annotated
from uuid import uuid4

from fastapi import FastAPI, Form, Request
from fastapi.responses import Response, StreamingResponse

from pipeline.adapters.daylight import light_at
from pipeline.adapters.postgres.street import load_street, save_given_out
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import OrganisationId
from pipeline.domain.street import Claim, GivenOut, StreetFacts
from pipeline.domain.uk_time import LONDON
from pipeline.review.answers import answers_of, parts_not_held
from pipeline.review.bundle_files import Making, write_bundle
from pipeline.review.desk import Desk, require_csrf

_LONGEST = 20
_AT_ONCE = 1 << 16
_MAY_READ = frozenset({Role.ENGINEER, Role.OPERATIONS})
_IN_MEMORY = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was typed."""

    usrn: str
    on: str
    months: str

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Asked":
        """Read an address."""
        return cls(
            usrn=fields.get("usrn", "").strip()[:_LONGEST],
            on=fields.get("on", "").strip()[:_LONGEST],
            months=fields.get("months", "24").strip()[:_LONGEST],
        )

    def claim(self, today: date) -> Claim:
        """Return which street and time is meant.

        Raises:
            RuleError: It is not understood.
        """
        if not (self.usrn.isascii() and self.usrn.isdigit()):
            raise RuleError("Enter the USRN as a number of up to 8 digits.")
        if not (self.months.isascii() and self.months.isdigit()):
            raise RuleError("Enter how many months before the incident are asked about.")
        on = None
        with suppress(ValueError):
            on = date.fromisoformat(self.on)
        if on is None:
            raise RuleError("Enter the day of the incident, for example 2026-03-01.")
        if on > today:
            raise RuleError("The day of the incident is in the future.")
        try:
            return Claim(usrn=int(self.usrn), incident_on=on, months=int(self.months))
        except ValueError as error:
            said = str(error)
            raise RuleError(f"{said[:1].upper()}{said[1:]}.") from error


def facts_of(desk: Desk, authority: OrganisationId, claim: Claim) -> StreetFacts:
    """Return all that is held of a street over a time, with the light of each camera pass.

    Raises:
        InputError: No road of that USRN is known.
    """
    with desk.database.acting_for(authority) as connection:
        facts = load_street(connection, authority, claim)
    if not facts.sections:
        raise InputError(
            f"No street of the USRN {claim.usrn} is in your road network. Look it up in the "
            "gazetteer, or load a newer network (roadwear roads load)."
        )
    # The sun stands as high over all of a street.
    [place] = desk.rules.grid.to_lonlat([facts.sections[0].line[0]])
    return replace(
        facts, passes=tuple(replace(one, light=light_at(place, one.at)) for one in facts.passes)
    )


def give_out(
    desk: Desk, authority: OrganisationId, claim: Claim, made_by: str, to: IO[bytes]
) -> str:
    """Write a bundle, and keep that it was given out; return what to call its file.

    Raises:
        InputError: No road of that USRN is known.
        OutageError: The council's key cannot be kept, or a picture cannot be read.
    """
    facts = facts_of(desk, authority, claim)
    now = desk.clock.now()
    making = Making(bundle_id=uuid4(), made_by=made_by, made_at=now)
    signer = desk.signers.of(facts.authority, now)
    sums = write_bundle(to, facts, answers_of(facts), making, blobs=desk.blobs, signer=signer)
    with desk.database.acting_for(authority) as connection:
        save_given_out(
            connection,
            authority,
            making.bundle_id,
            GivenOut(claim=claim, made_by=made_by, sums_sha256=sums, made_at=now),
        )
    return f"evidence-{claim.usrn}-{claim.incident_on.isoformat()}.zip"


def add_evidence(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/evidence")
    def evidence_page(request: Request) -> Response:
        person = desk.person(request)
        if not person.roles & _MAY_READ:
            raise RuleError(f"Only a person with the role “{Role.ENGINEER}” may read evidence.")
        asked = Asked.of(request.query_params)
        facts, problem = None, None
        if asked.usrn or asked.on:
            try:
                claim = asked.claim(desk.clock.now().astimezone(LONDON).date())
                facts = facts_of(desk, person.organisation_id, claim)
            except (RuleError, InputError) as error:
                problem = str(error)
        answers = answers_of(facts) if facts else ()
        return desk.page(
            request, "evidence.html", status=422 if problem else 200, asked=asked,
            problem=problem, facts=facts, answers=answers, not_held=parts_not_held(answers),
            may_give_out=Role.ENGINEER in person.roles,
        )  # fmt: skip

    @app.post("/evidence")
    def bundle_form(
        request: Request,
        csrf: Annotated[str, Form()],
        usrn: Annotated[str, Form()] = "",
        on: Annotated[str, Form()] = "",
        months: Annotated[str, Form()] = "24",
    ) -> Response:
        require_csrf(request, csrf)
        person = desk.person(request)
        if Role.ENGINEER not in person.roles:
            raise RuleError(f"Only a person with the role “{Role.ENGINEER}” may give this out.")
        asked = Asked.of({"usrn": usrn, "on": on, "months": months})
        claim = asked.claim(desk.clock.now().astimezone(LONDON).date())
        file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - see _sent
        try:
            name = give_out(desk, person.organisation_id, claim, person.name, file)
        except BaseException:
            file.close()
            raise
        return StreamingResponse(
            _sent(file),
            media_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    """Yield a file from its beginning, and close it."""
    with file:
        file.seek(0)
        while chunk := file.read(_AT_ONCE):
            yield chunk
