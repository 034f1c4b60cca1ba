"""Was the camera moved between two drives: told when it was, and not when it was not."""

from datetime import timedelta

import numpy as np
import pytest

from pipeline.domain.camera import DrivenCamera, mount_changes
from tests.builders import NOON, a_rig, natural_drive


def driven(day: int, **figures: float) -> DrivenCamera:
    rig = a_rig(
        pitch_sigma_deg=0.1, yaw_sigma_deg=0.1, roll_sigma_deg=0.2, mount_height_sigma_m=0.02
    )
    return DrivenCamera(
        vehicle="1142",
        drive_id=natural_drive(str(day)),
        driven_at=NOON + timedelta(days=day),
        rig=a_rig(**{**_figures(rig), **figures}),
    )


def _figures(rig: object) -> dict[str, float]:
    return {name: getattr(rig, name) for name in type(rig).__slots__ if name != "how"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("figure", "value", "words"),
    [
        ("pitch_deg", 7.1, "pitch by +1.10°"),
        ("yaw_deg", -1.5, "yaw by -1.50°"),
        ("mount_height_m", 1.2, "height by -0.20 m"),
    ],
)
def test_a_camera_that_was_moved_is_told_once_with_what_changed(
    figure: str, value: float, words: str
) -> None:
    drives = [driven(0), driven(1), driven(2, **{figure: value}), driven(3, **{figure: value})]

    [change] = mount_changes(drives)

    assert change.words == (words,)
    assert (change.before.driven_at, change.after.driven_at) == (
        NOON + timedelta(days=1),
        NOON + timedelta(days=2),
    )


def test_one_that_was_not_moved_is_hardly_ever_called_moved() -> None:
    chance = np.random.default_rng(1)
    alarms = 0
    for _ in range(100):
        drives = [
            driven(
                day,
                pitch_deg=float(chance.normal(6, 0.1)),
                yaw_deg=float(chance.normal(0, 0.1)),
                mount_height_m=float(chance.normal(1.4, 0.02)),
            )
            for day in range(20)
        ]
        alarms += len(mount_changes(drives))

    assert alarms <= 2


def test_what_is_hardly_known_is_no_change() -> None:
    vague = driven(1, pitch_deg=9.0, pitch_sigma_deg=2.0)

    assert mount_changes([driven(0), vague]) == ()
    assert mount_changes([]) == ()
