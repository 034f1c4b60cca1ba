"""`roadwear roads`: the network on which everything is placed."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.doors import expected_failures, progress, say
from pipeline import wiring
from pipeline.adapters.coverage_table import coverage_table, latest_of, sentence_of, write_standings
from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.adapters.roads_file import RoadsRead, read_roads
from pipeline.domain.errors import InputError
from pipeline.domain.ids import DriveId, organisation_id
from pipeline.line import (
    SURE,
    for_authority,
    place_on_roads,
    refresh_queue,
    standings,
    whole_of,
    with_stored_camera,
    with_stored_shares,
)
from pipeline.stages.match import MatchSettings

app = typer.Typer(no_args_is_help=True)

Layer = Annotated[str, typer.Option(help="Of a file with several: which one holds the roads.")]
Column = Annotated[
    list[str] | None,
    typer.Option(
        help="ENTRY=COLUMN where the file has a name of its own, such as usrn=STREET_REF; entries: "
        "section_id, usrn, name, road_class, hierarchy, speed_limit, urban, ways.",
    ),
]


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="GeoPackage, GeoJSON, Shapefile or FlatGeobuf.")],
    authority: Annotated[str, typer.Option("--authority", help="Whose roads.")],
    layer: Layer = "",
    column: Column = None,
) -> None:
    """Load a road network, and say of all that was seen on which section it lies.

    Takes OS Open Roads, OS Open USRN, an OpenStreetMap extract, or a gazetteer of one's own, in the
    National Grid or in degrees. A new file replaces the one in use; earlier answers are kept.
    """
    with expected_failures():
        settings = wiring.Settings.from_env()
        ledger = wiring.ledger(settings)
        read = read_network(file, layer, column)
        # Of what was read: a Shapefile is several files, and a told column changes what it says.
        digest = hashlib.sha256(repr(read.sections).encode()).hexdigest()
        fresh = ledger.save_roads(
            authority,
            name=file.name,
            content_sha256=digest,
            sections=read.sections,
        )
        if not fresh:
            say(f"{file.name} is in use already.")
        _place_all(authority, settings)


@app.command()
def coverage(
    authority: Annotated[str, typer.Option("--authority", help="Whose roads.")],
    out: Annotated[
        Path | None, typer.Option(help="A CSV file: one row for each direction of each section.")
    ] = None,
    latest: Annotated[int, typer.Option(help="So many of the latest are listed.", min=0)] = 10,
) -> None:
    """Say of each direction of each road when a camera last looked at it, and what is due or late.

    A camera pass counts where it surely was that section and looked at nine tenths of it, but
    for up to ten metres at its ends; of sections under 20 m that is rarely sure. How often a
    hierarchy is to be passed, and with which tolerance, the policy says. A camera pass is no
    inspection; footways and cycle tracks are not inspected by camera.
    """
    with expected_failures():
        settings = wiring.Settings.from_env()
        now = datetime.now(UTC)
        sections, spans = wiring.ledger(settings).coverage_of(
            authority, whole_of=whole_of, sure=SURE, now=now
        )
        policy, _ = wiring.policies(settings).of(organisation_id(authority))
        rows = standings(sections, spans, policy.passes, now=now)
        if out is not None:
            write_standings(rows, out)
            say(f"{len(rows)} rows: {out}")
        print(coverage_table(rows))
        for row in latest_of(rows, latest):
            print(sentence_of(row, now))
        print("Footways and cycle tracks are not inspected by camera.")


def read_network(file: Path, layer: str, column: list[str] | None) -> RoadsRead:
    """Read a network file, and tell what was read and left out.

    Raises:
        InputError: It cannot be read, or a --column is not ENTRY=COLUMN.
    """
    told = dict(_pair(one) for one in column or ())
    read = read_roads(file, Ostn15Grid(epoch_year=None), layer=layer, columns=told)
    with_usrn = sum(section.usrn is not None for section in read.sections)
    with_hierarchy = sum(section.hierarchy is not None for section in read.sections)
    say(
        f"{len(read.sections)} sections, {with_usrn} with a USRN, {with_hierarchy} with a "
        "hierarchy; columns: "
        + (", ".join(f"{entry} from {name}" for entry, name in read.columns.items()) or "none")
    )
    for reason, count in read.left_out.items():
        say(f"Left out: {count} {reason}.")
    return read


def _pair(text: str) -> tuple[str, str]:
    entry, found, name = text.partition("=")
    if not (entry and found and name):
        raise InputError(f"--column {text!r} must be ENTRY=COLUMN, such as usrn=STREET_REF")
    return entry, name


def _place_all(authority: str, settings: wiring.Settings) -> None:
    """Place what all drives saw, then rank the queue anew."""
    ledger = wiring.ledger(settings)
    owner = organisation_id(authority)
    drives: tuple[DriveId, ...] = ledger.drives_of(owner)
    placed = nowhere = done = 0
    with progress("Placing drives", max(len(drives), 1)) as bar:
        for drive_id in drives:
            bar.advance(bar.task_ids[0])
            received = ledger.load_drive(owner, drive_id)
            try:
                prepared = with_stored_camera(wiring.prepare(received, settings.line()), ledger)
            except InputError as error:
                say(f"Drive {drive_id} was passed over: {error}")
                continue
            prepared = for_authority(with_stored_shares(prepared, ledger), owner)
            found = place_on_roads(prepared, ledger=ledger, settings=MatchSettings())
            done += 1
            if found is not None:
                placed += found.placed
                nowhere += found.on_no_road
    if drives:
        refresh_queue(owner, ledger=ledger, policy=wiring.policies(settings).of(owner))
    say(
        f"{done} drives: {placed} sightings were placed on a section, {nowhere} lie on no "
        "road of this network."
    )
