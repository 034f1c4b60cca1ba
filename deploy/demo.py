"""`roadwear demo`: a simulated street, driven twice, becomes a queue in PostGIS."""

import json
import os
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from deploy.commands_db import start_and_migrate
from deploy.commands_roads import load as load_roads
from deploy.doors import on_a_terminal, progress, say
from deploy.ingest import receive
from deploy.queue_table import QueueFormat, print_queue
from pipeline import wiring
from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.camera import CameraRig
from pipeline.domain.decisions import Role
from pipeline.domain.ids import organisation_id
from pipeline.domain.places import GridRef
from pipeline.simulator.drive import STARTED_AT, Pass, PassRules, gpx_of, simulated_rig
from pipeline.simulator.footage import Painter, street_painter, write_clip
from pipeline.simulator.making import make_street
from pipeline.simulator.street import Street
from pipeline.simulator.surface import paint_surface

WHO = "demo"
_SEED = 7
_PORT = 8750
_PEOPLE = (("alex@demo.example", "Alex Engineer"), ("sam@demo.example", "Sam Engineer"))


def demo(*, serve_after: bool) -> None:
    """Render, ingest through the Prefect flow, print the queue, and serve it on a terminal.

    Raises:
        OutageError: PostgreSQL is not installed or does not start.
    """
    settings = wiring.Settings.from_env()
    say("1/5 Starting the database …")
    start_and_migrate(settings)
    street = make_street(_SEED, length_m=150, holes=8, manholes=3, patches=3, shadows=4, cracks=2)
    folder = settings.home / "demo"
    say("2/5 Driving down a simulated street, twice …")
    drives = _footage(street, folder)
    say("3/5 Loading the road network …")
    load_roads(_network(street, folder), authority=WHO)
    say("4/5 Taking the footage down the line, as a Prefect flow …")
    for number, (clip, track, rig) in enumerate(drives, 1):
        batch = receive(
            [clip], owner=WHO, authority=WHO, vehicle=f"van {number}", track=track, rig=rig,
            started_at=None, settings=settings,
        )  # fmt: skip
        counts = _process(settings.home, organisation_id(WHO), batch.received.drive.drive_id)
        say(f"    drive {number}: {counts}")
    say(f"5/5 The queue (the street has {len(street.holes)} potholes):")
    print_queue(WHO, QueueFormat.TABLE)
    password = _people(settings)
    say(f"Sign in at http://127.0.0.1:{_PORT}/queue as {_PEOPLE[0][0]} or {_PEOPLE[1][0]}")
    say(f"with the password {password} (made for this machine, kept in {folder}/people.json).")
    if serve_after and on_a_terminal():
        from deploy.serving import serve  # noqa: PLC0415 - only where somebody watches

        serve("127.0.0.1", _PORT)
    else:
        say("Serve it with: roadwear serve")


def _network(street: Street, folder: Path) -> Path:
    """Write the street's centreline as a network of one section."""
    along = range(0, int(street.length_m) + 1, 5)
    spots = [street.to_world(float(s_m), 0.0) for s_m in along]
    refs = [GridRef(easting_m=e, northing_m=n) for e, n, _ in spots]
    line = [(p.lon_deg, p.lat_deg) for p in Ostn15Grid(epoch_year=None).to_lonlat(refs)]
    feature = {
        "type": "Feature",
        "properties": {"id": "SIM-1", "name": "Simulated Street", "hierarchy": "4a"},
        "geometry": {"type": "LineString", "coordinates": line},
    }
    path = folder / "roads.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    return path


def _process(home: Path, organisation: UUID, drive_id: UUID) -> dict[str, int]:
    os.environ.setdefault("PREFECT_HOME", str((home / "prefect").resolve()))
    from flows.process_drive import process_drive  # noqa: PLC0415 - Prefect takes seconds

    return process_drive(organisation, drive_id)


def _footage(street: Street, folder: Path) -> list[tuple[Path, Path, Path]]:
    """Return clip, track and rig file of both drives; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    rig = simulated_rig()
    rig_path = folder / "rig.toml"
    rig_path.write_text(rig_toml(rig), "utf-8")
    painted: list[Painter] = []
    drives = []
    for number in (1, 2):
        clip, track = folder / f"drive-{number}.mp4", folder / f"drive-{number}.gpx"
        if not (clip.exists() and track.exists()):
            painted = painted or [street_painter(paint_surface(street), rig)]
            _render(street, number, painted[0], clip, track)
        drives.append((clip, track, rig_path))
    return drives


def _render(street: Street, number: int, painter: Painter, clip: Path, track: Path) -> None:
    driven = Pass(
        street,
        PassRules(speed_mps=8.0, stop_at_m=60.0 if number == 1 else None, stop_s=4.0),
        seed=number,
        started_at=STARTED_AT + timedelta(days=7 * (number - 1)),
    )
    unfinished = clip.with_suffix(".unfinished.mp4")
    with progress(f"Rendering drive {number} (frames)", 1) as bar:

        def tell(done: int, count: int) -> None:
            bar.update(bar.task_ids[0], completed=done, total=count)

        _write(driven, painter, unfinished, tell)
    year = 2026 + driven.started_at.timetuple().tm_yday / 365
    track.write_bytes(gpx_of(driven.fixes(Ostn15Grid(epoch_year=year))))
    unfinished.replace(clip)


def _write(driven: Pass, painter: Painter, path: Path, tell: Callable[[int, int], None]) -> None:
    write_clip(driven, simulated_rig(), painter, path, on_frame=tell)


def rig_toml(rig: CameraRig) -> str:
    """Return the rig file of a simulated vehicle."""
    return (
        "# The simulated vehicle's rig, as well known as a measured one.\n"
        f"width_px = {rig.width_px}\nheight_px = {rig.height_px}\nfocal_px = {rig.focal_px:.3f}\n"
        f"mount_height_m = {rig.mount_height_m}\nmount_height_sigma_m = 0.01\n"
        f"pitch_deg = {rig.pitch_deg}\npitch_sigma_deg = 0.05\n"
        "yaw_deg = 0.0\nyaw_sigma_deg = 0.1\nroll_deg = 0.0\nroll_sigma_deg = 0.1\n"
        "clock_offset_s = 0.0\nclock_offset_sigma_s = 0.05\n"
    )


def _people(settings: wiring.Settings) -> str:
    """Add the demo's two engineers, once, with a password of this machine's own."""
    path = settings.home / "demo" / "people.json"
    if path.exists():
        return str(json.loads(path.read_text("utf-8"))["password"])
    password = secrets.token_urlsafe(12)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"password": password}), "utf-8")
    with wiring.database(settings).acting_for(organisation_id(WHO)) as connection:
        save_organisation(connection, WHO)
        for email, name in _PEOPLE:
            add_person(
                connection, organisation_id(WHO), email=email, name=name, password=password,
                roles=[Role.ENGINEER],
            )  # fmt: skip
    return password
