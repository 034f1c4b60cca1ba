"""What a defect's page says of street works and apparatus of others: labels, as of an import."""

from datetime import date

from pipeline.adapters.postgres.council_records import load_imports, load_records
from pipeline.adapters.postgres.database import Connection
from pipeline.domain.defects import Defect
from pipeline.domain.ids import OrganisationId
from pipeline.domain.records import CouncilRecord, RecordKind
from pipeline.domain.undertakers import Apparatus, Works, apparatus_at, works_under_way


def undertaker_labels(
    connection: Connection, authority: OrganisationId, defect: Defect, usrn: int | None, today: date
) -> tuple[str, ...]:
    """Return what is known of works and apparatus of others at a defect, in sentences.

    Args:
        connection: A transaction that acts for the authority.
        authority: Whose road it is.
        defect: The defect.
        usrn: Its street; None where it is not known, and then nothing is.
        today: In the UK.
    """
    if usrn is None:
        return ()
    works = works_under_way(_records(connection, authority, RecordKind.WORKS, usrn), today)
    apparatus = apparatus_at(
        _records(connection, authority, RecordKind.APPARATUS, usrn), defect.at, defect.error.sigma_m
    )
    told = [_works_words(one, today) for one in works] + [_apparatus_words(o) for o in apparatus]
    as_of = {
        kind: load_imports(connection, authority, kind)[-1].covers_to
        for kind, found in ((RecordKind.WORKS, works), (RecordKind.APPARATUS, apparatus))
        if found
    }
    return (
        *told,
        *(f"{kind.words.capitalize()}: as of {day:%d %B %Y}." for kind, day in as_of.items()),
    )


def _records(
    connection: Connection, authority: OrganisationId, kind: RecordKind, usrn: int
) -> tuple[CouncilRecord, ...]:
    return load_records(connection, authority, kind, (usrn, date.min, date.max))


def _works_words(one: Works, today: date) -> str:
    when = "under way since" if one.begins_on <= today else "to begin on"
    until = f" until {one.ends_on:%d %B %Y}" if one.ends_on else ", without an end that was said"
    what = " ".join(part for part in (one.promoter, one.what) if part) or "works"
    status = f", {one.status}" if one.status else ""
    return (
        f"Street works {one.reference}: {what}, {when} {one.begins_on:%d %B %Y}{until}{status}. "
        "What lies in them may be theirs to mend."
    )


def _apparatus_words(one: Apparatus) -> str:
    what = one.what or "Apparatus"
    owner = f" of {one.owner}" if one.owner else ""
    return (
        f"{what}{owner} ({one.reference}), {one.distance_m:.1f} m away: if its cover or surround "
        "is at fault, it is the undertaker's to mend (New Roads and Street Works Act 1991, "
        "section 81)."
    )
