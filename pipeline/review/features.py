"""Defects for a council's own maps: OGC API Features, core and GeoJSON (OGC 17-069r4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pipeline.adapters.export_geojson import defect_properties, road_properties
from pipeline.adapters.postgres.defects import load_defects
from pipeline.adapters.postgres.features import WantedFeatures, load_feature_ids
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.defects import DefectState
from pipeline.domain.errors import InputError
from pipeline.domain.ids import DefectId
from pipeline.domain.tokens import ApiToken, Scope
from pipeline.review.api import ANSWERS, UNKNOWN, Shown, answer, token_shown
from pipeline.review.desk import Desk

_JSON, _GEOJSON = "application/json", "application/geo+json"
_OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
_CORE = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
_CONFORMS = [_CORE, _CORE.replace("/core", "/geojson")]
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_WITH_HEIGHTS = 6
# All of Great Britain; there is nothing outside, and no grid.
_LAND_DEG = (-9.0, 49.5, 2.5, 61.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One of the two kinds of thing that a map may show."""

    name: str
    title: str
    about: str
    scope: Scope
    states: frozenset[DefectState]


COLLECTIONS = {
    one.name: one
    for one in (
        Collection(
            name="defects",
            title="Defects",
            about="Confirmed by an engineer, with what became of them since.",
            scope=Scope.DEFECTS_READ,
            states=frozenset(state for state in DefectState if state.confirmed),
        ),
        Collection(
            name="possible-defects",
            title="Possible defects",
            about="Seen by a camera and confirmed by nobody: no business of a works system.",
            scope=Scope.POSSIBLE_READ,
            states=frozenset({DefectState.QUEUED, DefectState.WATCHED, DefectState.SITE_VISIT}),
        ),
    )
}


class LinkOut(BaseModel):
    """Where something else is."""

    href: str
    rel: str
    type: str
    title: str = ""


class LandingOut(BaseModel):
    """Where to begin."""

    title: str
    description: str
    links: list[LinkOut]


class ConformanceOut(BaseModel):
    """What this conforms to."""

    conformsTo: list[str]  # noqa: N815 - as the standard has it


class CollectionOut(BaseModel):
    """A collection."""

    id: str
    title: str
    description: str
    itemType: str = "feature"  # noqa: N815 - as the standard has it
    crs: list[str] = [_CRS84]
    links: list[LinkOut]


class CollectionsOut(BaseModel):
    """The collections that the key may read."""

    links: list[LinkOut]
    collections: list[CollectionOut]


class PointOut(BaseModel):
    """A place: longitude, latitude."""

    type: str = "Point"
    coordinates: tuple[float, float]


class FeatureOut(BaseModel):
    """A defect."""

    type: str = "Feature"
    id: UUID
    geometry: PointOut
    properties: dict[str, Any]
    links: list[LinkOut] = Field(default_factory=list)


class FeaturesOut(BaseModel):
    """A page of defects."""

    type: str = "FeatureCollection"
    features: list[FeatureOut]
    links: list[LinkOut]
    numberReturned: int  # noqa: N815 - as the standard has it


class ItemsAsked(BaseModel):
    """What may be asked of a collection."""

    limit: int = Field(default=100, ge=1, le=500, description="How many at most.")
    after: UUID | None = Field(default=None, description="The last defect of the page before.")
    bbox: str = Field(
        default="", max_length=200, description="West, south, east, north: WGS 84, degrees."
    )
    datetime: str = Field(
        default="", max_length=80, description="Last seen then: an instant, or from/to, .. is open."
    )


