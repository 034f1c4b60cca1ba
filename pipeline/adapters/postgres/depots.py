"""Who may hand in footage: depots and recorders by their keys; which camera is on which vehicle."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from pipeline.adapters.postgres.database import Connection, Database
from pipeline.domain.ids import DepotId, OrganisationId, natural_uuid
from pipeline.domain.receiving import Depot

_PREFIX = "rw_"


def add_depot(connection: Connection, depot: Depot, *, added_by: str) -> str | None:
    """Add a depot and return its key, which is shown once; None if it is there already."""
    key = _PREFIX + secrets.token_urlsafe(32)
    row = connection.execute(
        "insert into roadwear.depot (depot_id, owner_id, authority_id, name, fleet_number, "
        "forward_channel, token_sha256, added_by, mail) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "on conflict do nothing returning depot_id",
        (
            depot.depot_id, depot.owner_id, depot.authority_id, depot.name, depot.fleet_number,
            depot.forward_channel, _hashed(key), added_by, depot.mail,
        ),
    ).fetchone()  # fmt: skip
    return None if row is None else key


def depot_id(owner: OrganisationId, name: str, issue: int) -> DepotId:
    """Return the id of a depot's key: a new one is given out under the next number."""
    return DepotId(natural_uuid("depot", owner, name.strip().lower(), issue))


def close_depot(connection: Connection, depot: Depot, *, closed_by: str) -> None:
    """End a depot's key."""
    connection.execute(
        "insert into roadwear.depot_closed (depot_id, owner_id, closed_by) values (%s, %s, %s) "
        "on conflict do nothing",
        (depot.depot_id, depot.owner_id, closed_by),
    )


def depot_of_key(database: Database, key: str) -> Depot | None:
    """Return whose key it is; None if it is nobody's, or was ended."""
    if not key.startswith(_PREFIX):
        return None
    with database.showing_token(_hashed(key)) as connection:
        row = connection.execute(
            "select * from roadwear.depot where token_sha256 = %s", (_hashed(key),)
        ).fetchone()
    if row is None:
        return None
    depot = _depot(row)
    with database.acting_for(depot.owner_id) as connection:
        return load_depot(connection, depot.depot_id)


def load_depot(connection: Connection, name: DepotId) -> Depot | None:
    """Return a depot whose key has not been ended."""
    row = connection.execute(
        "select d.* from roadwear.depot d where d.depot_id = %s and not exists "
        "(select 1 from roadwear.depot_closed c where c.depot_id = d.depot_id)",
        (name,),
    ).fetchone()
    return None if row is None else _depot(row)


def forward_channel_of(connection: Connection, name: DepotId) -> str:
    """Return which camera of a depot's recorders looks ahead, also after its key was ended."""
    row = connection.execute(
        "select forward_channel from roadwear.depot where depot_id = %s", (name,)
    ).fetchone()
    return "" if row is None else str(row["forward_channel"])


def mail_of(connection: Connection, name: DepotId | None) -> str:
    """Return who is sent what became of a depot's batches; "" for nobody."""
    row = connection.execute(
        "select mail from roadwear.depot where depot_id = %s", (name,)
    ).fetchone()
    return "" if row is None else str(row["mail"])


def load_depots(connection: Connection, owner: OrganisationId) -> tuple[Depot, ...]:
    """Return an organisation's depots whose keys have not been ended, by name."""
    rows = connection.execute(
        "select d.* from roadwear.depot d where d.owner_id = %s and not exists "
        "(select 1 from roadwear.depot_closed c where c.depot_id = d.depot_id) order by d.name",
        (owner,),
    )
    return tuple(_depot(row) for row in rows)


def save_camera_of_vehicle(
    connection: Connection, owner: OrganisationId, serial: str, fleet_number: str, *, said_by: str
) -> None:
    """Note on which vehicle a camera is; the latest word counts."""
    connection.execute(
        "insert into roadwear.vehicle_camera (owner_id, serial, fleet_number, said_by) "
        "values (%s, %s, %s, %s)",
        (owner, serial.strip(), fleet_number.strip().lower(), said_by),
    )


def cameras_of_vehicles(connection: Connection, owner: OrganisationId) -> Mapping[str, str]:
    """Return fleet numbers by the serial numbers of their cameras."""
    rows = connection.execute(
        "select distinct on (serial) serial, fleet_number from roadwear.vehicle_camera "
        "where owner_id = %s order by serial, recorded_at desc",
        (owner,),
    )
    return {row["serial"]: row["fleet_number"] for row in rows}


def fleet_numbers(connection: Connection, owner: OrganisationId) -> frozenset[str]:
    """Return the fleet numbers that are known of an organisation."""
    rows = connection.execute(
        "select fleet_number from roadwear.vehicle where owner_id = %s", (owner,)
    )
    return frozenset(row["fleet_number"] for row in rows)


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _depot(row: dict[str, Any]) -> Depot:
    return Depot(
        depot_id=row["depot_id"],
        owner_id=row["owner_id"],
        authority_id=row["authority_id"],
        name=row["name"],
        fleet_number=row["fleet_number"],
        forward_channel=row["forward_channel"],
        mail=row["mail"],
    )
