"""What a detector sees on simulated streets: how small, how far, and what it takes for a hole.

Single frames, without places or gathering: the network alone is measured.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np

from pipeline.domain.camera import CameraRig
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame, FrameRef
from pipeline.domain.looks import DefectKind, Detection, Looked, PixelBox
from pipeline.domain.ports import Detector
from pipeline.simulator.drive import Moment, Pass, PassRules, lens_at, simulated_rig
from pipeline.simulator.footage import FPS, TICKS_A_FRAME, clip_of
from pipeline.simulator.making import make_street
from pipeline.simulator.optics import Lens, ground_at, project_hole, see_ground
from pipeline.simulator.street import Feature, Street
from pipeline.simulator.surface import Surface, paint_surface
from pipeline.simulator.truth import hole_in_box
from pipeline.simulator.view import Finish, render_view

WIDTH_EDGES_M = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.1)
RANGE_EDGES_M = (0.0, 5.0, 8.0, 12.0, 16.0, 20.0, 30.0)
_LENGTH_M = 160.0
_HOLES = 22
# Two boxes on the road nearer than this are the same false alarm, seen again.
_SAME_PLACE_M = 1.5
_BESIDE_M = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeCase:
    """A mount, and how far the road smears while the shutter is open.

    Attributes:
        name: What it is called in the table.
        mount_height_m: Over the road.
        pitch_deg: Nose down.
        smear_m: Speed times exposure: 0.09 m is 40 mph at 1/200 s.
    """

    name: str
    mount_height_m: float
    pitch_deg: float
    smear_m: float = 0.0


CASES = (
    EyeCase(name="van, 1.4 m", mount_height_m=1.4, pitch_deg=6.0),
    EyeCase(name="lorry, 2.4 m", mount_height_m=2.4, pitch_deg=12.0),
    EyeCase(name="van, 40 mph at 1/200 s", mount_height_m=1.4, pitch_deg=6.0, smear_m=0.09),
    EyeCase(name="van, 40 mph at 1/60 s", mount_height_m=1.4, pitch_deg=6.0, smear_m=0.3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeBench:
    """What is rendered.

    Attributes:
        seeds: Of the streets: each once with holes, and once sound, without any.
        cases: Mounts and shutters.
        every_m: Distance driven between two frames.
        holes: Whether the streets with holes are rendered too, or only the sound ones.
    """

    seeds: tuple[int, ...]
    cases: tuple[EyeCase, ...] = CASES
    every_m: float = 4.0
    holes: bool = True


@dataclass(slots=True, kw_only=True)
class EyeFigures:
    """What was seen in one case.

    Attributes:
        there: By width and range bin, how many holes were in view, frame by frame.
        seen: Of them, how many had a pothole's box around them.
        sound_m: Metres driven on sound streets.
        alarms: On sound streets, distinct places with a box of any defect, by what lies there:
            manhole, patch, shadow, or bare road.
    """

    there: Counter[tuple[int, int]] = field(default_factory=Counter)
    seen: Counter[tuple[int, int]] = field(default_factory=Counter)
    sound_m: float = 0.0
    alarms: Counter[str] = field(default_factory=Counter)

    @property
    def alarms_a_km(self) -> float:
        """False alarms, as distinct places, on a kilometre of sound road."""
        return 1000 * sum(self.alarms.values()) / self.sound_m if self.sound_m else 0.0

    def recall(self, width: int | None = None, reach: int | None = None) -> float | None:
        """Return the recall in a bin, or over all bins of what is None; None where nothing was."""
        bins = [key for key in self.there if width in (None, key[0]) and reach in (None, key[1])]
        there = sum(self.there[key] for key in bins)
        return sum(self.seen[key] for key in bins) / there if there else None


def run_eye_bench(
    bench: EyeBench, detector: Detector, *, on_street: Callable[[], None] = lambda: None
) -> dict[str, EyeFigures]:
    """Render and look.

    Args:
        bench: What is rendered.
        detector: With its operating thresholds.
        on_street: Called after each street in each case.

    Returns:
        Figures by the name of the case.
    """
    figures = {case.name: EyeFigures() for case in bench.cases}
    for seed in bench.seeds:
        holed = make_street(
            seed, length_m=_LENGTH_M, holes=_HOLES, hole_width_m=(0.1, 1.1), cracks=0
        )
        sound = make_street(seed, length_m=_LENGTH_M, holes=0, cracks=0, manholes=8, patches=8)
        for street in (holed, sound) if bench.holes else (sound,):
            surface = paint_surface(street)
            for case in bench.cases:
                _look_along(street, surface, case, bench.every_m, detector, figures[case.name])
                on_street()
    return figures


def _look_along(
    street: Street,
    surface: Surface,
    case: EyeCase,
    every_m: float,
    detector: Detector,
    figures: EyeFigures,
) -> None:
    rig = simulated_rig(mount_height_m=case.mount_height_m, pitch_deg=case.pitch_deg)
    driven = Pass(street, PassRules(), seed=street.seed)
    times = times_along(driven, every_m)
    places: list[tuple[float, float]] = []
    for ref, look in detector.look(frames_along(surface, driven, rig, case, times)):
        if not isinstance(look, Looked):
            raise InputError(f"the detector failed: {look.detail}")
        moment = driven.at(ref.pts / (FPS * TICKS_A_FRAME))
        if street.holes:
            _count_holes(street, moment, rig, look.defects, figures)
        else:
            _count_alarms(street, moment, rig, look.defects, places, figures)
    if not street.holes:
        figures.sound_m += every_m * len(times)


def times_along(driven: Pass, every_m: float) -> list[float]:
    """Return when, seconds after the start, the vehicle has gone so far again; whole frames."""
    seconds = np.arange(0.2, driven.duration_s, 1 / FPS)
    along = np.array([driven.at(float(t)).street_m for t in seconds])
    marks = np.arange(along[0], along[-1] - 30, every_m)
    return [float(seconds[i]) for i in np.searchsorted(along, marks)]


def frames_along(
    surface: Surface, driven: Pass, rig: CameraRig, case: EyeCase, times: Sequence[float]
) -> Iterator[Frame]:
    """Render the frames of a pass at these times, with the smear of the case's shutter."""
    clip = clip_of(driven, rig)
    lowest_m = float(see_ground(Lens.of(rig)).footprint_m[-1])
    finish = replace(Finish(), motion_px=round(case.smear_m / lowest_m))
    for t_s in times:
        moment = driven.at(t_s)
        pts = round(t_s * FPS) * TICKS_A_FRAME
        yield Frame(
            ref=FrameRef(clip_sha256=clip.sha256, pts=pts),
            taken_at=driven.started_at + timedelta(seconds=t_s),
            pixels=render_view(
                surface,
                driven.street,
                camera=lens_at(rig, moment),
                easting_m=moment.pose.easting_m,
                northing_m=moment.pose.northing_m,
                heading_deg=moment.pose.heading_deg,
                near_s_m=moment.street_m,
                rng=np.random.default_rng([driven.seed, pts]),
                finish=finish,
            ),
        )


