"""The engineers' pages with a great many possible defects and many people at once.

The real server, as a process of its own, on a database of councils; people sign in, look at the
queue, filter it, open a possible defect, and think in between. Beside it, in the same run, the bare
SELECT of the rows that a page of the queue shows.
"""

import random
import re
import socket
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import psycopg

from deploy.bench_house import ServerProcess, bench_house
from deploy.query_plans import query_plans
from pipeline import wiring
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.intake import save_organisation, save_vehicle
from pipeline.adapters.postgres.people import add_person
from pipeline.adapters.private_cluster import PrivateCluster
from pipeline.domain.decisions import Role
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import organisation_id
from pipeline.domain.places import GridRef
from pipeline.geometry.tiles import tile_with

_PASSWORD = "long enough for a benchmark"  # noqa: S105 - of a database that is removed
_THINK_S = (2.0, 4.0)
_BARE_TIMES = 20
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_LINK = re.compile(r'href="/defects/([0-9a-f-]{36})"')
_NAME = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FILTERS = ("", "?page=2", "?category=CAT1_24", "?late=true", "?kind=pothole&page=3")
# Run and drive are called as their council is: each has one of them.
_FILL_DRIVE = (
    """insert into roadwear.policy (authority_id, policy_sha256, name, version, valid_from, source,
    content) values (%(o)s, 'bench', 'bench', '1', '2026-01-01', 'bench', '')""",
    """insert into roadwear.drive (drive_id, owner_id, authority_id, vehicle_id)
    values (%(o)s, %(o)s, %(o)s, %(vehicle)s)""",
    """insert into roadwear.clip (owner_id, clip_sha256, authority_id, drive_id, location, width_px,
    height_px, time_base_num, time_base_den, first_pts, duration_s)
    values (%(o)s, %(sha)s, %(o)s, %(o)s, '', 1280, 720, 1, 1000, 0, 60)""",
    """insert into roadwear.run (run_id, owner_id, authority_id, drive_id, clip_sha256, from_pts,
    to_pts, detector, rig, clock, settings_sha256, mark, looked, decoded, not_looked)
    values (%(o)s, %(o)s, %(o)s, %(o)s, %(sha)s, 0, 1, '{}', '{}', '{}', '', 'live', 1, 1, '{}')""",
)
_FILL_DEFECTS = """
  insert into roadwear.defect (defect_id, authority_id, kind, state, at, var_e, var_n, cov_en,
    confidence, sightings, drives, heading_deg, offset_m, width_m, width_sigma_m, length_m,
    length_sigma_m, size_how, version, captured_at, last_seen_at, received_at, detected_at)
  select gen_random_uuid(), %(o)s, 'pothole', 'queued', st_setsrid(st_makepoint(
    400000 + random() * 50000, 300000 + random() * 50000), 27700), 1, 1, 0, 0.8, 3, 1, 0, 0,
    0.5, 0.1, 0.5, 0.1, 'ellipse in the box', 1, t, t, t, t
  from (select now() - random() * interval '60 days' as t from generate_series(1, %(n)s)) x"""
_FILL_QUEUE = """
  insert into roadwear.queue_entry (defect_id, authority_id, policy_sha256, score, impact,
    likelihood, category, respond_within_h, reasons, detected_at)
  select defect_id, %(o)s, 'bench', random() * 25, 2, 3, (array['CAT1', 'CAT1_24', 'CAT2H', 'CAT2M',
    'CAT2L', 'MONITOR'])[1 + floor(random() * 6)::int], 24, array['a width of 0.5 m', 'impact 2 × '
    'likelihood 3 = 6', 'seen in 3 pictures'], detected_at
  from roadwear.defect where authority_id = %(o)s"""
_FILL_OBSERVATIONS = """
  insert into roadwear.observation (observation_id, owner_id, authority_id, run_id, drive_id,
    clip_sha256, pts, seen_at, kind, confidence, left_px, top_px, right_px, bottom_px, at, var_e,
    var_n, cov_en, shared_var_e, shared_var_n, shared_cov_en, heading_deg, chainage_m, range_m,
    offset_m, width_m, width_sigma_m, length_m, length_sigma_m, size_how)
  select gen_random_uuid(), %(o)s, %(o)s, %(o)s, %(o)s, %(sha)s, 0, d.captured_at, d.kind,
    0.8, 1, 1, 9, 9, d.at, 1, 1, 0, 1, 1, 0, 0, 1, 5, 0, 0.5, 0.1, 0.5, 0.1, d.defect_id::text
  from roadwear.defect d, generate_series(1, %(s)s) where d.authority_id = %(o)s"""
