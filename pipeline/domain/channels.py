"""Which way a camera of a recorder looks, told from how its files are called. Pure.

Recorders write a file for each camera, and say in its name or folder which it is. The road ahead
alone is wanted: what shows the crew, the cab or what is behind is refused without being opened.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath


class Facing(StrEnum):
    """Which way a camera looks."""

    FORWARD = "forward"
    REAR = "rear"
    CABIN = "cabin"
    SIDE = "side"
    NUMBERED = "numbered"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """What a file's name says of its camera.

    Attributes:
        label: As it stands in the name, in capitals; "" where nothing does.
        is_small_copy: The recorder keeps the same footage in full size too.
        is_sure: A maker's own pattern says it, and not a word that may mean something else.
    """

    facing: Facing
    label: str = ""
    is_small_copy: bool = False
    is_sure: bool = False


_LETTERS = {
    "F": Facing.FORWARD, "R": Facing.REAR, "B": Facing.REAR, "I": Facing.CABIN,
    "C": Facing.CABIN, "O": Facing.SIDE, "T": Facing.SIDE,
}  # fmt: skip
# The makers' own patterns; group "way" is the letter of the camera, "size" L for a small copy.
_MAKERS = (
    re.compile(r"\d{8}_\d{6}_[A-Z](?P<way>[FRIO])"),  # BlackVue: 20260210_100000_NF
    re.compile(r"\d{4}_\d{4}_\d{6}_\d{3,6}P?(?P<way>[FRIT])"),  # Viofo: 2026_0210_100000_0001F
    re.compile(r"\d{6}_\d{6}_\d{3}_(?P<way>[FRC])(?P<size>[HL])"),  # Nextbase: 260210_100000_001_FH
    re.compile(r"(NO|EV|PA|TL)\d{8}-\d{6}-\d{6}(?P<way>[FB])"),  # 70mai: NO20260210-100000-000001F
)
_WORDS = {
    Facing.FORWARD: {"FRONT", "FORWARD", "FWD", "FORWARDS", "ROAD", "WINDSCREEN"},
    Facing.REAR: {"REAR", "BACK", "REVERSE", "REVERSING", "TAIL", "HOPPER"},
    Facing.CABIN: {"CAB", "CABIN", "DRIVER", "CREW", "INTERIOR", "INSIDE", "DMS"},
    Facing.SIDE: {"SIDE", "LEFT", "RIGHT", "NEARSIDE", "OFFSIDE", "LH", "RH"},
}
_NUMBER = re.compile(r"(?:CH|CHN|CHANNEL|CAM|CAMERA)0*(\d{1,2})")


def channel_of(path: str) -> Channel:
    """Return what the name of a file says of its camera, or else its folder's name.

    Args:
        path: With forward slashes, as on the card.

    >>> channel_of("DCIM/20260210_100000_NR.mp4").facing
    <Facing.REAR: 'rear'>
    >>> channel_of("CH02/20260210.mp4").label
    'CH2'
    """
    pure = PurePosixPath(path)
    for part in (pure.stem, *reversed(pure.parts[:-1])):
        found = _channel(part.upper())
        if found is not None:
            return found
    return Channel(facing=Facing.UNSAID)


def _channel(name: str) -> Channel | None:
    for maker in _MAKERS:
        found = maker.fullmatch(name)
        if found is not None:
            groups = found.groupdict()
            return Channel(
                facing=_LETTERS[groups["way"]],
                label=groups["way"],
                is_small_copy=groups.get("size") == "L",
                is_sure=True,
            )
    words = set(re.split(r"[^A-Z0-9]+", name))
    for facing, known in _WORDS.items():
        said = words & known
        if said and facing is not Facing.FORWARD:
            return Channel(facing=facing, label=min(said))
    if words & _WORDS[Facing.FORWARD]:
        return Channel(facing=Facing.FORWARD, label=min(words & _WORDS[Facing.FORWARD]))
    numbers = [found for word in sorted(words) if (found := _NUMBER.fullmatch(word)) is not None]
    if numbers:
        return Channel(facing=Facing.NUMBERED, label=f"CH{int(numbers[0].group(1))}")
    return None
