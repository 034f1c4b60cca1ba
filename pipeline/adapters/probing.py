"""What a file is, told from its content: footage, a track, or something else. Reads one file.

Meant to be called in a sandbox: the file may be anything.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pipeline.adapters.telemetry_exiftool import read_telemetry
from pipeline.adapters.tracks import is_track, read_track
from pipeline.adapters.tracks_csv import ColumnMap, CountedTimesError
from pipeline.adapters.video_pyav import PyAvFootage
from pipeline.domain.errors import InputError
from pipeline.domain.ids import ClipSha256
from pipeline.domain.receiving import FileFacts
from pipeline.geometry.recording import as_recording

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD_BYTES = 65536
# No camera on a vehicle tells of another time: what does is damage.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
# What turns up on cards beside footage: how it begins, and what to say of it.
_OTHERS = (
    (b"\xff\xd8\xff", "it is a photograph, not footage; only video is looked at"),
    (b"\x89PNG", "it is a picture, not footage; only video is looked at"),
    (b"PK\x03\x04", "it is an archive (ZIP); unpack it and hand in the files"),
    (b"PK\x05\x06", "it is an empty archive (ZIP)"),
    (b"Rar!", "it is an archive (RAR); unpack it and hand in the files"),
    (b"7z\xbc\xaf", "it is an archive (7z); unpack it and hand in the files"),
    (b"\x1f\x8b", "it is an archive (gzip); unpack it and hand in the files"),
    (b"%PDF", "it is a PDF document, not footage"),
    (b"MZ", "it is a program; programs are never opened"),
    (b"\x7fELF", "it is a program; programs are never opened"),
    (b"#!", "it is a program; programs are never opened"),
    (b"ID3", "it is sound without pictures"),
    (b"#EXTM3U", "it is a playlist that names other files; hand in the files themselves"),
    (b"ffconcat", "it is a playlist that names other files; hand in the files themselves"),
)
_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"moof", b"sidx", b"styp"}


def probe_file(
    location: str, path: str, sha256: str, columns: ColumnMap | None = None
) -> FileFacts:
    """Return what a file is and what it says; a file that cannot be used is no error.

    Args:
        location: Where the file lies.
        path: How it is called on the card, with forward slashes.
        sha256: Of its bytes.
        columns: Which column of a CSV says what.

    Raises:
        OutageError: ExifTool is not installed.
    """
    file = Path(location)
    size = file.stat().st_size
    try:
        return _probe(file, path, ClipSha256(sha256), columns)
    except InputError as error:
        return FileFacts(
            path=path,
            size_bytes=size,
            sha256=ClipSha256(sha256),
            refusal=_without_name(str(error), file.name),
        )


def _probe(file: Path, path: str, sha256: ClipSha256, columns: ColumnMap | None) -> FileFacts:
    size = file.stat().st_size
    with file.open("rb") as opened:
        head = opened.read(_HEAD_BYTES)
    if not head:
        raise InputError("the file is empty; copy it from the card again")
    for mark, sentence in _OTHERS:
        if head.startswith(mark):
            raise InputError(sentence)
    if is_track(head):
        return _as_track(file, path, sha256, columns)
    remark = _cut_mp4(file, size)
    with PyAvFootage(sha256).open(str(file)) as reader:
        if reader.cameras > 1:
            raise InputError(
                f"it holds the pictures of {reader.cameras} cameras; export the forward camera "
                "alone"
            )
        clip = reader.clip
    samples, device = read_telemetry(file)
    possible = [s for s in samples if s.at is None or _EARLIEST <= s.at <= _LATEST]
    recording = as_recording(possible, device=device, camera_started_at=clip.started_at)
    return FileFacts(
        path=path, size_bytes=size, sha256=sha256, clip=clip, recording=recording, remark=remark
    )


def _as_track(file: Path, path: str, sha256: ClipSha256, columns: ColumnMap | None) -> FileFacts:
    counted = False
    try:
        fixes = read_track(file, columns=columns)
    except CountedTimesError:
        fixes, counted = read_track(file, columns=columns, starts_at=EPOCH), True
    if not counted:
        fixes = tuple(fix for fix in fixes if _EARLIEST <= fix.taken_at <= _LATEST)
    if not fixes:
        raise InputError("it has no position with a time that can be")
    return FileFacts(
        path=path,
        size_bytes=file.stat().st_size,
        sha256=sha256,
        fixes=fixes,
        counted=counted,
    )


def _cut_mp4(file: Path, size: int) -> str | None:
    """Return a remark on an MP4 that ends early but has its index.

    Raises:
        InputError: It has no index, so that nothing in it can be found.
    """
    kinds, ends_early = set(), False
    for kind, end in _boxes(file, size):
        kinds.add(kind)
        ends_early = ends_early or end > size
    if b"mdat" in kinds and not kinds & {b"moov", b"moof"}:
        raise InputError(
            "the recording was cut off before the camera wrote its index (no power, or the card "
            "was pulled), so its pictures cannot be found; put the card back into the camera, "
            "which may mend it, and copy it again"
        )
    if ends_early:
        return "the file ends early (no power, or the card was pulled): what is there is used"
    return None


def _boxes(file: Path, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield kind and end of the boxes at the top of an MP4 (ISO 14496-12, 4.2); none of others."""
    at = 0
    with file.open("rb") as opened:
        while at + 8 <= size:
            opened.seek(at)
            head = opened.read(16)
            length, kind = int.from_bytes(head[:4]), head[4:8]
            if at == 0 and kind not in _BOXES:
                return
            if length == 1:
                length = int.from_bytes(head[8:16])
            elif length == 0:
                length = size - at
            if length < 8:  # noqa: PLR2004 - a box is no shorter than its head
                return
            yield kind, at + length
            at += length


def _without_name(sentence: str, name: str) -> str:
    """Return a sentence without the file's name before it: the manifest has it in front."""
    return sentence.removeprefix(f"{name}: ")
