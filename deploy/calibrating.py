"""Follows the road in footage, with progress, for the commands that need a camera's pose."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.doors import progress, say
from pipeline import wiring
from pipeline.domain.camera import FoundCamera
from pipeline.domain.ports import Ledger
from pipeline.line import (
    PreparedDrive,
    calibrate_drive,
    calibrate_once,
    is_worth_calibrating,
    with_camera,
)
from pipeline.stages.calibrate import CalibrateSettings, Calibration


def calibrate(prepared: PreparedDrive, settings: CalibrateSettings) -> Calibration:
    """Return what the footage says of a drive's camera and clock."""
    with _following(prepared, settings) as on_second:
        return calibrate_drive(prepared, wiring.footage(), settings, on_second=on_second)


def calibrated_here(prepared: PreparedDrive, settings: CalibrateSettings) -> PreparedDrive:
    """Return the drive with what the footage says of it, where something is not known."""
    if not is_worth_calibrating(prepared, settings):
        return prepared
    found = calibrate(prepared, settings).found
    _tell(found)
    return with_camera(prepared, found)


def calibrated_once(
    prepared: PreparedDrive, ledger: Ledger, settings: CalibrateSettings
) -> PreparedDrive:
    """Return the drive with what is stored of its camera, found first if nothing is."""
    with _following(prepared, settings) as on_second:
        known, found = calibrate_once(
            prepared, wiring.footage(), ledger, settings, on_second=on_second
        )
    if found is not None:
        _tell(found)
    return known


@contextmanager
def _following(
    prepared: PreparedDrive, settings: CalibrateSettings
) -> Iterator[Callable[[float], None]]:
    lasting_s = sum(placed.clip.duration_s for placed in prepared.clips)
    total_s = max(min(lasting_s, settings.spans * settings.span_s), 1.0)
    with progress("Following the road (s)", total_s) as bar:
        yield lambda at: bar.update(bar.task_ids[0], completed=at)


def _tell(found: FoundCamera) -> None:
    for sentence in (*found.moved, *found.words):
        say(sentence)
