"""Assemble: make drives of the files of a card: which belong together, and when they were. Pure.

Loop recorders cut a drive into files of minutes; tracks lie beside them or inside; clocks are an
hour off or stand at 1970. What can be told is mended and said; what cannot is asked, once.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from statistics import median

from pipeline.domain.cardpaths import by_product
from pipeline.domain.channels import Channel, Facing, channel_of
from pipeline.domain.footage import Clip
from pipeline.domain.receiving import Assembled, AssembledDrive, FileFacts, Question
from pipeline.domain.track import ClockOffset, RawFix

_HOUR = timedelta(hours=1)
# Time zones span from 12 hours behind to 14 hours ahead of UTC.
_MOST_HOURS = 14
_EPOCH_YEAR = 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembleSettings:
    """What counts as one drive.

    Attributes:
        forward_channel: Of a recorder with several cameras: the label of the one that looks
            ahead ("CH1"); "" where the vehicle has one camera.
        drive_gap_s: Files further apart than this are two drives.
        overlap_s: Files of one camera may overlap by so much: their dates are whole seconds.
        same_length_s: A track as long as undated footage to this is taken to begin with it.
    """

    forward_channel: str = ""
    drive_gap_s: float = 900.0
    overlap_s: float = 2.0
    same_length_s: float = 5.0


@dataclass(slots=True, kw_only=True)
class _Footage:
    """A file of footage, and what is known of its time so far."""

    facts: FileFacts
    clip: Clip
    started_at: datetime | None
    by_gps: bool
    notes: list[str] = field(default_factory=list)

    @property
    def fixes(self) -> tuple[RawFix, ...]:
        return self.facts.recording.fixes if self.facts.recording else ()

    @property
    def ends_at(self) -> datetime | None:
        if self.started_at is None:
            return None
        return self.started_at + timedelta(seconds=self.clip.duration_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Why a file is refused by its name alone.

    Attributes:
        is_sure: It is surely never wanted; otherwise the card's copy may be needed.
    """

    sentence: str
    is_sure: bool


def refuse_unseen(path: str, *, forward_channel: str) -> Unseen | None:
    """Return why a file is refused by its name alone, before it is opened; None if it is not.

    Args:
        path: As on the card, with forward slashes.
        forward_channel: The label of the camera that looks ahead, where there are several.
    """
    what = by_product(path)
    if what is not None:
        sentence = f"it is {what} that the camera writes beside its footage; it is never needed"
        return Unseen(sentence=sentence, is_sure=True)
    channel = channel_of(path)
    named = forward_channel.strip().upper()
    if channel.is_small_copy:
        sentence = "it is the recorder's small copy of a file in full size; hand in that one"
        return Unseen(sentence=sentence, is_sure=True)
    if named and channel.label == named:
        return None
    other = _other_camera(channel, named)
    if other is None:
        return None
    return Unseen(sentence=other, is_sure=channel.is_sure or bool(named))


def _other_camera(channel: Channel, named: str) -> str | None:
    if channel.facing in {Facing.REAR, Facing.CABIN, Facing.SIDE}:
        return (
            f"by its name it is the {channel.facing.value} camera's ({channel.label}); only the "
            "road ahead is looked at, and it was not opened"
        )
    if channel.facing is Facing.NUMBERED and not named:
        return (
            f"by its name it is camera {channel.label} of a recorder with several, and which of "
            "them looks ahead was never said; say it once for the vehicle; it was not opened"
        )
    if channel.facing is Facing.NUMBERED:
        return (
            f"by its name it is camera {channel.label}; of this vehicle {named} looks ahead, and "
            "no other is opened"
        )
    return None


