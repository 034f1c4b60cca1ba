"""`roadwear rig`: how a camera sits on its vehicle, from its own footage."""

from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated
from uuid import UUID

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from deploy.calibrating import calibrate as calibrate_footage
from deploy.doors import REFUSED, expected_failures, make_output_folder, say
from deploy.receiving import read_batch
from models import load_detector
from pipeline import wiring
from pipeline.adapters.rig_toml import RigFile, read_rig, rig_for, rig_text
from pipeline.domain.camera import CameraRig, FoundCamera, mount_changes
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame, WantedFrame
from pipeline.domain.ids import DriveId, organisation_id
from pipeline.domain.looks import Looked
from pipeline.line import PreparedDrive, with_camera
from pipeline.stages.calibrate import CalibrateSettings, Calibration, grid_on_road
from pipeline.stages.redact import RedactSettings, paint_over

app = typer.Typer(no_args_is_help=True)
_VAGUE_LENS = 0.05
_FIGURES = (
    ("pitch, nose down", "pitch", "deg", "°"),
    ("yaw, to the right", "yaw", "deg", "°"),
    ("roll, right side down", "roll", "deg", "°"),
    ("height over the road", "mount_height", "m", " m"),
)


@app.command()
def calibrate(
    clips: Annotated[list[Path], typer.Argument(help="One or more clips of one drive.")],
    track: Annotated[Path, typer.Option(help="GPX or NMEA track of the drive, times in UTC.")],
    out: Annotated[Path, typer.Option(help="Folder for rig.toml and grid.jpg.")],
    rig: Annotated[
        Path | None,
        typer.Option(help="What is known: at least the field of view, from the data sheet."),
    ] = None,
    started_at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"],
            help="When the first clip began (UTC), if its own date is missing or wrong.",
        ),
    ] = None,
    spans: Annotated[int, typer.Option(help="Half minutes of footage to compare.", min=1)] = 3,
) -> None:
    """Estimate pitch, yaw, roll, height and clock, and draw the result on the road.

    Film a minute on a dry, even road by daylight, at 15 mph or more, with a stop or a junction in
    it for the clock. Look at grid.jpg: the lines must lie along the lane, and the red line on
    the horizon. The field of view shows where the vehicle turns at a junction, not on a straight
    road: there give it with --rig. A lens that bends straight lines is found out too.
    """
    with expected_failures():
        make_output_folder(out)
        settings = wiring.Settings.from_env()
        batch = read_batch(clips, track=track, rig=rig, started_at=started_at)
        prepared = wiring.prepare(batch.received, settings.line())
        found = calibrate_footage(prepared, CalibrateSettings(spans=spans))
        _print(found, prepared.rig)
        if found.pose is None:
            raise typer.Exit(REFUSED)
        (out / "rig.toml").write_text(rig_text(found.found.rig), "utf-8")
        picture = _picture(with_camera(prepared, found.found), settings.model)
        if picture is None:
            say("No frame could be read to draw the grid on.")
        else:
            cv2.imwrite(str(out / "grid.jpg"), grid_on_road(picture, found.found.rig))
        say(
            f"Written to {out}: rig.toml and grid.jpg. Look at the picture before you use the file."
        )


@app.command()
def history(
    owner: Annotated[str, typer.Option("--owner", help="Whose vehicles.")],
    vehicle: Annotated[str, typer.Option(help="A fleet number; all vehicles by default.")] = "",
) -> None:
    """Say how each vehicle's camera sat on its drives, and when it was moved.

    Only drives whose camera was found from their own footage are listed. Where a camera was moved,
    the places of the drive after it rest on the new pose: check the mount, and calibrate again.
    """
    with expected_failures():
        drives = wiring.ledger(wiring.Settings.from_env()).driven_cameras(owner, vehicle)
        if not drives:
            whose = f"{owner}, vehicle {vehicle}" if vehicle else owner
            raise InputError(f"no drive of {whose} has a camera that was found from its footage")
        for name, some in groupby(drives, key=lambda one: one.vehicle):
            own = list(some)
            print(f"Vehicle {name}")
            for one in own:
                print(f"  {one.driven_at:%d %B %Y %H:%M}  {_pose(one.rig)}  drive {one.drive_id}")
            changes = mount_changes(own)
            for change in changes:
                print(
                    f"  The camera was moved between {change.before.driven_at:%d %B %Y} and "
                    f"{change.after.driven_at:%d %B %Y}: {', '.join(change.words)}."
                )
            if not changes:
                print("  The camera sits as it did.")


