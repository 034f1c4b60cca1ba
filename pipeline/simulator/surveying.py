"""A simulated pass down the line: received, prepared, surveyed."""

from pipeline.domain.camera import CameraRig
from pipeline.domain.findings import Findings
from pipeline.domain.footage import Drive
from pipeline.domain.ids import DriveId, natural_uuid, organisation_id, vehicle_id
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.ports import Detector, Footage, Grid
from pipeline.line import LineSettings, Means, pieces_of, prepare_drive, survey_piece
from pipeline.simulator.drive import Pass
from pipeline.simulator.footage import clip_of

CLOCK_SIGMA_S = 0.02


def received_of(
    driven: Pass,
    rig: CameraRig,
    grid: Grid,
    *,
    known: CameraRig | None = None,
    true_track: bool = False,
    vehicle: str = "1",
) -> ReceivedDrive:
    """Return a pass as it comes in, its clip under the name "pass".

    Args:
        driven: The pass.
        rig: The camera as it is.
        grid: The National Grid.
        known: What is known of the camera; by default all.
        true_track: With the true track instead of the receiver's.
        vehicle: Its fleet number.
    """
    clip = clip_of(driven, rig)
    owner = organisation_id("bench")
    return ReceivedDrive(
        drive=Drive(
            drive_id=DriveId(natural_uuid("drive", clip.sha256)),
            owner_id=owner,
            authority_id=owner,
            vehicle_id=vehicle_id(owner, vehicle),
        ),
        clips=(("pass", clip),),
        fixes=driven.fixes(grid, true=true_track),
        rig=known or rig,
        clock=None,
        started_at=None,
    )


def survey_pass(
    received: ReceivedDrive, footage: Footage, detector: Detector, grid: Grid
) -> list[Findings]:
    """Take a received pass, whose rig is known, down the line."""
    settings = LineSettings(clock_sigma_s=CLOCK_SIGMA_S)

    def given(rig: CameraRig | None, _clip: object) -> CameraRig:
        if rig is None:
            raise ValueError("a simulated pass has a rig")
        return rig

    prepared = prepare_drive(received, rig_for=given, grid=grid, settings=settings)
    means = Means(footage=footage, detector=detector, settings=settings)
    [placed] = prepared.clips
    return [
        survey_piece(prepared, placed, piece, means)
        for piece in pieces_of(placed.clip, settings=settings)
    ]
