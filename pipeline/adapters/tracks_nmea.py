"""NMEA 0183 logs through pynmea2: bytes to raw fixes. Pure.

RMC sentences carry date, time and place; GGA ones the quality of the same second.
"""

import math
from datetime import UTC, datetime, time

import pynmea2

from pipeline.domain.errors import InputError
from pipeline.domain.places import LonLat
from pipeline.domain.track import RawFix

_SIGMA_PER_HDOP_M = 2.5
_MPS_PER_KNOT = 1852 / 3600


def parse_nmea(content: bytes, *, name: str) -> tuple[RawFix, ...]:
    """Return one fix for every valid RMC sentence, in the file's order.

    Sentences with a wrong checksum, without a fix, or cut short are left out.

    Args:
        content: The log.
        name: How the file is called in messages.

    Raises:
        InputError: No sentence gives a place with a date.
    """
    fixes: list[RawFix] = []
    hdop_at: dict[time, float] = {}
    dateless = 0
    for sentence in _sentences(content):
        if isinstance(sentence, pynmea2.types.talker.GGA):
            dateless += 1
            hdop = _number(sentence.horizontal_dil)
            if sentence.timestamp is not None and hdop is not None:
                hdop_at[sentence.timestamp] = hdop
        elif isinstance(sentence, pynmea2.types.talker.RMC):
            fix = _fix(sentence, hdop_at)
            if fix is not None:
                fixes.append(fix)
    if not fixes and dateless:
        raise InputError(
            f"{name}: the log has places (GGA) but no dates (RMC), so it cannot be joined to "
            "footage; switch RMC sentences on in the receiver"
        )
    if not fixes:
        raise InputError(f"{name}: the log has no valid position (RMC sentence) in it")
    return tuple(fixes)


def _sentences(content: bytes) -> list[pynmea2.NMEASentence]:
    parsed = []
    for line in content.decode("ascii", errors="replace").splitlines():
        begin = line.find("$")
        if begin < 0:
            continue
        try:
            parsed.append(pynmea2.parse(line[begin:].strip(), check=True))
        except (pynmea2.ParseError, ValueError):
            continue
    return parsed


def _fix(sentence: pynmea2.types.talker.RMC, hdop_at: dict[time, float]) -> RawFix | None:
    if sentence.status != "A" or sentence.datestamp is None or sentence.timestamp is None:
        return None
    try:
        place = LonLat(lon_deg=sentence.longitude, lat_deg=sentence.latitude)
    except ValueError:
        return None
    hdop = hdop_at.get(sentence.timestamp)
    at = datetime.combine(sentence.datestamp, sentence.timestamp.replace(tzinfo=None), UTC)
    knots = _number(sentence.spd_over_grnd)
    return RawFix(
        taken_at=at,
        place=place,
        sigma_m=None if hdop is None else _SIGMA_PER_HDOP_M * hdop,
        speed_mps=None if knots is None else knots * _MPS_PER_KNOT,
        course_deg=_number(sentence.true_course),
    )


def _number(text: str | float | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
