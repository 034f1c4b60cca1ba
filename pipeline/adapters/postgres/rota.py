"""On which days vehicles are out, as persons said, and when they were heard from."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.people import Person
from pipeline.domain.errors import InputError
from pipeline.domain.ids import OrganisationId, VehicleId
from pipeline.domain.rota import Rota, WatchedVehicle


def load_watched(
    connection: Connection, owner: OrganisationId, since: datetime
) -> tuple[WatchedVehicle, ...]:
    """Return an organisation's vehicles with their rotas, and when each was heard from.

    Args:
        connection: Acting for the organisation.
        owner: Whose.
        since: What came before is not looked for.
    """
    rows = connection.execute(
        """
        with heard as (
          select d.vehicle_id, max(c.received_at) as at from roadwear.clip c
          join roadwear.drive d using (drive_id)
          where c.owner_id = %(owner)s and d.owner_id = %(owner)s and c.received_at >= %(since)s
          group by d.vehicle_id),
        rota as (
          select distinct on (vehicle_id) vehicle_id, weekdays, within_days, from_day
          from roadwear.vehicle_rota where owner_id = %(owner)s
          order by vehicle_id, ordinal desc)
        select v.vehicle_id, v.fleet_number, heard.at, weekdays, within_days, from_day
        from roadwear.vehicle v left join heard using (vehicle_id) left join rota using (vehicle_id)
        where v.owner_id = %(owner)s order by v.fleet_number""",
        {"owner": owner, "since": since},
    )
    return tuple(
        WatchedVehicle(
            vehicle_id=VehicleId(row["vehicle_id"]),
            vehicle=row["fleet_number"],
            rota=None
            if row["weekdays"] is None
            else Rota(
                weekdays=frozenset(row["weekdays"]),
                within_days=row["within_days"],
                from_day=row["from_day"],
            ),
            last_heard_at=row["at"],
        )
        for row in rows
    )


def save_rota(
    connection: Connection,
    person: Person,
    vehicles: Sequence[VehicleId],
    rota: Rota,
    now: datetime,
) -> None:
    """Keep what a person says of vehicles of their organisation.

    Raises:
        InputError: One of them is none of theirs.
    """
    for vehicle in vehicles:
        kept = connection.execute(
            "insert into roadwear.vehicle_rota (rota_id, owner_id, vehicle_id, weekdays, "
            "within_days, from_day, person_id, said_at) select %s, owner_id, vehicle_id, %s, %s, "
            "%s, %s, %s from roadwear.vehicle where vehicle_id = %s and owner_id = %s "
            "returning rota_id",
            (
                uuid4(), sorted(rota.weekdays), rota.within_days, rota.from_day, person.person_id,
                now, vehicle, person.organisation_id,
            ),
        ).fetchone()  # fmt: skip
        if kept is None:
            raise InputError("There is no such vehicle of yours.")
