"""What is kept of a picture ends where the road does, through any lens."""

import numpy as np
import pytest

from pipeline.domain.footage import Frame, FrameRef
from pipeline.geometry.ground import image_points
from pipeline.simulator.drive import simulated_rig
from pipeline.stages.redact import RedactSettings, road_view
from tests.builders import NOON, SHA, a_rig


@pytest.mark.parametrize(
    ("hfov", "distortion", "pitch", "sigma", "dive"),
    [
        (70.0, 0.0, 6.0, 0.2, 0.0),
        (110.0, -0.35, -3.0, 0.5, 0.0),
        (100.0, -0.3, 0.0, 1.0, 0.0),
        (85.0, -0.3, 0.0, 0.1, 0.4),
        (85.0, -0.2, 12.0, 0.1, 0.0),
        (70.0, 0.2, 8.0, 0.1, 0.0),
    ],
)
def test_nothing_beyond_the_road_is_shown_through_a_lens_that_bends(
    hfov: float, distortion: float, pitch: float, sigma: float, dive: float
) -> None:
    settings = RedactSettings()
    rig = a_rig(
        focal_px=simulated_rig(hfov_deg=hfov).focal_px, distortion=distortion, pitch_deg=pitch,
        pitch_sigma_deg=sigma, dive_deg_s2_m=dive, mount_height_m=2.5, roll_deg=0.0,
        roll_sigma_deg=0.0,
    )  # fmt: skip
    frame = Frame(
        ref=FrameRef(clip_sha256=SHA, pts=0),
        taken_at=NOON,
        pixels=np.full((720, 1280, 3), 90, np.uint8),
    )

    still = road_view(frame, (), rig, chainage_m=0.0, settings=settings)

    lifted = a_rig(
        **{name: getattr(rig, name) for name in ("focal_px", "distortion", "mount_height_m")},
        pitch_deg=pitch - 2 * sigma - 2 * dive,
    )
    far = np.column_stack((np.linspace(-200, 200, 801), np.full(801, settings.road_to_m)))
    seen = image_points(far, lifted)
    shown = seen[(seen[:, 0] >= 0) & (seen[:, 0] <= 1280)]
    lowest = float(shown[:, 1].max())
    assert 720 - still.height_px >= lowest - 1
    assert 720 - still.height_px <= lowest + 25
