"""A year of one county in the database: how large it is, and how long its questions take.

The rows are made by PostgreSQL, in the form in which the line writes them; how many there are is
assumed (see `docs/capacity.md`). The questions are those of the pages, of the line and of the
nightly flows, asked by the application's role under row security.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.errors import QueryCanceled

from deploy.bench_house import House, bench_house
from deploy.processing import store_of
from pipeline import wiring
from pipeline.adapters.postgres import defects, features, queue_pages, retention, sections, voiding
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.intake import save_organisation, save_vehicle
from pipeline.adapters.postgres.passes import load_passes
from pipeline.adapters.postgres.queue_pages import Wanted
from pipeline.adapters.postgres.street_finds import load_passes_of
from pipeline.adapters.postgres.tiles import load_tile
from pipeline.adapters.postgres.work import load_done, load_effort
from pipeline.domain.defects import Defect
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import DriveId, NetworkId, organisation_id
from pipeline.domain.keeping import Hold
from pipeline.domain.places import GridRef, LonLat
from pipeline.domain.street import Claim
from pipeline.geometry.tiles import frame_of, tile_with
from pipeline.line import SURE, gather_drive, refresh_queue, standings, whole_of

_NAME = "county"
_OWNER = organisation_id(_NAME)
_LONGEST_S = 300
_TIMES, _ENOUGH_S = 5, 60
# One row of sections after another, each as long as a county is wide.
_SECTION_M, _IN_A_ROW, _ROWS_APART_M = 120.0, 400, 430.0
_WEST_M, _SOUTH_M = 400_000.0, 300_000.0
_KMH, _DRIVE_H, _PIECE_SECTIONS = 25.0, 1.5, 7
_TRACK_DAYS = 30
_FOUND_A_KM, _SEEN_OF_10, _LOOKS = 4, 4, 3

_SECTIONS = (
    """insert into roadwear.road_network (network_id, authority_id, name, content_sha256, sections,
    length_km) values (%(o)s, %(o)s, 'bench', 'bench', %(n)s, %(km)s)""",
    """insert into roadwear.road_section (network_id, authority_id, section_id, usrn, name,
    road_class, hierarchy, ways, line)
    select %(o)s, %(o)s, n::text, 1 + n / 8, 'Street ' || n / 8, 'Unclassified',
      (array['2', '3a', '3b', '4a', '4b'])[1 + (n / 8) %% 5], 'both',
      st_setsrid(st_makeline(st_makepoint(e, h), st_makepoint(e + %(m)s, h)), 27700)
    from (select n, %(west)s + (n %% %(row)s) * %(m)s as e,
      %(south)s + (n / %(row)s) * %(apart)s as h from generate_series(0, %(n)s - 1) n) x""",
)
# A drive goes along so many sections one after another, one way or the other.
_DRIVES = """
  create unlogged table bench_drive as
  select gen_random_uuid() as drive_id, md5(n::text) || md5(n::text || 'x') as sha,
    (random() * (%(n)s - %(each)s - 1))::int as first, random() < 0.5 as along,
    (array[{vehicles}]::uuid[])[1 + n %% %(vehicles)s] as vehicle_id,
    now() - interval '1 day' * (1 + n / (%(vehicles)s * %(a_day)s)) * 365.0 / 250
      - interval '1 hour' * (2 + n %% 8) as at
  from generate_series(0, %(drives)s - 1) n"""
_RUNS = """
  create unlogged table bench_run as
  select gen_random_uuid() as run_id, d.drive_id, d.sha, d.at, d.along, p, d.first + p * %(piece)s
    as from_n from bench_drive d, generate_series(0, %(pieces)s - 1) p"""
_DRIVEN = (
    """insert into roadwear.drive (drive_id, owner_id, authority_id, vehicle_id, started_at,
    recorded_at) select drive_id, %(o)s, %(o)s, vehicle_id, at, at from bench_drive""",
    """insert into roadwear.clip (owner_id, clip_sha256, authority_id, drive_id, location, width_px,
    height_px, time_base_num, time_base_den, first_pts, duration_s, started_at, received_at)
    select %(o)s, sha, %(o)s, drive_id, '', 1280, 720, 1, 1000, 0, 5400, at, at
    from bench_drive""",
    """insert into roadwear.drive_work (work_id, owner_id, drive_id, kind, sentence, happened_at)
    select gen_random_uuid(), %(o)s, drive_id, k, '', at + interval '1 minute' * m
    from bench_drive, (values ('begun', 60), ('done', 80)) w (k, m)""",
    """insert into roadwear.drive_fix (drive_id, owner_id, authority_id, ordinal, taken_at, lon_deg,
    lat_deg, sigma_m) select drive_id, %(o)s, %(o)s, s, at + interval '1 second' * s,
      -2 + (first %% %(row)s * %(m)s + s * 6.9) / 67000, 52.6 + first / %(row)s * 0.004, 3
    from bench_drive, generate_series(0, 5399) s
    where at > now() - interval '1 day' * %(track_days)s""",
    """insert into roadwear.run (run_id, owner_id, authority_id, drive_id, clip_sha256, from_pts,
    to_pts, detector, rig, clock, settings_sha256, mark, looked, decoded, not_looked, recorded_at)
    select run_id, %(o)s, %(o)s, drive_id, sha, p * 120000, (p + 1) * 120000,
      jsonb_build_object('name', 'road-v3', 'sha256', repeat('a', 64), 'runtime', 'openvino',
        'thresholds', repeat('x', 200)),
      jsonb_build_object('camera', repeat('y', 300)), jsonb_build_object('offset_s', 0.1),
      repeat('b', 64), 'live', 280, 3600, '{"dark": 3}', at + interval '1 hour' from bench_run""",
    """insert into roadwear.coverage (run_id, owner_id, authority_id, ordinal, from_m, to_m, reason,
    left_m, right_m, line)
    select r.run_id, %(o)s, %(o)s, half, half * 420, half * 420 + 420,
      case when random() < 0.05 then 'too_dark' end, 3, 3,
      (select st_setsrid(st_makeline(array_agg(st_makepoint(
        %(west)s + (r.from_n %% %(row)s) * %(m)s + half * 420 + v * 4.4 + random(),
        %(south)s + (r.from_n / %(row)s) * %(apart)s + random()) order by v)), 27700)
       from generate_series(0, 95) v)
    from bench_run r, generate_series(0, 1) half""",
    """insert into roadwear.coverage_cell (authority_id, cell_e, cell_n, run_id, ordinal)
    select v.authority_id, c.cell_e, c.cell_n, v.run_id, v.ordinal
    from roadwear.coverage v, roadwear.cells_of(v.line) c where v.authority_id = %(o)s""",
    """insert into roadwear.section_span (network_id, run_id, ordinal, authority_id, section_id,
    along, from_m, to_m, reason, passed_at, probability)
    select %(o)s, run_id, s, %(o)s, (from_n + s)::text, along, 0, %(m)s,
      case when random() < 0.05 then 'too_dark' end,
      at + interval '1 second' * (p * 120 + s * 17), 0.9 + random() * 0.1
    from bench_run, generate_series(0, %(piece)s - 1) s where from_n + s < %(n)s""",
)
_FOUND = (
    """create unlogged table bench_defect as
    select gen_random_uuid() as defect_id, (random() * (%(n)s - 1))::int as section,
      random() * %(m)s as chainage, i as number
    from generate_series(1, (%(km)s * %(a_km)s)::int) i""",
    """create unlogged table bench_look as
    select gen_random_uuid() as observation_id, r.run_id, r.drive_id, r.sha, b.defect_id,
      b.section, b.chainage, r.p * 120000 + look * 400 as pts,
      r.at + interval '1 second' * (r.p * 120 + look) as seen_at
    from bench_run r join bench_defect b on b.section between r.from_n and r.from_n + %(piece)s - 1
      and ('x' || substr(r.run_id::text, 1, 7))::bit(28)::int %% 10 < %(of_10)s,
      generate_series(1, %(looks)s) look""",
    """insert into roadwear.defect (defect_id, authority_id, kind, state, at, var_e, var_n, cov_en,
    confidence, sightings, drives, heading_deg, offset_m, width_m, width_sigma_m, length_m,
    length_sigma_m, size_how, version, captured_at, last_seen_at, received_at, detected_at)
    select defect_id, %(o)s, 'pothole', case when number %% 2 = 0 then 'queued' else 'rejected' end,
      st_setsrid(st_makepoint(%(west)s + (section %% %(row)s) * %(m)s + chainage,
        %(south)s + (section / %(row)s) * %(apart)s + 1), 27700), 1, 1, 0, 0.8, 3, 1, 90, 1,
      0.5, 0.1, 0.5, 0.1, 'ellipse in the box', 1, t, t, t, t
    from (select *, now() - random() * interval '360 days' as t from bench_defect
      where defect_id in (select defect_id from bench_look)) x""",
    """insert into roadwear.observation (observation_id, owner_id, authority_id, run_id, drive_id,
    clip_sha256, pts, seen_at, kind, confidence, left_px, top_px, right_px, bottom_px, at, var_e,
    var_n, cov_en, shared_var_e, shared_var_n, shared_cov_en, heading_deg, chainage_m, range_m,
    offset_m, width_m, width_sigma_m, length_m, length_sigma_m, size_how)
    select observation_id, %(o)s, %(o)s, run_id, drive_id, sha, pts, seen_at, 'pothole', 0.8, 1,
      1, 9, 9, st_setsrid(st_makepoint(
        %(west)s + (section %% %(row)s) * %(m)s + chainage + random() - 0.5,
        %(south)s + (section / %(row)s) * %(apart)s + 0.5 + random()), 27700),
      1, 1, 0, 1, 1, 0, 90, 1, 5, 1, 0.5, 0.1, 0.5, 0.1, 'ellipse in the box' from bench_look""",
    """insert into roadwear.membership (authority_id, observation_id, defect_id, reason)
    select %(o)s, observation_id, defect_id, 'bench' from bench_look""",
    """insert into roadwear.observation_road (observation_id, network_id, authority_id, section_id,
    chainage_m, offset_m, along, probability)
    select observation_id, %(o)s, %(o)s, section::text, chainage, 1, true, 0.98 from bench_look""",
    """insert into roadwear.still (run_id, owner_id, authority_id, pts, kind, ordinal,
    observation_id, taken_at, chainage_m, width_px, height_px, bystanders, blob_key, recorded_at)
    select run_id, %(o)s, %(o)s, pts, 'evidence_still',
      row_number() over (partition by run_id), observation_id, seen_at, 1, 400, 300, 0,
      md5(observation_id::text) || md5(run_id::text), seen_at from bench_look""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class County:
    """What is simulated.

    Attributes:
        road_km: Of its network.
        vehicles: With a camera, on each working day.
        hours: Of driving in a day, each.
        days: Of work; 250 are a year.
    """

    road_km: float = 5500.0
    vehicles: int = 20
    hours: float = 6.0
    days: int = 250

    @property
    def drives(self) -> int:
        """How many drives there are, of an hour and a half each."""
        return round(self.vehicles * self.hours / _DRIVE_H) * self.days


