"""Positions inside footage, through ExifTool: GoPro, Novatek, BlackVue, Garmin, DJI and others.

ExifTool knows the boxes of some fifty devices; here its answer is only put in order. It is run
once a file and not kept open: the file may be hostile, and the process that reads it has limits.
"""

import json
import math
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.adapters.telemetry_gpmf import LEAST_FIX, SIGMA_PER_DOP_M, WORST_DOP
from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.places import LonLat
from pipeline.domain.telemetry import Device, TelemetrySample

_TIMED = (
    "GPSLatitude", "GPSLongitude", "GPSDateTime", "GPSSpeed", "GPSTrack", "GPSDOP",
    "GPSHPositioningError", "GPSMeasureMode", "SampleTime", "SampleDuration",
)  # fmt: skip
_ONCE = (
    "Make", "Model", "SerialNumber", "CameraSerialNumber", "InternalSerialNumber", "DeviceName",
    "Warning",
)  # fmt: skip
_APPROXIMATE = "Approximating GPSDateTime"
_TIMEOUT_S = 300
# No footage is longer than two days: a time beyond that is damage.
_LONGEST_S = 172_800


@dataclass(slots=True)
class _Document:
    """What ExifTool says of one sample of the telemetry: each tag as often as it stands in it."""

    values: defaultdict[str, list[object]] = field(default_factory=lambda: defaultdict(list))

    def number(self, tag: str, index: int = 0) -> float | None:
        found = self.values[tag]
        value = found[index] if index < len(found) else None
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return None
        known = isinstance(value, int | float) and math.isfinite(value)
        return float(value) if known and isinstance(value, int | float) else None


def read_telemetry(path: Path) -> tuple[tuple[TelemetrySample, ...], Device]:
    """Return the positions inside a file of footage, and which camera wrote it.

    Positions without a fix or with a dilution above 10 are left out. No positions is no error.

    Raises:
        InputError: ExifTool does not come to an end with the file.
        OutageError: ExifTool is not installed.
    """
    said = _ask(path)
    documents: dict[str, _Document] = defaultdict(_Document)
    for key, value in said.items():
        group, _, rest = key.partition(":")
        documents[group if rest else ""].values[key.rpartition(":")[2]].append(value)
    warnings = " ".join(str(w) for d in documents.values() for w in d.values["Warning"])
    own_times = _APPROXIMATE not in warnings
    samples = [
        sample
        for name, document in documents.items()
        if name.startswith("Doc")
        for sample in _samples(document, own_times=own_times)
    ]
    return tuple(samples), _device(documents)


def _ask(path: Path) -> Mapping[str, object]:
    program = shutil.which("exiftool")
    if program is None:
        raise OutageError("ExifTool is not installed; install libimage-exiftool-perl")
    tags = [f"-{tag}" for tag in (*_TIMED, *_ONCE)]
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are ours, the path is absolute
            [
                program, "-j", "-n", "-ee", "-a", "-G3:4", "-api", "LargeFileSupport=1", *tags,
                str(path.resolve()),
            ],
            capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{path.name}: its telemetry could not be read in time") from error
    try:
        answer = json.loads(done.stdout or b"[]")
    except ValueError as error:
        raise InputError(f"{path.name}: its telemetry could not be read") from error
    return answer[0] if isinstance(answer, list) and answer else {}


def _samples(document: _Document, *, own_times: bool) -> Iterator[TelemetrySample]:
    """Yield the positions of one document; several share its time, and are spread over it.

    A stated error in metres is taken for a dilution, as which GoPro's is written: the doubt is
    then rather too large.
    """
    count = min(len(document.values["GPSLatitude"]), len(document.values["GPSLongitude"]))
    fix = document.number("GPSMeasureMode")
    dop = document.number("GPSDOP") or document.number("GPSHPositioningError")
    if count == 0 or (fix is not None and fix < LEAST_FIX) or (dop or 0) > WORST_DOP:
        return
    begins = document.number("SampleTime")
    begins = None if begins is None or abs(begins) > _LONGEST_S else begins
    lasts = document.number("SampleDuration") or 1.0
    times = document.values["GPSDateTime"]
    for i in range(count):
        lat, lon = document.number("GPSLatitude", i), document.number("GPSLongitude", i)
        if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:  # noqa: PLR2004
            continue
        share = lasts * i / count
        own = _instant(times[i]) if len(times) == count else _instant(times[0] if times else None)
        if own is not None and len(times) != count:
            own += timedelta(seconds=share)
        yield TelemetrySample(
            media_s=None if begins is None else begins + share,
            at=own if own_times else None,
            place=LonLat(lon_deg=lon, lat_deg=lat),
            sigma_m=None if not dop else SIGMA_PER_DOP_M * dop,
            speed=_not_negative(document.number("GPSSpeed", i)),
            course_deg=_not_negative(document.number("GPSTrack", i)),
        )


def _device(documents: Mapping[str, _Document]) -> Device:
    def first(*tags: str) -> str:
        for tag in tags:
            for document in documents.values():
                if document.values[tag]:
                    return str(document.values[tag][0]).strip()
        return ""

    model = first("Model", "DeviceName")
    make = first("Make") or ("GoPro" if "gopro" in model.lower() else "")
    return Device(
        make=make,
        model=model,
        serial=first("CameraSerialNumber", "SerialNumber", "InternalSerialNumber"),
    )


def _instant(value: object) -> datetime | None:
    """Return ExifTool's time; what carries no zone is UTC, which is what receivers give."""
    text = str(value or "").strip()
    if len(text) < len("2026:01:01 00:00:00"):
        return None
    try:
        instant = datetime.fromisoformat(text[:10].replace(":", "-") + "T" + text[11:])
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _not_negative(value: float | None) -> float | None:
    return value if value is not None and value >= 0 else None