def assemble(
    files: Sequence[FileFacts],
    *,
    settings: AssembleSettings,
    vehicle_of_camera: Mapping[str, str],
    vehicles: frozenset[str] = frozenset(),
    began: Mapping[str, datetime] | None = None,
) -> Assembled:
    """Make drives of files.

    Args:
        files: What was found in each; those with a refusal are passed through.
        settings: What counts as one drive.
        vehicle_of_camera: Fleet number by the camera's serial number.
        vehicles: Fleet numbers that are known: a folder called so says whose footage it holds.
        began: By path: when footage began, as a person says who was asked. The camera's other
            files are dated by it too.
    """
    work = _Assembly(settings)
    work.refused.update({f.path: f.refusal for f in files if f.refusal is not None})
    work.remarks.update({f.path: f.remark for f in files if f.remark is not None})
    tracks = [f for f in files if f.fixes]
    footage = [_footage(f, f.clip) for f in files if f.clip is not None]
    work.footage_folders = {_folder(one.facts.path) for one in footage}
    for camera in _by_camera(footage, vehicle_of_camera, vehicles).values():
        _mend_camera_clock(camera.footage)
        _date_as_said(camera.footage, began or {})
        for run in work.runs(camera.footage):
            work.close(run, camera.vehicle, tracks)
    work.refuse_lonely(tracks)
    return Assembled(
        drives=tuple(sorted(work.drives, key=_order)),
        refused=work.refused,
        remarks=work.remarks,
        questions=tuple(work.questions),
    )


@dataclass(slots=True)
class _Camera:
    vehicle: str | None
    footage: list[_Footage]


@dataclass(slots=True)
class _Assembly:
    """What accumulates while drives are made."""

    settings: AssembleSettings
    drives: list[AssembledDrive] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    used_tracks: set[str] = field(default_factory=set)
    footage_folders: set[str] = field(default_factory=set)

    def runs(self, footage: Sequence[_Footage]) -> Iterable[list[_Footage]]:
        """Yield the footage of one camera drive by drive; undated files each by themselves."""
        dated = sorted(
            (f for f in footage if f.started_at is not None),
            key=lambda f: (f.started_at, not f.by_gps, f.facts.path),
        )
        run: list[_Footage] = []
        for one in dated:
            gap_s = _gap_s(run[-1], one) if run else 0.0
            if run and gap_s < -self.settings.overlap_s:
                self.refused[one.facts.path] = (
                    f"it shows the same minutes as {run[-1].facts.path}, which is used"
                )
                continue
            if run and gap_s > self.settings.drive_gap_s:
                yield run
                run = []
            run.append(one)
        if run:
            yield run
        yield from ([one] for one in footage if one.started_at is None)

    def close(self, run: list[_Footage], vehicle: str | None, tracks: list[FileFacts]) -> None:
        """Find the positions of a drive, and keep it; without any, refuse its files."""
        inside = [fix for one in run for fix in one.fixes]
        beside = self._beside(run, self._near(run, tracks))
        if not inside and not beside:
            self._refuse_placeless(run, any_track=bool(tracks))
            return
        fixes = inside or [fix for track in beside for fix in _on_clock(track, run)]
        self.used_tracks.update(track.path for track in beside)
        notes = [note for one in run for note in one.notes]
        notes += [n for one in run if one.facts.recording for n in one.facts.recording.notes]
        self.drives.append(
            AssembledDrive(
                clips=tuple((one.facts.path, _dated(one)) for one in run),
                tracks=tuple(track.path for track in beside),
                fixes=tuple(fixes),
                clock=_clock(run) if inside else None,
                started_at=None,
                vehicle=vehicle,
                notes=tuple(dict.fromkeys(notes)),
            )
        )

    def refuse_lonely(self, tracks: list[FileFacts]) -> None:
        """Say of tracks that no footage goes with them."""
        for track in tracks:
            if track.path not in self.used_tracks:
                self.refused[track.path] = (
                    "it is a track, and no footage on the card is of its time; hand it in "
                    "together with its footage"
                )

    def _near(self, run: list[_Footage], tracks: list[FileFacts]) -> list[FileFacts]:
        """Return the tracks in a drive's folders; without any, those beside no other footage."""
        folders = {_folder(one.facts.path) for one in run}
        own = [track for track in tracks if _folder(track.path) in folders]
        return own or [t for t in tracks if _folder(t.path) not in self.footage_folders]

    def _beside(self, run: list[_Footage], tracks: list[FileFacts]) -> list[FileFacts]:
        """Return the track files that go with a drive: by name, else by time."""
        stems = {_stem(one.facts.path) for one in run if one.started_at is not None}
        counted = [t for t in tracks if t.counted and _counted_stem(t.path, stems) is not None]
        plain = [track for track in tracks if not track.counted]
        begins, ends = run[0].started_at, run[-1].ends_at
        if counted:
            return counted
        if begins is None or ends is None:
            named = [track for track in plain if _stem(track.path) == _stem(run[0].facts.path)]
            return named or self._as_long(run[0], plain)
        named = [track for track in plain if _stem(track.path) in stems]
        for candidates in (named, plain):
            met = [track for track in candidates if _meets(track, begins, ends)]
            if met:
                return met
            shifted = [track for track in candidates if _meets_by_hours(track, begins, ends)]
            if len(shifted) == 1:
                return shifted
        return []

    def _as_long(self, one: _Footage, tracks: list[FileFacts]) -> list[FileFacts]:
        """Return the one track that is as long as undated footage; ask if there are several."""
        alike = [
            track
            for track in tracks
            if abs(_lasts_s(track) - one.clip.duration_s) <= self.settings.same_length_s
        ]
        return alike if len(alike) == 1 else []

    def _refuse_placeless(self, run: list[_Footage], *, any_track: bool) -> None:
        for one in run:
            if one.started_at is None and any_track:
                self.refused[one.facts.path] = (
                    "it carries neither a date nor positions, and no track is as long as it; say "
                    "when it began, or give it the name of its track"
                )
                self._ask(one)
            elif any_track:
                if one is run[0]:
                    self._ask(one)
                self.refused[one.facts.path] = (
                    "it has no positions inside, and no track on the card is of its time; hand in "
                    "the track of that drive with it"
                )
            else:
                self.refused[one.facts.path] = (
                    "it has no positions: neither inside the footage nor in a track file beside "
                    "it; switch the camera's GPS on, or hand in the track of that drive"
                )

    def _ask(self, one: _Footage) -> None:
        path = one.facts.path
        if one.started_at is None:
            words = f"When did {path} begin?"
        else:
            words = (
                f"When did {path} begin? It says {one.started_at:%d %B %Y, %H:%M:%S} UTC, and no "
                "track is of that time."
            )
        self.questions.append(Question(path=path, words=words))


