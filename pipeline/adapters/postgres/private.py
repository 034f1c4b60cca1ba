"""Areas in which nothing is kept, and what had to go because of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.intake import fix_of_row
from pipeline.domain.errors import InputError
from pipeline.domain.ids import BatchId, OrganisationId, StoreId
from pipeline.domain.places import LonLat
from pipeline.domain.private import PrivateArea
from pipeline.domain.track import RawFix


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which bytes of a file must go.

    Attributes:
        spans: Offset and length of each run of them.
        witness: Where one of them lies that is not zero as long as they are there; None if nothing
            must go.
    """

    spans: tuple[tuple[int, int], ...] = ()
    witness: int | None = None


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


def note_cuts(
    connection: Connection, owner: OrganisationId, batch_id: BatchId, cuts: Mapping[str, Cut]
) -> None:
    """Note which bytes of the files of a batch must go; of those that were cut before, anew."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into roadwear.cut_out (owner_id, batch_id, sha256, bytes, witness) "
            "select %(o)s, %(b)s, %(s)s, %(bytes)s::bigint[], %(w)s "
            "where %(w)s::bigint is not null or exists ("
            "select 1 from roadwear.cut_out where owner_id = %(o)s and sha256 = %(s)s)",
            [
                {
                    "o": owner,
                    "b": batch_id,
                    "s": sha256,
                    "bytes": [number for span in cut.spans for number in span],
                    "w": cut.witness,
                }
                for sha256, cut in cuts.items()
            ],
        )


def load_cuts(
    connection: Connection, owner: OrganisationId, store: StoreId
) -> tuple[tuple[str, Cut], ...]:
    """Return where a store's files lie or lay, and which of their bytes must be gone."""
    rows = connection.execute(
        "select s.location, c.* from (select distinct on (sha256) c.* from roadwear.cut_out c "
        "join roadwear.batch b using (batch_id) where c.owner_id = %s and b.state = 'done' "
        "order by sha256, cut_id desc) c join roadwear.stored_file s using (owner_id, sha256) "
        "where c.witness is not null and (s.store is null or s.store = %s)",
        (owner, store),
    )
    return tuple((row["location"], _cut(row)) for row in rows)


def fixes_of_track(
    connection: Connection, owner: OrganisationId, hashes: Sequence[str]
) -> Mapping[str, tuple[RawFix, ...]]:
    """Return what is kept of tracks that were taken out as a whole: of the drives they were of."""
    rows = connection.execute(
        "select f.sha256, x.* from (select distinct on (sha256) sha256, drive_id "
        "from roadwear.batch_file where owner_id = %s and sha256 = any(%s) "
        "and drive_id is not null order by sha256, arrived_at desc nulls last) f "
        "join roadwear.drive_fix x using (drive_id) where exists (select 1 from roadwear.cut_out c "
        "where c.owner_id = x.owner_id and c.sha256 = f.sha256 and c.bytes[1] = 0) "
        "order by f.sha256, x.ordinal",
        (owner, list(hashes)),
    )
    found: dict[str, list[RawFix]] = {}
    for row in rows:
        found.setdefault(row["sha256"], []).append(fix_of_row(row))
    return {sha256: tuple(fixes) for sha256, fixes in found.items()}


def _cut(row: Mapping[str, Any]) -> Cut:
    spans = tuple(zip(row["bytes"][::2], row["bytes"][1::2], strict=True))
    return Cut(spans=spans, witness=row["witness"])
