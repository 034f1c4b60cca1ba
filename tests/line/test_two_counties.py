"""A district's lorry comes along the roads of two counties: each has its own, and no more."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from psycopg.errors import InsufficientPrivilege

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.people import add_person
from pipeline.adapters.postgres.retention import (
    authorities_of_stills,
    decided_sightings,
    due_stills,
)
from pipeline.adapters.postgres.voiding import load_camera_pass, save_drive_word
from pipeline.adapters.tracks_gpx import parse_gpx
from pipeline.domain.agreements import Agreement, Share
from pipeline.domain.decisions import Role
from pipeline.domain.errors import RuleError
from pipeline.domain.footage import Clip, Drive
from pipeline.domain.ids import (
    AgreementId,
    ClipSha256,
    DriveId,
    PersonId,
    VehicleId,
    WordId,
    organisation_id,
)
from pipeline.domain.track import ClockOffset
from pipeline.domain.voiding import DriveWord, VoidReason
from pipeline.line import LineSettings, PlacedClip, PreparedDrive, pieces_in
from pipeline.line.sharing import _runs, for_piece
from pipeline.review import create_app
from pipeline.review.desk import Desk
from tests.line.test_drive_to_queue import ROADWEAR, House
from tests.review.browsing import PASSWORD, Browser, another, defects_of
from tests.stored import AIDS, RULES, STORE

DISTRICT, WEST, EAST = (organisation_id(name) for name in ("district", "west", "east"))
SIDES = {"west": WEST, "east": EAST}


@pytest.fixture
def house(database_urls: tuple[str, str], tmp_path: Path, street_footage: Path) -> House:
    return House(database_urls, tmp_path / "home", street_footage)


def load_halves(house: House, tmp_path: Path) -> None:
    """Load the one half of the street as the one county's network, and the other."""
    fixes = parse_gpx((house.footage / "track.gpx").read_bytes(), name="track")
    middle = len(fixes) // 2
    for county, half in (("west", fixes[: middle + 1]), ("east", fixes[middle:])):
        line = [(fix.place.lon_deg, fix.place.lat_deg) for fix in half]
        feature = {
            "type": "Feature",
            "properties": {"id": f"{county} 1", "street": f"{county.title()} Street"},
            "geometry": {"type": "LineString", "coordinates": line},
        }
        path = tmp_path / f"{county}.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
        run(house, "roads", "load", str(path), "--authority", county)


def run(house: House, *words: str) -> str:
    done = house.run([ROADWEAR, *words])
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def ingest(house: House) -> None:
    clip = house.footage / "clip.mp4"
    command = [word.replace("depot", "district") for word in house.ingest(clip)]
    command[command.index("--authority") + 1] = "west"
    done = house.run(command)
    assert done.returncode == 0, done.stderr


def counts(database: Database, name: str) -> Mapping[str, int]:
    """Return how many rows of each kind an organisation sees."""
    with database.acting_for(organisation_id(name)) as connection:
        found = connection.execute(
            "select (select count(*) from roadwear.run) as runs, "
            "(select count(*) from roadwear.observation) as sightings, "
            "(select count(*) from roadwear.coverage) as coverage, "
            "(select count(*) from roadwear.still) as stills, "
            "(select count(*) from roadwear.look_refused) as refused, "
            "(select count(*) from roadwear.drive_fix) as fixes, "
            "(select count(*) from roadwear.drive) as drives, "
            "(select count(*) from roadwear.defect) as defects"
        ).fetchone()
    assert found is not None
    return found


def the_drive(database: Database) -> DriveId:
    with database.acting_for(DISTRICT) as connection:
        [row] = connection.execute("select drive_id from roadwear.drive").fetchall()
    return DriveId(row["drive_id"])


def signed_in(client: TestClient, name: str) -> Browser:
    browser = another(client)
    browser.sign_in(f"ada@{name}.example")
    return browser


def test_each_county_has_what_lies_on_its_roads_and_the_district_neither_queue(
    house: House, database: Database, tmp_path: Path
) -> None:
    load_halves(house, tmp_path)
    said = ["--owner", "district", "--authority", "east", "--source", "Cabinet, 4 May 2025"]
    run(house, "agreement", "add", *said, "--from", "2025-05-05")
    assert "Cabinet, 4 May 2025" in run(house, "agreement", "list", "east")
    ingest(house)
    ingest(house)

    west, east, district = (counts(database, name) for name in ("west", "east", "district"))
    for what in ("runs", "sightings", "coverage", "stills", "fixes"):
        assert west[what] > 0
        assert east[what] > 0
        assert west[what] + east[what] == district[what]
    assert west["drives"] == east["drives"] == district["drives"] == 1
    assert west["defects"] > 0
    assert east["defects"] > 0
    assert district["defects"] == 0
    places: dict[str, list[tuple[float, float]]] = {}
    for name, known in SIDES.items():
        with database.acting_for(known) as connection:
            places[name] = [
                (row["e"], row["n"])
                for row in connection.execute(
                    "select st_x(at) as e, st_y(at) as n from roadwear.observation"
                )
            ]
            spans = connection.execute(
                "select distinct section_id from roadwear.section_span"
            ).fetchall()
        assert spans == [{"section_id": f"{name} 1"}]
    assert not set(places["west"]) & set(places["east"])
    # What is seen ahead of the boundary lies beyond it by no more than a camera sees.
    edge = max(places["west"])[0], min(places["east"])[0]
    assert edge[0] - edge[1] < 15

    _pages_show_each_its_own(house, database)
    _voided_by_one_it_counts_for_the_other(database)


