"""The log of what was said and decided, as a page: read, searched, verified."""

import json
from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline.adapters.postgres.log import (
    log_head,
    log_lines,
    log_page,
    logged_kinds,
    rows_unlike_log,
)
from pipeline.adapters.postgres.people import load_everybody
from pipeline.domain.chain import LogLine, fault_in
from pipeline.domain.decisions import Role
from pipeline.domain.uk_time import LONDON
from pipeline.review.desk import Desk
from pipeline.review.words import instant_words

_MOST = 50
_LONGEST = 100
_LAST = 2**62
_WHO = ("said_by", "given_by", "added_by", "closed_by", "imported_by", "person_id")
_MAY = (Role.ADMIN, Role.OPERATIONS, Role.ENGINEER)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """A line as a page writes it.

    Attributes:
        who: By name, where the line says it.
        fields: What was kept, a name and a value each.
    """

    ordinal: int
    at: str
    kind: str
    who: str
    fields: tuple[tuple[str, str], ...]
    sha256: str


def add_audit(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/audit")
    def audit_page(
        request: Request, kind: str = "", about: str = "", before: str = "", verify: str = ""
    ) -> Response:
        person = desk.person_with(request, *_MAY)
        owner = person.organisation_id
        last = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else _LAST  # noqa: PLR2004 - a bigint
        asked = kind if kind in logged_kinds() else ""
        with desk.database.acting_for(owner) as connection:
            lines = log_page(
                connection, owner, before=last, kind=asked, about=about.strip()[:_LONGEST],
                most=_MOST,
            )  # fmt: skip
            head = log_head(connection, owner)
            names = {str(one.person_id): one.name for one in load_everybody(connection)}
            fault = fault_in(log_lines(connection, owner)) if verify else None
            unlike = rows_unlike_log(connection, owner) if verify else ()
        return desk.page(
            request, "audit.html", lines=[line_view(line, names) for line in lines], head=head,
            kinds=[(one, one.replace("_", " ")) for one in sorted(logged_kinds())],
            kind=asked, about=about.strip()[:_LONGEST], verified=bool(verify),
            faults=[*([fault] if fault else []), *unlike],
            before=lines[-1].ordinal if len(lines) == _MOST else None,
        )  # fmt: skip


def line_view(line: LogLine, names: dict[str, str]) -> LineView:
    """Return a line of the log as a page writes it.

    Args:
        line: Of the log.
        names: Of persons, by id.
    """
    said = json.loads(line.line)
    row = {key: value for key, value in said["row"].items() if value not in (None, "", [])}
    who = next((str(row[key]) for key in _WHO if key in row), "")
    at = said["logged_at"]
    return LineView(
        ordinal=line.ordinal,
        at=instant_words(_instant(at)),
        kind=str(said["kind"]).replace("_", " "),
        who=names.get(who, who),
        fields=tuple((key.replace("_", " "), _text(value)) for key, value in row.items()),
        sha256=line.sha256,
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(LONDON)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