def _footage(facts: FileFacts, clip: Clip) -> _Footage:
    recording = facts.recording
    if recording is None or recording.started_at is None:
        return _Footage(facts=facts, clip=clip, started_at=clip.started_at, by_gps=False)
    found = _Footage(facts=facts, clip=clip, started_at=recording.started_at, by_gps=True)
    if clip.started_at is None:
        found.notes.append("the camera's clock was not set; the times are those of its GPS")
    else:
        behind_s = (recording.started_at - clip.started_at).total_seconds()
        if abs(behind_s) > _HOUR.total_seconds() / 2:
            found.notes.append(
                f"the camera's clock is {_apart(behind_s)}; the times are those of its GPS"
            )
    return found


def _by_camera(
    footage: Sequence[_Footage],
    vehicle_of_camera: Mapping[str, str],
    vehicles: frozenset[str],
) -> dict[tuple[object, ...], _Camera]:
    """Sort footage by vehicle, camera and picture size: one drive is never of two."""
    folders = {number.lower(): number for number in vehicles}
    cameras: dict[tuple[object, ...], _Camera] = {}
    for one in footage:
        serial = one.facts.recording.device.serial if one.facts.recording else ""
        parts = PurePosixPath(one.facts.path).parts[:-1]
        in_folder = next((folders[p.lower()] for p in parts if p.lower() in folders), None)
        vehicle = vehicle_of_camera.get(serial) or in_folder
        key = (vehicle, serial, one.clip.width_px, one.clip.height_px)
        cameras.setdefault(key, _Camera(vehicle, [])).footage.append(one)
    return cameras