def bench_county(county: County, on_step: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Fill a database and ask it; return rows, sizes and times.

    Args:
        county: How large.
        on_step: Told what goes on.

    A query that takes five minutes is given up, and what asked it told as infinite.

    Raises:
        OutageError: The database does not answer.
    """
    with bench_house() as house:
        with psycopg.connect(house.cluster.start().admin_url, autocommit=True) as connection:
            began = time.monotonic()
            fill(house, connection, county, on_step)
            filled = time.monotonic() - began
            on_step("vacuum")
            began = time.monotonic()
            connection.execute("vacuum (freeze, analyze)")
            vacuumed = time.monotonic() - began
            connection.execute(
                sql.SQL("alter database {} set statement_timeout = {}").format(
                    sql.Identifier(connection.info.dbname), sql.Literal(f"{_LONGEST_S}s")
                )
            )
            sizes = _sizes(connection)
        asked = _ask(house, on_step)
    return {
        "county": {
            "drives": county.drives,
            "filling, s": round(filled),
            "vacuum of all, s": round(vacuumed),
            "all tables, GB": round(sum(one["GB"] for one in sizes.values()), 2),
            **{
                f"{table}: {what}": value
                for table, one in sizes.items()
                for what, value in one.items()
            },
            **asked,
        }
    }


def fill(
    house: House,
    connection: psycopg.Connection,
    county: County,
    on_step: Callable[[str], None],
    *,
    name: str = _NAME,
) -> None:
    """Write the rows of a council's time, as the line writes them.

    Args:
        house: With the database.
        connection: Of it, as its administrator.
        county: How large.
        on_step: Told what goes on.
        name: The council's.
    """
    with house.database.acting_for(organisation_id(name)) as own:
        owner = save_organisation(own, name)
        vehicles = [save_vehicle(own, owner, str(n)) for n in range(county.vehicles)]
    sections_each = int(_KMH * _DRIVE_H * 1000 / _SECTION_M)
    keys: dict[str, Any] = {
        "o": owner, "n": int(county.road_km * 1000 / _SECTION_M), "km": county.road_km,
        "m": _SECTION_M, "row": _IN_A_ROW, "apart": _ROWS_APART_M, "west": _WEST_M,
        "south": _SOUTH_M, "each": sections_each, "vehicles": county.vehicles,
        "a_day": round(county.hours / _DRIVE_H), "drives": county.drives, "piece": _PIECE_SECTIONS,
        "pieces": sections_each // _PIECE_SECTIONS, "a_km": _FOUND_A_KM, "of_10": _SEEN_OF_10,
        "looks": _LOOKS, "track_days": _TRACK_DAYS,
    }  # fmt: skip
    drives = _DRIVES.format(vehicles=", ".join(f"'{one}'" for one in vehicles))
    # What refers to what was made here: nobody has to look it up again.
    connection.execute("set session_replication_role = replica")
    for filling in (*_SECTIONS, drives, _RUNS, *_DRIVEN, *_FOUND):
        table = next(w for w in filling.split() if w.startswith(("roadwear.", "bench_")))
        on_step(f"filling {table.removeprefix('roadwear.')}")
        connection.execute(filling, keys)
        if filling == _FOUND[0]:
            connection.execute("create index on bench_defect (section)")
            connection.execute("analyze bench_defect, bench_run")
    connection.execute("drop table bench_look, bench_defect, bench_run, bench_drive")
    connection.execute("set session_replication_role = origin")


def _sizes(connection: psycopg.Connection) -> dict[str, dict[str, float]]:
    rows = connection.execute(
        "select relname, n_live_tup, pg_table_size(relid), pg_indexes_size(relid) "
        "from pg_stat_user_tables where schemaname = 'roadwear' and n_live_tup > 10000 "
        "order by pg_total_relation_size(relid) desc"
    ).fetchall()
    return {
        name: {
            "rows": count,
            "GB": round((table + indexes) / 1e9, 2),
            "of it indices, GB": round(indexes / 1e9, 2),
            "bytes a row": round((table + indexes) / count),
        }
        for name, count, table, indexes in rows
    }


def _ask(house: House, on_step: Callable[[str], None]) -> dict[str, float]:
    """Ask what the pages, the line and the nights ask; return the times."""
    settings = house.settings
    ledger = wiring.ledger(settings)
    policy = wiring.policies(settings).of(_OWNER)
    on_step("ranking all for the first time")
    refreshed = _timed(lambda: refresh_queue(_OWNER, ledger=ledger, policy=policy), times=1)
    with house.database.acting_for(_OWNER) as connection:
        [newest] = connection.execute(
            "select drive_id from roadwear.drive where owner_id = %s "
            "order by recorded_at desc limit 1", (_OWNER,),
        ).fetchall()  # fmt: skip
        one = defects.load_waiting(connection, _OWNER)[0]
        retention.add_hold(connection, _hold())
    times = {"all ranked anew (priorities)": refreshed}
    on_step(f"ranked in {refreshed:.1f} s")
    times["a drive gathered and ranked"] = _timed(
        lambda: gather_drive(
            _OWNER, DriveId(newest["drive_id"]), ledger=ledger, policy=policy,
            settings=settings.line(),
        ),
        times=1,
    )  # fmt: skip
    for name, question in _questions(house, one).items():
        times[name] = _timed(partial(_in_time, house, question))
        on_step(f"{name}: {1000 * times[name]:.1f} ms")
    return {f"{name}, median ms": round(1000 * took, 1) for name, took in times.items()}


def _hold() -> Hold:
    """Return a hold on an afternoon of a week ago, around the middle."""
    now = datetime.now(UTC)
    return Hold(
        hold_id=uuid4(), owner_id=_OWNER, place=LonLat(lon_deg=-1.6, lat_deg=52.8),
        radius_m=500, from_at=now - timedelta(days=7), to_at=now - timedelta(days=6, hours=18),
        reason="bench", said_by="bench",
    )  # fmt: skip


def _questions(house: House, one: Defect) -> Mapping[str, Callable[[Connection], object]]:
    now = datetime.now(UTC)
    grid = wiring.grid_now()
    [middle] = grid.to_lonlat([GridRef(easting_m=_WEST_M + 24_000, northing_m=_SOUTH_M + 20_000)])
    network = NetworkId(_OWNER)
    rules = wiring.policies(house.settings).of(_OWNER)[0]

    def tile(connection: Connection, zoom: int) -> object:
        frame = frame_of(tile_with(middle, zoom), grid.to_lonlat)
        return None if frame is None else load_tile(connection, _OWNER, frame, zoom)

    def coverage(connection: Connection) -> object:
        lengths, spans = sections.load_coverage(
            connection, network, whole_of=whole_of, sure=SURE, now=now
        )
        return standings(lengths, spans, rules.passes, now=now)

    return {
        "queue, first page": lambda c: queue_pages.load_page(c, _OWNER, Wanted()),
        "a possible defect": lambda c: defects.load_defect(c, one.defect_id),
        "its pictures": lambda c: defects.load_evidence(c, [one.defect_id]),
        "its passes": lambda c: load_passes(c, _OWNER, [one.defect_id]),
        "what lies near it": lambda c: features.load_nearby(c, _OWNER, one, 50.0),
        "a map tile, zoom 15": lambda c: tile(c, 15),
        "a map tile, zoom 11": lambda c: tile(c, 11),
        "coverage, all sections": coverage,
        "the last 50 passes": lambda c: voiding.load_recent_passes(c, _OWNER, 50),
        "passes along a street, two years": lambda c: load_passes_of(
            c, Claim(usrn=1000, incident_on=now.date()), ()
        ),
        "operations: done in a day": lambda c: load_done(c, _OWNER, now - timedelta(days=1)),
        "operations: a week's effort": lambda c: load_effort(c, _OWNER, now - timedelta(days=7)),
        "what a hold keeps": lambda c: c.execute("select * from roadwear.held_drive").fetchall(),
        "footage that is due": lambda c: retention.due_files(
            c, _OWNER, now - timedelta(days=30), store_of(house.settings)
        ),
    }


def _in_time(house: House, question: Callable[[Connection], object]) -> None:
    with house.database.acting_for(_OWNER) as connection:
        question(connection)


def _timed(question: Callable[[], object], *, times: int = _TIMES) -> float:
    """Return the median of how long a question takes, seconds; infinite where it is given up."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        try:
            question()
        except OutageError as error:
            if isinstance(error.__cause__, QueryCanceled):
                return math.inf
            raise
        took.append(time.monotonic() - began)
        if sum(took) > _ENOUGH_S:
            break
    return sorted(took)[len(took) // 2]