@app.command()
def correct(
    drive: Annotated[
        UUID, typer.Argument(help="The drive, as `rig history` and `ingest` name it.")
    ],
    owner: Annotated[str, typer.Option("--owner", help="Whose footage it is.")],
    by: Annotated[str, typer.Option("--by", help="Who says so: it is kept with the drive.")],
    reason: Annotated[str, typer.Option("--reason", help="Why: it is kept with the drive.")],
    rig: Annotated[
        Path | None,
        typer.Option(help="The rig file to use instead; without, the footage is asked anew."),
    ] = None,
) -> None:
    """Set aside what was found of a drive's camera: it was wrong.

    Nothing is deleted. Ingest the drive again afterwards: its footage is then looked at with the
    right camera, and what it showed before is superseded.
    """
    with expected_failures():
        if not by.strip() or not reason.strip():
            raise InputError("say who corrects it and why: both are kept with the drive")
        given = None if rig is None else read_rig(rig)
        ledger = wiring.ledger(wiring.Settings.from_env())
        received = ledger.load_drive(organisation_id(owner), DriveId(drive))
        if given is not None:
            for _, clip in received.clips:
                rig_for(given.rig, clip)
        said = {"said_by": by.strip(), "reason": reason.strip()}
        camera = None if given is None else _given_camera(given, **said)
        if not ledger.correct_camera(received.drive, given=camera, **said):
            raise InputError(f"nothing was found of the camera of drive {drive} to correct")
        say("Set aside. Ingest this drive's footage again, with the same options as before.")


def _given_camera(given: RigFile, *, said_by: str, reason: str) -> FoundCamera:
    rig = replace(given.rig, how=f"given by {said_by}: {reason}")
    return FoundCamera(rig=rig, clock=given.clock, pairs=0, refused=0, moved=(), words=())


def _pose(rig: CameraRig) -> str:
    return ", ".join(
        f"{words.partition(',')[0].partition(' ')[0]} {getattr(rig, f'{part}_{unit}'):.2f}"
        f" ± {2 * getattr(rig, f'{part}_sigma_{unit}'):.2f}{sign}"
        for words, part, unit, sign in _FIGURES
    )


def _print(calibration: Calibration, before: CameraRig) -> None:
    found = calibration.found
    if calibration.pose is not None:
        for words, part, unit, sign in _FIGURES:
            value = getattr(found.rig, f"{part}_{unit}")
            sigma = getattr(found.rig, f"{part}_sigma_{unit}")
            print(f"{words:24}{value:8.2f}{sign} ± {2 * sigma:.2f}{sign}")
    _print_lens(found.rig, before)
    if found.clock is not None:
        offset, sigma = found.clock.offset_s, found.clock.sigma_s
        print(f"{'clock, to be added':24}{offset:8.2f} s ± {2 * sigma:.2f} s")
    every = found.pairs + found.refused
    print(f"from {found.pairs} of {every} pairs of pictures; ±: 95 of 100 lie within")
    if found.rig.focal_sigma_px > _VAGUE_LENS * found.rig.focal_px:
        say(
            "The field of view is only assumed: height and widths may be off by a fifth. Give it "
            "with --rig, from the camera's data sheet, or film a drive that turns at a junction."
        )
    for sentence in (*found.moved, *found.words):
        say(sentence)


def _print_lens(rig: CameraRig, before: CameraRig) -> None:
    """Print what was found beside the pose, where anything was."""
    if rig.focal_px != before.focal_px:
        print(f"{'focal length':24}{rig.focal_px:8.0f} px ± {2 * rig.focal_sigma_px:.0f} px")
    if rig.distortion:
        print(f"{'distortion of the lens':24}{rig.distortion:8.2f}")
    if rig.dive_deg_s2_m:
        print(f"{'dip by braking':24}{rig.dive_deg_s2_m:8.2f}° for each m/s²")


def _picture(prepared: PreparedDrive, model: str) -> NDArray[np.uint8] | None:
    """Return a frame from the middle of the first clip, people and vehicles painted over."""
    placed = prepared.clips[0]
    pts = placed.clip.pts_at(placed.clip.duration_s / 2)
    frames: list[Frame] = []
    with wiring.footage().open(placed.location) as reader:
        frames += reader.frames([WantedFrame(pts=pts, latest_pts=pts)])
    for _, look in load_detector(model).look(frames):
        if isinstance(look, Looked):
            return paint_over(frames[0].pixels, look.bystanders, RedactSettings())
    return None
