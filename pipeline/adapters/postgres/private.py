"""Areas in which nothing is kept, and what had to go because of them."""

from collections.abc import Mapping, Sequence

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.errors import InputError
from pipeline.domain.ids import OrganisationId, StoreId
from pipeline.domain.places import LonLat
from pipeline.domain.private import PrivateArea

_Spans = tuple[tuple[int, int], ...]


def add_area(
    connection: Connection, owner: OrganisationId, area: PrivateArea, *, said_by: str
) -> None:
    """Keep nothing of what is handed in from now on and lies in an area."""
    connection.execute(
        "insert into roadwear.private_area (area_id, owner_id, name, lon_deg, lat_deg, radius_m, "
        "said_by) values (%s, %s, %s, %s, %s, %s, %s)",
        (
            area.area_id, owner, area.name, area.centre.lon_deg, area.centre.lat_deg,
            area.radius_m, said_by,
        ),
    )  # fmt: skip


def end_area(connection: Connection, owner: OrganisationId, name: str, *, said_by: str) -> None:
    """Keep again what lies in an area, of what is handed in from now on.

    Raises:
        InputError: There is no area of that name.
    """
    done = connection.execute(
        "insert into roadwear.private_area_ended (area_id, owner_id, said_by) "
        "select area_id, owner_id, %s from roadwear.standing_area "
        "where owner_id = %s and lower(name) = lower(%s)",
        (said_by, owner, name.strip()),
    )
    if not done.rowcount:
        raise InputError(f"there is no private area {name!r}; roadwear private list")


def load_areas(connection: Connection) -> tuple[PrivateArea, ...]:
    """Return the areas in which the organisation keeps nothing."""
    rows = connection.execute("select * from roadwear.standing_area order by name, recorded_at")
    return tuple(
        PrivateArea(
            area_id=row["area_id"],
            name=row["name"],
            centre=LonLat(lon_deg=row["lon_deg"], lat_deg=row["lat_deg"]),
            radius_m=row["radius_m"],
        )
        for row in rows
    )


def note_cut(
    connection: Connection, owner: OrganisationId, sha256: str, spans: Sequence[tuple[int, int]]
) -> None:
    """Note which bytes of a file must go."""
    connection.execute(
        "insert into roadwear.cut_out (owner_id, sha256, bytes) values (%s, %s, %s) "
        "on conflict do nothing",
        (owner, sha256, [number for span in spans for number in span]),
    )


def load_cuts(
    connection: Connection, owner: OrganisationId, store: StoreId
) -> Mapping[str, tuple[str, _Spans]]:
    """Return, by hash, where a store's files lie or lay, and which of their bytes must be gone."""
    rows = connection.execute(
        "select c.sha256, s.location, c.bytes from roadwear.cut_out c "
        "join roadwear.stored_file s using (owner_id, sha256) "
        "where c.owner_id = %s and (s.store is null or s.store = %s)",
        (owner, store),
    )
    return {
        row["sha256"]: (
            row["location"], tuple(zip(row["bytes"][::2], row["bytes"][1::2], strict=True)),
        )
        for row in rows
    }  # fmt: skip
