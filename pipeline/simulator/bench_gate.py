"""How well the quality gate tells what is wrong: on photographs spoilt on purpose, and on drives.

Sides in one run: the same pictures as they are, and spoilt in every way.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.looks import NotLookedReason
from pipeline.domain.quality import ClipQuality, FrameQuality, QualityModel, SeenFrame
from pipeline.geometry.quality import judge_frame, measures_of, standing_view
from pipeline.simulator.degrade import SPOILS, Spoil, shifted
from pipeline.simulator.drive import Pass, PassRules, simulated_rig
from pipeline.simulator.footage import street_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.surface import paint_surface
from pipeline.stages.judge import JudgeSettings, Standing, judge_minutes

Picture = NDArray[np.uint8]
_MINUTE_FRAMES = 12
# A knock that matters: up or down by a tenth of the picture's height and more.
_KNOCKS = ((0.10, 0.02, 1.0), (-0.12, 0.03, -2.0), (0.15, 0.08, 2.0), (0.2, -0.05, 3.0))


def photographs_bench(
    pictures: Sequence[tuple[Picture, bool]],
    model: QualityModel,
    *,
    seed: int,
    on_picture: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, float]]:
    """Judge photographs as they are and spoilt; by reason: recall, precision, refused for any.

    Args:
        pictures: Each with whether it shows the road ahead: only then can it be upside down.
        model: The gate.
        seed: Of the spoiling.
        on_picture: Told after each.
    """
    said: Counter[tuple[NotLookedReason | None, NotLookedReason | None]] = Counter()
    for number, (picture, ahead) in enumerate(pictures):
        rng = np.random.default_rng([seed, number])
        said[None, judge_frame(measures_of(picture), model)] += 1
        for reason, spoils in SPOILS.items():
            if reason is not NotLookedReason.UPSIDE_DOWN or ahead:
                for spoil in spoils:
                    said[reason, judge_frame(measures_of(spoil(picture, rng)), model)] += 1
        on_picture()
    return _table(said)


def drive_bench(
    frames: Sequence[Picture], model: QualityModel, *, seed: int
) -> dict[str, dict[str, float]]:
    """Judge drives minute by minute: as they are, spoilt in their second half, and knocked.

    Args:
        frames: Successive pictures of one drive; twelve make a minute.
        model: The gate.
        seed: Of the spoiling.
    """
    found: dict[str, dict[str, float]] = {}
    half = len(frames) // (2 * _MINUTE_FRAMES)
    sound = _judged(frames, model)
    found["as it is"] = {
        "minutes": float(len(sound.minutes)),
        "refused": float(sum(m.reason is not None for m in sound.minutes)),
    }
    for reason, spoils in SPOILS.items():
        minutes = [_spoilt(frames, spoil, half, seed) for spoil in spoils]
        found[reason.value] = _halves([_judged(m, model) for m in minutes], half, reason)
    found[NotLookedReason.CAMERA_MOVED.value] = knock_bench(frames, model)
    return found


def knock_bench(frames: Sequence[Picture], model: QualityModel) -> dict[str, float]:
    """Judge a drive minute by minute that was knocked half-way, once for each knock."""
    half = len(frames) // (2 * _MINUTE_FRAMES)
    before, after = frames[: half * _MINUTE_FRAMES], frames[half * _MINUTE_FRAMES :]
    knocked = [[*before, *(shifted(frame, *knock) for frame in after)] for knock in _KNOCKS]
    judged = [_judged(drive, model) for drive in knocked]
    return _halves(judged, half, NotLookedReason.CAMERA_MOVED)


def simulated_frames(minutes: int, on_frame: Callable[[], None]) -> list[Picture]:
    """Return pictures of a simulated drive, twelve for each minute."""
    count = minutes * _MINUTE_FRAMES
    street = make_street(77, length_m=4.0 * count + 40, holes=4, manholes=2, patches=2)
    driven = Pass(street, PassRules(speed_mps=8.0), seed=7)
    paint = street_painter(paint_surface(street), simulated_rig())
    frames = []
    for number in range(count):
        frames.append(paint(driven, number * 0.5))
        on_frame()
    return frames


def _judged(frames: Sequence[Picture], model: QualityModel) -> ClipQuality:
    settings = replace(JudgeSettings(), least_frames=_MINUTE_FRAMES // 2)
    every_s = settings.minute_s / _MINUTE_FRAMES
    judged = [
        SeenFrame(
            quality=FrameQuality(
                seconds=i * every_s, reason=judge_frame(measures_of(frame), model)
            ),
            view=standing_view(frame),
        )
        for i, frame in enumerate(frames)
    ]
    lasts_s = len(frames) * every_s
    return judge_minutes(judged, lasts_s=lasts_s, standing=Standing(), settings=settings)[0]


def _spoilt(frames: Sequence[Picture], spoil: Spoil, half: int, seed: int) -> list[Picture]:
    """Return a drive of which the second half is spoilt, each frame in the same way."""
    begin = half * _MINUTE_FRAMES
    return [
        *frames[:begin],
        *(spoil(frame, np.random.default_rng(seed)) for frame in frames[begin:]),
    ]


def _halves(drives: Sequence[ClipQuality], half: int, reason: NotLookedReason) -> dict[str, float]:
    second = [minute for drive in drives for minute in drive.minutes[half:]]
    first = [minute for drive in drives for minute in drive.minutes[:half]]
    return {
        "minutes": float(len(second)),
        "told": float(sum(minute.reason is reason for minute in second)),
        "refused": float(sum(minute.reason is not None for minute in second)),
        "refused before": float(sum(minute.reason is not None for minute in first)),
    }


def _table(
    said: Counter[tuple[NotLookedReason | None, NotLookedReason | None]],
) -> dict[str, dict[str, float]]:
    def total(*, true: NotLookedReason | None = None, told: NotLookedReason | None = None) -> int:
        return sum(n for (a, b), n in said.items() if true in {None, a} and told in {None, b})

    sound = sum(n for (true, _), n in said.items() if true is None)
    refused = sum(n for (true, told), n in said.items() if true is None and told is not None)
    table = {"as they are": {"pictures": float(sound), "refused": refused / max(1, sound)}}
    for reason in SPOILS:
        right, of = said[reason, reason], total(true=reason)
        table[reason.value] = {
            "pictures": float(of),
            "recall": right / max(1, of),
            "precision": right / max(1, total(told=reason)),
            "refused": (of - said[reason, None]) / max(1, of),
        }
    return table
