"""A council with something of everything, for tests that walk all pages."""

import re
from dataclasses import dataclass
from uuid import UUID, uuid4

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.duty import raise_alerts
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.domain.ids import organisation_id
from pipeline.domain.roads import RoadSection
from tests.builders import a_road_line, an_observation
from tests.review.browsing import Browser, defects_of
from tests.stored import gather, store_findings

DEPOT = organisation_id("depot")


@dataclass(frozen=True, slots=True)
class Things:
    """What there is of the council."""

    waiting: str
    other: str
    pictured: str
    approved: str
    order: str
    drive: str
    alert: str
    sighting: str
    ada: str
    entry: str
    decision: str
    vehicle: str


def make_things(ada: Browser, database: Database) -> Things:
    """Make a queue, an order, a camera pass, a possible emergency."""
    ledger = PostgresLedger(database, SystemClock())
    line = a_road_line((-20, 0), (200, 0))
    street = RoadSection(section_id="S", line=line, usrn=20400123)
    ledger.save_roads("depot", name="roads", content_sha256="0", sections=[street])
    seen = [
        an_observation(east, 0, drive="more", second=900 + n, width_m=0.5)
        for n, east in enumerate((100.0, 100.0, 110.0, 110.0, 120.0, 120.0))
    ]
    gather(ledger, store_findings(ledger, seen, authority="depot"))
    paths = defects_of(ada)
    for path in paths[:2]:
        ada.get(path)
        ada.approve(path)
    name = paths[0].rpartition("/")[2]
    said = {"csrf": ada.csrf, "defect": name, "repair": "permanent", "traffic": "none"}
    order = ada.client.post("/orders", data=said).url.path.rpartition("/")[2]
    with database.acting_for(DEPOT) as connection:
        raise_alerts(connection, DEPOT, ["CAT2H", "CAT2M", "CAT1_24"], SystemClock().now())
        found = connection.execute(
            "select (select alert_id from roadwear.alert limit 1) as alert, "
            "(select drive_id from roadwear.drive limit 1) as drive, "
            "(select vehicle_id from roadwear.vehicle limit 1) as vehicle, "
            "(select observation_id from roadwear.current_membership where defect_id = %s "
            "order by observation_id limit 1) as sighting, (select person_id from roadwear.person "
            "where name = 'Ada') as ada, "
            "(select decision_id from roadwear.decision limit 1) as decision",
            (UUID(paths[2].rpartition("/")[2]),),
        ).fetchone()
        entry = uuid4()
        connection.execute(
            "insert into roadwear.site_entry (entry_id, authority_id, defect_id, person_id, "
            "outcome, note, photo_key, followed, happened_at) "
            "select %s, %s, d.defect_id, p.person_id, 'not_found', '', "
            "(select blob_key from roadwear.still limit 1), '', now() "
            "from roadwear.defect d, roadwear.person p where p.name = 'Ada' limit 1",
            (entry, DEPOT),
        )
    assert found is not None
    ids = [path.rpartition("/")[2] for path in paths]
    return Things(
        ids[2], ids[3], ids[0], ids[1], order, str(found["drive"]), str(found["alert"]),
        str(found["sighting"]), str(found["ada"]), str(entry), str(found["decision"]),
        str(found["vehicle"]),
    )  # fmt: skip


def address(route: str, things: Things) -> str:
    kind = {"defect_id": things.waiting, "drive_id": things.drive, "order_id": things.order,
            "alert_id": things.alert, "entry_id": things.entry, "person_id": things.ada,
            "decision_id": things.decision, "vehicle_id": things.vehicle,
            "number": "0", "kind": "csv", "view": "wide",
            "zoom": "10", "x": "511", "y": "340"}  # fmt: skip
    if "pictures" in route:
        kind["defect_id"] = things.pictured
    return re.sub(r"\{(\w+)\}", lambda found: kind[found[1]], route)