def _pages_show_each_its_own(house: House, database: Database) -> None:
    for name, known in (*SIDES.items(), ("district", DISTRICT)):
        with database.acting_for(known) as connection:
            add_person(
                connection, known, email=f"ada@{name}.example", name=f"Ada of {name}",
                password=PASSWORD, roles=[Role.ENGINEER],
            )  # fmt: skip
    blobs = ObstoreBlobs.from_location(str(house.home / "blobs"))
    app = create_app(
        Desk(database, blobs, SystemClock(), RULES, STORE, AIDS), secret_key="test" * 8
    )
    with TestClient(app) as client:
        west, east = signed_in(client, "west"), signed_in(client, "east")
        theirs = {"west": defects_of(west), "east": defects_of(east)}
        assert theirs["west"]
        assert theirs["east"]
        assert not set(theirs["west"]) & set(theirs["east"])
        assert defects_of(signed_in(client, "district")) == []
        for path in theirs["east"]:
            assert east.client.get(path).status_code == 200
            assert west.client.get(path).status_code == 404
            picture = f"{path}/pictures/0"
            assert east.client.get(picture).status_code == 200
            assert west.client.get(picture).status_code == 404
        assert "m along section east 1" in east.get(theirs["east"][0])
        passed = f"/passes/{the_drive(database)}"
        for browser, defects in ((west, theirs["west"]), (east, theirs["east"])):
            words = browser.get(passed)
            assert re.search(rf"\b{len(defects)}: Possible defect", words)


def _voided_by_one_it_counts_for_the_other(database: Database) -> None:
    drive_id = the_drive(database)
    before = {name: _looked_m(database, name, drive_id) for name in SIDES}
    # Of some 57 m; the last picture before the border looks up to 18 m beyond it.
    assert 20 < before["west"] < 55
    assert 10 < before["east"] < 40
    with database.acting_for(WEST) as connection:
        person = connection.execute("select person_id from roadwear.person").fetchone()
        assert person is not None
        word = DriveWord(
            word_id=WordId(uuid4()), drive_id=drive_id, person_id=PersonId(person["person_id"]),
            reason=VoidReason.PICTURES_UNFIT, note="", said_at=datetime.now(UTC),
        )  # fmt: skip
        save_drive_word(connection, WEST, word)
    states = {}
    for name, known in SIDES.items():
        with database.acting_for(known) as connection:
            states[name] = {
                row["state"] for row in connection.execute("select state from roadwear.run")
            }
            found = load_camera_pass(connection, known, drive_id)
            assert found is not None
            assert found.is_void is (name == "west")
    assert states == {"west": {"void"}, "east": {"current"}}
    with database.acting_for(DISTRICT) as connection, pytest.raises(RuleError):
        save_drive_word(connection, DISTRICT, replace(word, word_id=WordId(uuid4())))


def _looked_m(database: Database, name: str, drive_id: DriveId) -> float:
    known = organisation_id(name)
    with database.acting_for(known) as connection:
        found = load_camera_pass(connection, known, drive_id)
    assert found is not None
    return found.looked_m


def test_without_an_agreement_the_other_county_has_nothing(
    house: House, database: Database, tmp_path: Path
) -> None:
    load_halves(house, tmp_path)
    said = ["--owner", "district", "--authority", "east"]
    run(house, "agreement", "add", *said, "--source", "a contract", "--from", "2025-05-05")
    again = house.run([ROADWEAR, "agreement", "add", *said, "--source", "another"])
    assert "end it first: roadwear agreement end" in again.stderr
    run(house, "agreement", "end", *said)
    assert "have no agreement" in house.run([ROADWEAR, "agreement", "end", *said]).stderr
    ingest(house)
    assert set(counts(database, "east").values()) == {0}
    assert counts(database, "west")["sightings"] == counts(database, "district")["sightings"]


def test_an_agreement_that_comes_later_changes_nothing_of_a_drive(
    house: House, database: Database, tmp_path: Path
) -> None:
    load_halves(house, tmp_path)
    ingest(house)
    before = counts(database, "west")
    run(
        house, "agreement", "add", "--owner", "district", "--authority", "east",
        "--source", "a contract", "--from", "2025-05-05",
    )  # fmt: skip
    ingest(house)
    assert counts(database, "west") == before
    assert set(counts(database, "east").values()) == {0}