_FILL_MEMBERSHIP = """
  insert into roadwear.membership (authority_id, observation_id, defect_id, reason)
  select %(o)s, observation_id, size_how::uuid, 'bench' from roadwear.observation
  where authority_id = %(o)s"""
_FILL_ROADS = (
    """insert into roadwear.road_network (network_id, authority_id, name, content_sha256, sections,
    length_km) values (%(o)s, %(o)s, 'bench', 'bench', %(roads)s, 1)""",
    """insert into roadwear.road_section (network_id, authority_id, section_id, usrn, name,
    road_class, hierarchy, ways, line)
    select %(o)s, %(o)s, n::text, 1 + n, 'Street ' || n, 'Unclassified',
      (array['2', '3a', '3b', '4a', '4b'])[1 + least(floor(random() * 20), 4)::int], 'both',
      st_setsrid(st_makeline(array[st_makepoint(e, h), st_makepoint(e + 60, h + dy),
        st_makepoint(e + 120, h + 2 * dy)]), 27700)
    from (select n, 400000 + random() * 50000 as e, 300000 + random() * 50000 as h,
      random() * 60 - 30 as dy from generate_series(1, %(roads)s) n) x""",
)
_ROADS = 20_000
_TILES = (11, 13, 14, 15, 16)
_BARE = """
  select q.*, d.* from roadwear.queue_entry q join roadwear.defect d using (defect_id)
  where q.authority_id = %s order by q.score desc, q.defect_id limit 50"""


