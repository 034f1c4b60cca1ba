"""Many councils in one database: what the clock asks of all of them, and one page of one.

Each council is a small county of `deploy.bench_county`: what is assumed there is assumed here.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg

from deploy.bench_county import County, fill
from deploy.bench_house import House, bench_house
from deploy.processing import store_of
from flows.health import digest_of
from pipeline import wiring
from pipeline.adapters.postgres.queue_pages import Wanted, load_page
from pipeline.adapters.postgres.work import load_all_waiting
from pipeline.domain.ids import OrganisationId, organisation_id
from pipeline.line import refresh_queue
from pipeline.stages.queue_up import queue_up

# Of one council: two vehicles for six hours a day, on ten days.
_COUNCIL = County(road_km=200.0, vehicles=2, hours=6.0, days=10)
_FEW = 10
# Of the last day another clip of each drive came that nobody looked at; the others are gone.
_CAME = (
    """insert into roadwear.clip (owner_id, clip_sha256, authority_id, drive_id, location, width_px,
    height_px, time_base_num, time_base_den, first_pts, duration_s, started_at, received_at)
    select owner_id, md5(clip_sha256) || md5(clip_sha256 || 'x'), authority_id, drive_id, '', 1280,
      720, 1, 1000, 0, 5400, started_at, now() - interval '1 hour'
    from roadwear.clip where owner_id = %(owner)s order by started_at desc limit %(drives)s""",
    """insert into roadwear.stored_file (owner_id, sha256, authority_id, size_bytes, location,
    received_at, silent, store, gone_at)
    select owner_id, clip_sha256, authority_id, 5400000000, '', received_at, true, %(store)s,
      case when received_at < now() - interval '90 minutes' then now() end
    from roadwear.clip where owner_id = %(owner)s""",
)
_DRIVES_A_DAY = 8
_PLACES = 64


def bench_councils(count: int, on_step: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Fill a database with councils and ask it, with ten of them there and with all.

    Args:
        count: How many.
        on_step: Told what goes on.

    Raises:
        OutageError: The database does not answer.
    """
    found = {}
    with (
        bench_house() as house,
        psycopg.connect(house.cluster.start().admin_url, autocommit=True) as connection,
    ):
        there = 0
        for many in sorted({min(_FEW, count), count}):
            for number in range(there, many):
                _fill_one(house, connection, f"council{number}")
                if number % _FEW == 0:
                    on_step(f"council {number + 1} of {count} filled")
            there = many
            connection.execute("vacuum (analyze)")
            found[f"{many} councils"] = _asked(house, connection, many, on_step)
    return found


def _fill_one(house: House, connection: psycopg.Connection, name: str) -> None:
    fill(house, connection, _COUNCIL, lambda _: None, name=name)
    connection.execute("set session_replication_role = replica")
    keys = {
        "owner": organisation_id(name),
        "drives": _DRIVES_A_DAY,
        "store": store_of(house.settings),
    }
    for came in _CAME:
        connection.execute(came, keys)
    connection.execute("set session_replication_role = origin")


def _asked(
    house: House, connection: psycopg.Connection, count: int, on_step: Callable[[str], None]
) -> dict[str, float]:
    settings, database = house.settings, house.database
    store = store_of(settings)
    size = connection.execute("select pg_database_size(current_database())").fetchone()
    everybody = [organisation_id(f"council{number}") for number in range(count)]
    began = time.monotonic()
    waiting = load_all_waiting(database, store)
    looked = time.monotonic() - began
    began = time.monotonic()
    chosen = queue_up(list(waiting), in_hand_s={}, places=_PLACES)
    chose = time.monotonic() - began
    on_step(f"{len(waiting)} drives wait; ranking every queue")
    began = time.monotonic()
    ranked = sum(_ranked(settings, one) for one in everybody)
    rank_s = time.monotonic() - began
    on_step("a digest of each")
    began = time.monotonic()
    for one in everybody:
        digest_of(one, settings, datetime.now(UTC) + timedelta(days=2))
    digest_s = time.monotonic() - began
    began = time.monotonic()
    with database.acting_for(everybody[-1]) as own:
        load_page(own, everybody[-1], Wanted())
    page_s = time.monotonic() - began
    return {
        "database, GB": round((size[0] if size else 0) / 1e9, 2),
        "drives that wait": len(waiting),
        "councils among those chosen first": len({one.owner_id for one in chosen}),
        "what waits (process-night), s": round(looked, 2),
        "whose turn it is, ms": round(1000 * chose, 1),
        "possible defects ranked": ranked,
        "all ranked anew (priorities), s": round(rank_s, 1),
        "all digests (health), s": round(digest_s, 1),
        "a queue's first page, ms": round(1000 * page_s, 1),
    }


def _ranked(settings: wiring.Settings, one: OrganisationId) -> int:
    policy = wiring.policies(settings).of(one)
    return refresh_queue(one, ledger=wiring.ledger(settings), policy=policy)
