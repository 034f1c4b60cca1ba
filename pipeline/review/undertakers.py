"""What a defect's page says of street works and apparatus of others: labels, as of an import."""

from datetime import date

from pipeline.adapters.bank_holidays import Nation
from pipeline.adapters.postgres.council_records import load_newest
from pipeline.adapters.postgres.database import Connection
from pipeline.domain.defects import Defect
from pipeline.domain.ids import OrganisationId
from pipeline.domain.records import RecordKind
from pipeline.domain.undertakers import Apparatus, Works, apparatus_at, works_under_way

# The duty to maintain apparatus.
_DUTY = {
    Nation.ENGLAND_AND_WALES: "New Roads and Street Works Act 1991, section 81",
    Nation.SCOTLAND: "New Roads and Street Works Act 1991, section 140",
}


def undertaker_labels(
    connection: Connection,
    authority: OrganisationId,
    defect: Defect,
    place: tuple[int | None, Nation],
    today: date,
) -> tuple[str, ...]:
    """Return what is known of works and apparatus of others at a defect, in sentences.

    Args:
        connection: A transaction that acts for the authority.
        authority: Whose road it is.
        defect: The defect.
        place: Its street's USRN, None where it is not known, and then nothing is; and the nation.
        today: In the UK.
    """
    usrn, nation = place
    if usrn is None:
        return ()
    works = load_newest(connection, authority, RecordKind.WORKS, usrn)
    apparatus = load_newest(connection, authority, RecordKind.APPARATUS, usrn)
    under_way = works_under_way([record for record, _ in works], today)
    near = apparatus_at([record for record, _ in apparatus], defect.at, defect.error.sigma_m)
    works_day = {record.reference: day for record, day in works}
    apparatus_day = {record.reference: day for record, day in apparatus}
    return (
        *(f"{_works_words(one, today)} {_as_of(works_day[one.reference])}" for one in under_way),
        *(
            f"{_apparatus_words(one, nation)} {_as_of(apparatus_day[one.reference])}"
            for one in near
        ),
    )


def _as_of(day: date) -> str:
    return f"Known as of {day.day} {day:%B %Y}."


def _works_words(one: Works, today: date) -> str:
    is_begun = one.begins_on <= today
    when = "under way since" if is_begun else "to begin on"
    until = f" until {one.ends_on:%d %B %Y}" if one.ends_on else ", without an end that was said"
    what = " ".join(part for part in (one.promoter, one.what) if part) or "works"
    status = f", {one.status}" if one.status else ""
    theirs = " What lies in them may be theirs to mend." if is_begun else ""
    return (
        f"Street works {one.reference}: {what}, {when} {one.begins_on:%d %B %Y}{until}{status}."
        f"{theirs}"
    )


def _apparatus_words(one: Apparatus, nation: Nation) -> str:
    what = one.what or "Apparatus"
    owner = f" of {one.owner}" if one.owner else ""
    law = _DUTY.get(nation)
    by = f" ({law})" if law else ""
    return (
        f"{what}{owner} ({one.reference}), {one.distance_m:.1f} m away: if its cover or surround "
        f"is at fault, it may be the owner's to mend{by}."
    )