@dataclass(slots=True)
class _Seen:
    """What people saw, and how long they waited."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    defects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def bench_desk(
    defects: int,
    sightings: int,
    councils: int,
    people: int,
    seconds: float,
    on_step: Callable[[str], None],
) -> tuple[dict[str, dict[str, float]], str]:
    """Fill a database, let people work; return how long they waited, and the queries' plans.

    Args:
        defects: Possible defects in all.
        sightings: Of each.
        councils: Among which they are.
        people: Who work at once, one after another at each council.
        seconds: How long.
        on_step: Told what goes on.
    """
    with bench_house() as house:
        known = PrivateCluster(house.folder).start()
        names = [f"council-{number}" for number in range(councils)]
        with psycopg.connect(known.admin_url, autocommit=True) as connection:
            for number, name in enumerate(names, 1):
                on_step(f"filling {name} ({number} of {councils})")
                _fill(house.database, connection, name, defects // councils, sightings)
            connection.execute("vacuum analyze")
        for number in range(people):
            _add_engineer(house.database, names[number % councils], number)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            server = ServerProcess(house, free.getsockname()[1])
        server.start()
        try:
            on_step(f"{people} people work for {seconds:.0f} s")
            seen = _work(server.address, names, people, seconds)
        finally:
            server.kill()
        with psycopg.connect(known.admin_url) as connection:
            strangers = _strangers(connection, names, seen)
            bare = _bare(connection, names[0])
        plans = query_plans(house.database, organisation_id(names[0]))
    return {"desk": _table(seen, bare, strangers)}, plans


def _fill(
    database: Database, connection: psycopg.Connection, name: str, defects: int, sightings: int
) -> None:
    with database.acting_for(organisation_id(name)) as own:
        owner = save_organisation(own, name)
        vehicle = save_vehicle(own, owner, "1")
    sha = f"{owner.int:064x}"[-64:]
    keys = {
        "o": owner, "n": defects, "s": sightings, "vehicle": vehicle, "sha": sha, "roads": _ROADS,
    }  # fmt: skip
    for filling in (
        *_FILL_ROADS, *_FILL_DRIVE, _FILL_DEFECTS, _FILL_QUEUE, _FILL_OBSERVATIONS,
        _FILL_MEMBERSHIP,
    ):  # fmt: skip
        connection.execute(filling, keys)


def _add_engineer(database: Database, council: str, number: int) -> None:
    owner = organisation_id(council)
    with database.acting_for(owner) as connection:
        add_person(
            connection, owner, email=f"p{number}@{council}.example", name=f"P {number}",
            password=_PASSWORD, roles=[Role.ENGINEER],
        )  # fmt: skip


def _work(address: str, names: list[str], people: int, seconds: float) -> _Seen:
    seen = _Seen()
    # A password costs a tenth of a second of work, on purpose: nobody looks while others sign in.
    begin = threading.Barrier(people)
    with ThreadPoolExecutor(max_workers=people) as pool:
        done = [
            pool.submit(
                _one_person, address, names[number % len(names)], number, seconds, begin, seen
            )
            for number in range(people)
        ]
        for one in done:
            one.result()
    return seen


def _one_person(
    address: str,
    council: str,
    number: int,
    seconds: float,
    begin: threading.Barrier,
    seen: _Seen,
) -> None:
    rng = random.Random(number)  # noqa: S311 - a benchmark
    with httpx.Client(base_url=address, timeout=60, follow_redirects=True) as http:
        found = _CSRF.search(http.get("/sign-in").text)
        if found is None:
            raise OutageError("the sign-in page has no form")
        said = {"csrf": found[1], "email": f"p{number}@{council}.example", "password": _PASSWORD}
        http.post("/sign-in", data=said)

        def look(kind: str, path: str) -> bytes:
            began = time.monotonic()
            answer = http.get(path)
            took = time.monotonic() - began
            with seen.lock:
                seen.seconds[kind].append(took)
                if not answer.is_success:
                    seen.failures.append(f"{answer.status_code} {path}")
            return answer.content

        begin.wait()
        until = time.monotonic() + seconds
        time.sleep(rng.uniform(0, _THINK_S[1]))
        while time.monotonic() < until:
            page = look("queue page", f"/queue{rng.choice(_FILTERS)}").decode()
            links = _LINK.findall(page)
            with seen.lock:
                seen.defects[council].update(links)
            tile = look("map tile", _some_tile(rng))
            with seen.lock:
                seen.defects[council].update(_NAME.findall(tile.decode("latin-1")))
            time.sleep(rng.uniform(*_THINK_S))
            if links:
                look("defect page", f"/defects/{rng.choice(links)}")
                time.sleep(rng.uniform(*_THINK_S))


def _some_tile(rng: random.Random) -> str:
    """Return the address of a tile of the councils' area."""
    at = GridRef(
        easting_m=400_000 + rng.random() * 50_000, northing_m=300_000 + rng.random() * 50_000
    )
    [place] = wiring.grid_now().to_lonlat([at])
    tile = tile_with(place, rng.choice(_TILES))
    return f"/tiles/{tile.zoom}/{tile.x}/{tile.y}.mvt"


def _strangers(connection: psycopg.Connection, names: list[str], seen: _Seen) -> int:
    """Return how many possible defects somebody saw that are another council's."""
    count = 0
    for name in names:
        found = connection.execute(
            "select count(*) from roadwear.defect where defect_id = any(%s::uuid[]) "
            "and authority_id <> %s",
            (sorted(seen.defects[name]), organisation_id(name)),
        ).fetchone()
        count += found[0] if found else 0
    return count


def _bare(connection: psycopg.Connection, name: str) -> float:
    """Return the median time of the bare SELECT of a page's rows, in seconds."""
    owner, times = organisation_id(name), []
    for _ in range(_BARE_TIMES):
        began = time.monotonic()
        connection.execute(_BARE, (owner,)).fetchall()
        times.append(time.monotonic() - began)
    return statistics.median(times)


def _table(seen: _Seen, bare_s: float, strangers: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for kind, times in sorted(seen.seconds.items()):
        ordered = sorted(times)
        median = statistics.median(ordered)
        found[f"{kind}: looks"] = len(ordered)
        found[f"{kind}: median ms"] = round(1000 * median)
        found[f"{kind}: 95th percentile ms"] = round(1000 * ordered[int(0.95 * len(ordered))])
        if kind == "queue page":
            found["queue page to bare SELECT"] = round(median / bare_s, 1)
    found["bare SELECT, median ms"] = round(1000 * bare_s, 1)
    found["answers that failed"] = len(seen.failures)
    found["OTHER COUNCILS' ROWS SEEN"] = strangers
    return found