def _mend_camera_clock(footage: Sequence[_Footage]) -> None:
    """Give files that GPS does not date the offset that the camera's other files show."""
    offsets = [
        (one.started_at - one.clip.started_at).total_seconds()
        for one in footage
        if one.by_gps and one.started_at is not None and one.clip.started_at is not None
    ]
    if not offsets:
        return
    behind_s = median(offsets)
    for one in footage:
        if not one.by_gps and one.clip.started_at is not None:
            one.started_at = one.clip.started_at + timedelta(seconds=behind_s)
            one.notes.append(
                f"without GPS, {one.facts.path} is dated by the camera's clock, which its other "
                f"files show to be {_apart(behind_s)}"
            )


def _date_as_said(footage: Sequence[_Footage], began: Mapping[str, datetime]) -> None:
    """Date footage as a person said, and the camera's other files by the offset that this shows."""
    said = [one for one in footage if one.facts.path in began and not one.by_gps]
    offsets = [
        (began[one.facts.path] - one.clip.started_at).total_seconds()
        for one in said
        if one.clip.started_at is not None
    ]
    for one in footage:
        if one in said:
            one.started_at = began[one.facts.path]
            one.notes.append("dated as a person said who was asked")
        elif offsets and not one.by_gps and one.clip.started_at is not None:
            one.started_at = one.clip.started_at + timedelta(seconds=median(offsets))
            one.notes.append("dated as a person said of this camera's clock")


def _clock(run: Sequence[_Footage]) -> ClockOffset | None:
    sigmas = [
        one.facts.recording.started_sigma_s
        for one in run
        if one.facts.recording and one.facts.recording.started_sigma_s is not None
    ]
    if not sigmas:
        return None
    return ClockOffset(offset_s=0.0, sigma_s=max(sigmas), how="the GPS inside the footage")


def _dated(one: _Footage) -> Clip:
    return replace(one.clip, started_at=one.started_at)


def _on_clock(track: FileFacts, run: Sequence[_Footage]) -> tuple[RawFix, ...]:
    """Return a track's fixes; those that count from the start of a recording, from there."""
    if not track.counted:
        return track.fixes
    starts = {_stem(one.facts.path): one.started_at for one in run if one.started_at is not None}
    stem = _counted_stem(track.path, set(starts))
    if stem is None:
        return ()
    start = starts[stem]
    epoch = datetime(_EPOCH_YEAR, 1, 1, tzinfo=start.tzinfo)
    return tuple(replace(fix, taken_at=start + (fix.taken_at - epoch)) for fix in track.fixes)


def _counted_stem(path: str, stems: set[str]) -> str | None:
    """Return the footage's name in that of its track: the same, or it and more after a sign."""
    stem = _stem(path)
    found = [s for s in stems if stem == s or re.match(rf"{re.escape(s)}[^0-9a-z]", stem)]
    return max(found, key=len, default=None)


def _meets(track: FileFacts, begins: datetime, ends: datetime) -> bool:
    times = [fix.taken_at for fix in track.fixes]
    return min(times) <= ends and max(times) >= begins


def _meets_by_hours(track: FileFacts, begins: datetime, ends: datetime) -> bool:
    return any(
        _meets(track, begins + hours * _HOUR, ends + hours * _HOUR)
        for hours in range(-_MOST_HOURS, _MOST_HOURS + 1)
    )


def _lasts_s(track: FileFacts) -> float:
    times = [fix.taken_at for fix in track.fixes]
    return (max(times) - min(times)).total_seconds()


def _gap_s(before: _Footage, after: _Footage) -> float:
    if before.ends_at is None or after.started_at is None:
        return 0.0
    return (after.started_at - before.ends_at).total_seconds()


def _stem(path: str) -> str:
    return PurePosixPath(path).stem.lower()


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent).lower()


def _apart(behind_s: float) -> str:
    way = "behind" if behind_s > 0 else "ahead"
    seconds = abs(behind_s)
    if seconds >= 48 * 3600:
        return f"{seconds / 86400:.0f} days {way}"
    if seconds >= 1800:  # noqa: PLR2004
        return f"{seconds / 3600:.1f} hours {way}"
    return f"{seconds:.1f} s {way}"


def _order(drive: AssembledDrive) -> tuple[bool, datetime | None, str]:
    path, clip = drive.clips[0]
    first = min(fix.taken_at for fix in drive.fixes)
    return clip.started_at is None, clip.started_at or first, path
