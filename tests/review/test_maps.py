"""The map's tiles: one's own roads and defects, and nobody else's."""

import re

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.domain.ids import organisation_id
from pipeline.domain.places import LonLat
from pipeline.domain.roads import Hierarchy, RoadSection
from pipeline.geometry.tiles import tile_with
from tests.builders import a_road_line
from tests.review.browsing import Browser, another, defects_of
from tests.stored import RULES


def tile_of(browser: Browser, zoom: int) -> str:
    """Return the address of the tile with the first line of the list."""
    browser.get("/queue?map=true")
    found = re.search(r'data-lon="([-\d.]+)" data-lat="([-\d.]+)"', browser.html)
    assert found
    tile = tile_with(LonLat(lon_deg=float(found[1]), lat_deg=float(found[2])), zoom)
    return f"/tiles/{tile.zoom}/{tile.x}/{tile.y}.mvt"


@pytest.fixture
def mapped(ada: Browser, database: Database) -> Browser:
    ledger = PostgresLedger(database, SystemClock())
    section = RoadSection(
        section_id="S", line=a_road_line((-200, 0), (200, 0)), usrn=1, name="Long Street",
        hierarchy=Hierarchy.LINK,
    )  # fmt: skip
    ledger.save_roads("depot", name="roads", content_sha256="0", sections=[section])
    assert organisation_id("depot")
    return ada


def test_near_by_each_is_a_point_with_its_name_and_far_off_they_are_counted(
    mapped: Browser,
) -> None:
    names = [path.rpartition("/")[2].encode() for path in defects_of(mapped)]
    near = mapped.client.get(tile_of(mapped, 16))
    assert near.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert all(name in near.content for name in names)
    assert b"Long Street" in near.content and b"roads" in near.content
    far = mapped.client.get(tile_of(mapped, 10)).content
    assert not any(name in far for name in names)
    assert b"count" in far and b"Long Street" not in far


def test_what_is_rejected_leaves_the_map_and_what_is_approved_stays(mapped: Browser) -> None:
    first, second = defects_of(mapped)
    address = tile_of(mapped, 16)
    mapped.get(first)
    mapped.decide(first, {"move": "reject", "reason": "not_a_defect"})
    mapped.get(second)
    mapped.approve(second)
    tile = mapped.client.get(address).content
    assert first.rpartition("/")[2].encode() not in tile
    assert second.rpartition("/")[2].encode() in tile and b"approved" in tile


def test_nobody_sees_another_councils(mapped: Browser, client: TestClient) -> None:
    eve = another(client)
    eve.sign_in("eve@other.example")
    theirs = eve.client.get(tile_of(mapped, 16)).content
    ours = [path.rpartition("/")[2].encode() for path in defects_of(mapped)]
    assert b"Long Street" not in theirs
    assert not any(name in theirs for name in ours)
    assert all(p.rpartition("/")[2].encode() in theirs for p in defects_of(eve))


@pytest.mark.parametrize("tile", ["23/0/0", "5/32/0", "-1/0/0", "3/0/-1", "99999999999999/0/0"])
def test_there_is_no_such_tile(ada: Browser, tile: str) -> None:
    assert ada.client.get(f"/tiles/{tile}.mvt").status_code in {404, 422}
    assert ada.client.get("/tiles/4/2/3.mvt").status_code == 204


def test_the_list_is_whole_without_the_map_and_keeps_it_in_its_addresses(mapped: Browser) -> None:
    plain = mapped.get("/queue")
    assert "map.js" not in mapped.html
    assert "Show the map beside the list" in plain
    beside = mapped.get("/queue?map=true&kind=pothole")
    assert "Hide the map" in beside
    assert 'name="map" value="true"' in mapped.html
    assert "kind=pothole" in re.findall(r'href="(/queue\?[^"]+)"', mapped.html)[0]
    for row in re.findall(r"/defects/[0-9a-f-]{36}", mapped.html):
        assert row in mapped.client.get("/queue").text
    assert RULES.base_map.tiles == ""
    assert 'data-tiles=""' in mapped.html