def add_features(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""
    _add_landing(app)

    def allowed(collection: str, shown: Shown) -> tuple[ApiToken, Collection]:
        if collection not in COLLECTIONS:
            raise InputError("There is no such collection.")
        found = COLLECTIONS[collection]
        return token_shown(desk, shown, found.scope), found

    Allowed = Annotated[tuple[ApiToken, Collection], Depends(allowed)]  # noqa: N806 - a type

    # The collection is a parameter of `allowed`.
    @app.get("/v1/collections/{collection}", responses=ANSWERS, tags=["Map"])  # noqa: FAST003
    def one_collection(request: Request, may: Allowed) -> CollectionOut:
        """Give one collection."""
        found = _collection(_base(request), may[1])
        return answer(request, found.model_dump(mode="json"))  # type: ignore[return-value]

    @app.get("/v1/collections/{collection}/items", responses=ANSWERS, tags=["Map"])  # noqa: FAST003
    def items(request: Request, may: Allowed, asked: Annotated[ItemsAsked, Query()]) -> FeaturesOut:
        """Give defects, a page at a time; a page may have fewer than asked for, or none."""
        token, of = may
        wanted = _wanted(of, asked)
        with desk.database.acting_for(token.authority_id) as connection:
            names = load_feature_ids(connection, token.authority_id, wanted)
        found = [one for one in _features(desk, token, names) if _lies_in(one, wanted.box_deg)]
        address = f"{_base(request)}collections/{of.name}/items"
        links = [LinkOut(href=f"{address}?{_again(asked)}", rel="self", type=_GEOJSON)]
        if len(names) == wanted.limit:
            more = asked.model_copy(update={"after": names[-1]})
            links.append(LinkOut(href=f"{address}?{_again(more)}", rel="next", type=_GEOJSON))
        page = FeaturesOut(features=found, links=links, numberReturned=len(found))
        return answer(request, page.model_dump(mode="json"), _GEOJSON)  # type: ignore[return-value]

    @app.get("/v1/collections/{collection}/items/{defect_id}", responses=ANSWERS, tags=["Map"])  # noqa: FAST003
    def item(request: Request, may: Allowed, defect_id: UUID) -> FeatureOut:
        """Give one defect."""
        token, of = may
        found = [
            one
            for one in _features(desk, token, [DefectId(defect_id)])
            if one.properties["state"] in of.states
        ]
        if not found:
            raise InputError("There is no such defect in this collection.")
        address = f"{_base(request)}collections/{of.name}"
        links = [
            LinkOut(href=f"{address}/items/{defect_id}", rel="self", type=_GEOJSON),
            LinkOut(href=address, rel="collection", type=_JSON),
        ]
        one = found[0].model_copy(update={"links": links})
        return answer(request, one.model_dump(mode="json"), _GEOJSON)  # type: ignore[return-value]


def _add_landing(app: FastAPI) -> None:
    @app.get("/v1/", responses=UNKNOWN, tags=["Map"])
    def landing(request: Request) -> LandingOut:
        """Say where everything is."""
        base = _base(request)
        links = [
            LinkOut(href=f"{base}{path}", rel=rel, type=kind)
            for path, rel, kind in (
                ("", "self", _JSON),
                ("openapi.json", "service-desc", _OPENAPI),
                ("conformance", "conformance", _JSON),
                ("collections", "data", _JSON),
            )
        ]
        found = LandingOut(title="Roadwear", description="Defects of roads.", links=links)
        return answer(request, found.model_dump(mode="json"))  # type: ignore[return-value]

    @app.get("/v1/conformance", responses=UNKNOWN, tags=["Map"])
    def conformance(request: Request) -> ConformanceOut:
        """Say what this conforms to."""
        return answer(request, {"conformsTo": _CONFORMS})  # type: ignore[return-value]

    @app.get("/v1/collections", responses=UNKNOWN, tags=["Map"])
    def collections(request: Request) -> CollectionsOut:
        """Give the collections; what is in each needs a key with its scope."""
        base = _base(request)
        own = LinkOut(href=f"{base}collections", rel="self", type=_JSON)
        found = CollectionsOut(
            links=[own], collections=[_collection(base, one) for one in COLLECTIONS.values()]
        )
        return answer(request, found.model_dump(mode="json"))  # type: ignore[return-value]


def _base(request: Request) -> str:
    """Return the address of the first page, as it was asked for."""
    return str(request.url_for("landing"))


def _collection(base: str, one: Collection) -> CollectionOut:
    address = f"{base}collections/{one.name}"
    return CollectionOut(
        id=one.name,
        title=one.title,
        description=one.about,
        links=[
            LinkOut(href=address, rel="self", type=_JSON),
            LinkOut(href=f"{address}/items", rel="items", type=_GEOJSON, title=one.title),
        ],
    )


def _again(asked: ItemsAsked) -> str:
    return urlencode({name: value for name, value in asked.model_dump().items() if value})


def _wanted(of: Collection, asked: ItemsAsked) -> WantedFeatures:
    return WantedFeatures(
        states=of.states,
        box_deg=_box(asked.bbox) if asked.bbox else None,
        seen=_seen(asked.datetime) if asked.datetime else (None, None),
        after=None if asked.after is None else DefectId(asked.after),
        limit=asked.limit,
    )


def _box(text: str) -> tuple[float, float, float, float]:
    """Return a box; of one with heights the heights are left out. What lies outside is no land.

    Raises:
        HTTPException: It is not understood.
    """
    try:
        numbers = [float(one) for one in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == _WITH_HEIGHTS:
        numbers = [*numbers[:2], *numbers[3:5]]
    known = len(numbers) == 4 and all(isfinite(one) for one in numbers)  # noqa: PLR2004
    if not known or numbers[0] > numbers[2] or numbers[1] > numbers[3]:
        raise HTTPException(422, "bbox is west, south, east, north in degrees")
    west, south, east, north = numbers
    return (
        min(max(west, _LAND_DEG[0]), _LAND_DEG[2]), min(max(south, _LAND_DEG[1]), _LAND_DEG[3]),
        min(max(east, _LAND_DEG[0]), _LAND_DEG[2]), min(max(north, _LAND_DEG[1]), _LAND_DEG[3]),
    )  # fmt: skip


def _seen(text: str) -> tuple[datetime | None, datetime | None]:
    """Return from when to when something is to have been seen.

    Raises:
        HTTPException: It is not understood.
    """
    begins, slash, ends = text.partition("/")
    try:
        return _instant(begins), _instant(ends if slash else begins)
    except (ValueError, OverflowError) as error:
        raise HTTPException(
            422, "datetime is an instant like 2026-03-01T00:00:00Z, or two with a / between"
        ) from error


def _instant(text: str) -> datetime | None:
    if text in {"", ".."}:
        return None
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _lies_in(one: FeatureOut, box: tuple[float, float, float, float] | None) -> bool:
    lon, lat = one.geometry.coordinates
    return box is None or (box[0] <= lon <= box[2] and box[1] <= lat <= box[3])


def _features(desk: Desk, token: ApiToken, names: Sequence[DefectId]) -> list[FeatureOut]:
    """Return defects as features; those that the council has not are missing."""
    authority = token.authority_id
    with desk.database.acting_for(authority) as connection:
        defects = load_defects(connection, names)
        roads = load_road_facts(connection, authority, list(defects))
    ones = [defects[name] for name in names if name in defects]
    places = desk.rules.grid.to_lonlat([one.at for one in ones])
    return [
        FeatureOut(
            id=one.defect_id,
            geometry=PointOut(coordinates=(round(place.lon_deg, 7), round(place.lat_deg, 7))),
            properties={
                "state": one.state.value,
                **{k: v for k, v in defect_properties(one, ()).items() if k != "evidence"},
                **road_properties(roads.get(one.defect_id)),
            },
        )
        for one, place in zip(ones, places, strict=True)
    ]