def test_nobody_gives_themselves_a_share(house: House, database: Database, tmp_path: Path) -> None:
    load_halves(house, tmp_path)
    ingest(house)
    drive = the_drive(database)
    said = "2000-01-01", "2100-01-01"
    for owner, home in ((EAST, EAST), (DISTRICT, WEST)):
        with pytest.raises(InsufficientPrivilege), database.acting_for(EAST) as connection:
            connection.execute(
                "insert into roadwear.drive_share (drive_id, owner_id, home_id, authority_id, "
                "from_at, to_at) values (%s, %s, %s, %s, %s, %s)",
                (drive, owner, home, EAST, *said),
            )
    with pytest.raises(InsufficientPrivilege), database.acting_for(EAST) as connection:
        connection.execute(
            "insert into roadwear.agreement (agreement_id, owner_id, authority_id, from_on, "
            "source, said_by) values (gen_random_uuid(), %s, %s, '2025-01-01', 'x', 'x')",
            (DISTRICT, EAST),
        )
    assert set(counts(database, "east").values()) == {0}


def test_pictures_behind_decisions_of_others_are_kept_as_the_record(
    house: House, database: Database, tmp_path: Path
) -> None:
    load_halves(house, tmp_path)
    ingest(house)
    now = datetime.now(UTC)
    with database.acting_for(WEST) as connection:
        person = add_person(
            connection, WEST, email="ada@west.example", name="Ada", password=None,
            roles=[Role.ENGINEER],
        )  # fmt: skip
        connection.execute(
            "insert into roadwear.decision (decision_id, authority_id, defect_id, person_id, move, "
            "note, seen_version, policy_sha256, shown, decided_at) select gen_random_uuid(), %s, "
            "defect_id, %s, 'site_visit', '', 1, '', '{}', now() from roadwear.defect",
            (WEST, person),
        )
        sightings = decided_sightings(connection, DISTRICT)
    later, long_ago = now + timedelta(days=1), now - timedelta(days=999)
    with database.acting_for(DISTRICT) as connection:
        assert authorities_of_stills(connection, DISTRICT) == (WEST,)
        undecided = due_stills(connection, DISTRICT, later, long_ago, ())
        due = due_stills(connection, DISTRICT, later, long_ago, sightings)
    assert len(undecided) > 0
    assert due == ()


def test_pieces_are_cut_in_the_clip_where_the_border_is(house: House) -> None:
    """Five clips of a minute, borders at 150 and 250 s: no piece is empty, none is lost."""
    del house
    home, other = WEST, EAST
    begin = datetime(2026, 2, 10, 10, tzinfo=UTC)

    def at(seconds: float) -> datetime:
        return begin + timedelta(seconds=seconds)

    shares = tuple(
        Share(authority_id=one, from_at=at(a), to_at=at(b))
        for one, a, b in ((home, 0, 150), (other, 150, 250), (home, 250, 301))
    )
    found = []
    for number in range(5):
        clip = Clip(
            sha256=ClipSha256(f"{number}" * 64), width_px=64, height_px=36,
            time_base=Fraction(1, 1000), first_pts=0, duration_s=60.0, started_at=at(60 * number),
        )  # fmt: skip
        placed = PlacedClip(
            location="", clip=clip, started_at=at(60 * number),
            clock=ClockOffset(offset_s=0.0, sigma_s=0.1, how="a test"),
        )  # fmt: skip
        prepared = PreparedDrive(
            drive=Drive(
                drive_id=DriveId(uuid4()), owner_id=DISTRICT, authority_id=home,
                vehicle_id=VehicleId(uuid4()),
            ),
            clips=(placed,), placer=None, refused_fixes={}, rig=None,  # type: ignore[arg-type]
            settings_sha256="", shares=shares,
        )  # fmt: skip
        for piece in pieces_in(prepared, placed, settings=LineSettings(piece_s=120)):
            whose = for_piece(prepared, placed, piece).drive.authority_id
            found.append((number, piece.from_pts, min(piece.to_pts, 60_000), whose))
    assert found == [
        (0, 0, 60_000, home), (1, 0, 60_000, home), (2, 0, 30_000, home),
        (2, 30_000, 60_000, other), (3, 0, 60_000, other), (4, 0, 10_000, other),
        (4, 10_000, 60_000, home),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("whose", "runs"),
    [
        ("WWWW", [("W", 0)]),
        ("EWWWW", [("W", 0)]),
        ("WWWWEWWWW", [("W", 0)]),
        ("WWWEEEWWW", [("W", 0), ("E", 3), ("W", 6)]),
        ("EE", [("W", 0)]),
    ],
)
def test_short_visits_are_none(whose: str, runs: list[tuple[str, int]]) -> None:
    names = {"W": WEST, "E": EAST}
    assert _runs([names[one] for one in whose], WEST) == [(names[one], at) for one, at in runs]


def test_an_agreement_has_two_sides_and_stands_somewhere() -> None:
    good = Agreement(
        agreement_id=AgreementId(uuid4()), owner_id=DISTRICT, authority_id=EAST,
        from_on=datetime.now(UTC).date(), source="a minute",
    )  # fmt: skip
    with pytest.raises(ValueError, match="written down"):
        replace(good, source=" ")
    with pytest.raises(ValueError, match="two organisations"):
        replace(good, authority_id=DISTRICT)
