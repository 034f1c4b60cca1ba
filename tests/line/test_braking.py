"""A vehicle that brakes dips its nose: the road is measured with the pitch of the moment."""

from dataclasses import replace

import numpy as np

from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.domain.camera import CameraRig
from pipeline.simulator.drive import Pass, PassRules, simulated_rig
from pipeline.simulator.footage import FPS, TICKS_A_FRAME, SimulatedFootage, clip_of, grey_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.surveying import received_of, survey_pass
from pipeline.simulator.truth import TruthDetector, TruthNoise, hole_in_box

RIG = simulated_rig(mount_height_m=1.5)
STREET = make_street(400, length_m=200.0, holes=24)
DRIVEN = Pass(
    STREET, PassRules(stop_at_m=120.0, dive_deg_s2_m=0.4, pitch_jitter_deg=0.05), seed=400
)


def errors_m(known: CameraRig) -> list[float]:
    """Return how far off holes are placed that are seen while the vehicle brakes."""
    grid = Ostn15Grid(epoch_year=2026.1)
    footage = SimulatedFootage({"pass": DRIVEN}, RIG, grey_painter(RIG))
    eye = TruthDetector({clip_of(DRIVEN, RIG).sha256: DRIVEN}, RIG, TruthNoise(edge_px=0.5))
    received = received_of(DRIVEN, RIG, grid, known=known, true_track=True)
    errors = []
    for found in survey_pass(received, footage, eye, grid):
        for o in found.observations:
            moment = DRIVEN.at(o.frame.pts / (FPS * TICKS_A_FRAME))
            hole = hole_in_box(STREET, moment, RIG, o.box)
            if hole is None or not 105 < moment.street_m < 119:
                continue
            truth = STREET.holes[hole]
            easting, northing, _ = STREET.to_world(truth.s_m, truth.d_m)
            errors.append(float(np.hypot(o.at.easting_m - easting, o.at.northing_m - northing)))
    return errors


def test_places_seen_while_braking_are_right_where_the_dip_is_known() -> None:
    stiff, springs = errors_m(RIG), errors_m(replace(RIG, dive_deg_s2_m=0.4))

    assert len(springs) >= 5
    assert np.median(springs) < 0.6 * np.median(stiff)
    assert np.median(springs) < 0.3
