"""Agreements between owners of footage and highway authorities, and what drives they share."""

from collections.abc import Sequence
from datetime import date

from pipeline.adapters.postgres.database import Connection, copy_rows
from pipeline.adapters.postgres.drive_words import lock_drive
from pipeline.domain.agreements import Agreement, Share
from pipeline.domain.footage import Drive
from pipeline.domain.ids import AgreementId, DriveId, OrganisationId

_STANDING = """
  select a.*, o.slug as owner, c.slug as authority from roadwear.agreement a
  join roadwear.organisation o on o.organisation_id = a.owner_id
  join roadwear.organisation c on c.organisation_id = a.authority_id
  where not exists (select 1 from roadwear.agreement_ended e
                    where e.agreement_id = a.agreement_id)"""


def save_agreement(connection: Connection, agreement: Agreement, *, said_by: str) -> None:
    """Keep an agreement; the connection acts for the owner, who alone can give it."""
    connection.execute(
        "insert into roadwear.agreement (agreement_id, owner_id, authority_id, from_on, source, "
        "said_by) values (%s, %s, %s, %s, %s, %s)",
        (
            agreement.agreement_id, agreement.owner_id, agreement.authority_id, agreement.from_on,
            agreement.source, said_by,
        ),
    )  # fmt: skip


def end_agreement(
    connection: Connection, agreement: Agreement, *, ended_on: date, said_by: str
) -> None:
    """Keep that an agreement ended: drives that are processed later are not shared."""
    connection.execute(
        "insert into roadwear.agreement_ended (agreement_id, owner_id, authority_id, ended_on, "
        "said_by) values (%s, %s, %s, %s, %s) on conflict do nothing",
        (
            agreement.agreement_id, agreement.owner_id, agreement.authority_id, ended_on, said_by,
        ),
    )  # fmt: skip


def load_agreements(connection: Connection) -> tuple[tuple[Agreement, str, str], ...]:
    """Return the standing agreements of who is acted for, with names of owner and authority."""
    rows = connection.execute(f"{_STANDING} order by o.slug, c.slug, a.from_on")
    return tuple(
        (
            Agreement(
                agreement_id=AgreementId(row["agreement_id"]),
                owner_id=OrganisationId(row["owner_id"]),
                authority_id=OrganisationId(row["authority_id"]),
                from_on=row["from_on"],
                source=row["source"],
            ),
            row["owner"],
            row["authority"],
        )
        for row in rows
    )


def authorities_agreed(
    connection: Connection, owner: OrganisationId, on: date
) -> tuple[OrganisationId, ...]:
    """Return the authorities that may have what an owner's drive of a day shows of their roads."""
    found = {
        agreement.authority_id
        for agreement, _, _ in load_agreements(connection)
        if agreement.owner_id == owner and agreement.from_on <= on
    }
    return tuple(sorted(found))


def load_shares(connection: Connection, drive_id: DriveId) -> tuple[Share, ...]:
    """Return along whose roads a drive came, by time; nothing where that was never said."""
    rows = connection.execute(
        "select authority_id, from_at, to_at from roadwear.drive_share where drive_id = %s "
        "order by from_at",
        (drive_id,),
    )
    return tuple(
        Share(
            authority_id=OrganisationId(row["authority_id"]),
            from_at=row["from_at"],
            to_at=row["to_at"],
        )
        for row in rows
    )


def save_shares(connection: Connection, drive: Drive, shares: Sequence[Share]) -> tuple[Share, ...]:
    """Keep along whose roads a drive came, once, and return what is kept."""
    lock_drive(connection, drive.drive_id)
    if not (kept := load_shares(connection, drive.drive_id)):
        kept = tuple(shares)
        copy_rows(
            connection,
            "drive_share",
            ("drive_id", "owner_id", "home_id", "authority_id", "from_at", "to_at"),
            (
                (
                    drive.drive_id, drive.owner_id, drive.authority_id, share.authority_id,
                    share.from_at, share.to_at,
                )
                for share in kept
            ),
        )  # fmt: skip
    return kept