def _count_holes(
    street: Street,
    moment: Moment,
    rig: CameraRig,
    found: Sequence[Detection],
    figures: EyeFigures,
) -> None:
    lens = lens_at(rig, moment)
    holes = {
        hole_in_box(street, moment, rig, one.box) for one in found if one.kind is DefectKind.POTHOLE
    }
    for index, hole in enumerate(street.holes):
        reach = hole.s_m - moment.street_m
        if not RANGE_EDGES_M[0] < reach < RANGE_EDGES_M[-1]:
            continue
        edges = project_hole(hole, street, lens, moment.pose)
        if edges is None or edges[0] < 0 or edges[2] > rig.width_px or edges[3] > rig.height_px:
            continue
        key = (_bin(hole.width_m, WIDTH_EDGES_M), _bin(reach, RANGE_EDGES_M))
        figures.there[key] += 1
        figures.seen[key] += index in holes


def _count_alarms(
    street: Street,
    moment: Moment,
    rig: CameraRig,
    found: Sequence[Detection],
    places: list[tuple[float, float]],
    figures: EyeFigures,
) -> None:
    for one in found:
        s_m, d_m = road_place(street, moment, lens_at(rig, moment), one.box)
        if any(np.hypot(s_m - s, d_m - d) < _SAME_PLACE_M for s, d in places):
            continue
        places.append((s_m, d_m))
        figures.alarms[what_lies_at(street, s_m, d_m)] += 1


def road_place(street: Street, moment: Moment, lens: Lens, box: PixelBox) -> tuple[float, float]:
    """Return chainage and offset of the ground under a box's middle; far off above the horizon."""
    x = np.array([(box.left_px + box.right_px) / 2])
    y = np.array([(box.top_px + box.bottom_px) / 2])
    right, ahead = ground_at(lens, x, y)
    if not np.isfinite(ahead).all():
        return moment.street_m + 1000.0, 0.0
    turn = np.deg2rad(moment.pose.heading_deg)
    east = moment.pose.easting_m + right * np.cos(turn) + ahead * np.sin(turn)
    north = moment.pose.northing_m - right * np.sin(turn) + ahead * np.cos(turn)
    s_m, d_m = street.to_road(east, north, moment.street_m)
    return float(s_m[0]), float(d_m[0])


def what_lies_at(street: Street, s_m: float, d_m: float) -> str:
    """Return what a person would see at a place on a street: a cover, a patch, a shadow, road."""
    lying: tuple[tuple[str, tuple[Feature, ...]], ...] = (
        ("manhole", street.manholes),
        ("patch", street.patches),
        ("shadow", street.shadows),
    )
    for name, features in lying:
        for one in features:
            beside = abs(d_m - one.d_m) - one.width_m / 2
            along = abs(s_m - one.s_m) - one.length_m / 2
            if max(beside, along) < _BESIDE_M:
                return name
    return "bare road" if abs(d_m) <= street.width_m / 2 else "beside the road"


def _bin(value: float, edges: Sequence[float]) -> int:
    return int(np.clip(np.searchsorted(edges, value, side="right") - 1, 0, len(edges) - 2))
