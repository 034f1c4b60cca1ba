"""Receive: what a card or an upload holds becomes drives, and a word on every file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.domain.footage import Clip
from pipeline.domain.ids import ClipSha256
from pipeline.domain.ports import Prober
from pipeline.domain.quality import ClipQuality
from pipeline.domain.receiving import (
    Assembled,
    AssembledDrive,
    FileFacts,
    FileOutcome,
    Manifest,
    Outcome,
)
from pipeline.domain.track import RawFix
from pipeline.stages.assemble import AssembleSettings, assemble, refuse_unseen
from pipeline.stages.judge import JudgeSettings, Standing, judge_minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFile:
    """A file that was handed in, not read yet.

    Attributes:
        location: Where its bytes are.
        path: As on the card, with forward slashes.
    """

    location: str
    path: str
    size_bytes: int
    sha256: ClipSha256


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCard:
    """What the files of a card are.

    Attributes:
        unseen: By path: why a file was refused without being opened.
        same_as: By path: the file with the same bytes that is used.
        tracks: By path: the positions of track files, whether they were used or not.
        readable: Files in which something was found.
    """

    files: tuple[CardFile, ...]
    assembled: Assembled
    unseen: Mapping[str, str]
    same_as: Mapping[str, str]
    tracks: Mapping[str, tuple[RawFix, ...]]
    readable: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRules:
    """What is known of cards beforehand.

    Attributes:
        vehicle_of_camera: Fleet number by the camera's serial number.
        vehicles: Fleet numbers that are known.
        began: By path: when footage began, as a person says who was asked.
    """

    assemble: AssembleSettings = field(default_factory=AssembleSettings)
    vehicle_of_camera: Mapping[str, str] = field(default_factory=dict)
    vehicles: frozenset[str] = frozenset()
    began: Mapping[str, datetime] = field(default_factory=dict)


def read_card(
    files: Iterable[CardFile],
    *,
    prober: Prober,
    rules: CardRules,
    on_file: Callable[[CardFile], None] = lambda _: None,
    known: Mapping[str, FileFacts] | None = None,
) -> ReadCard:
    """Find out what files are, and make drives of them; a bad file never stops the rest.

    Args:
        files: In any order.
        prober: Reads one.
        rules: What is known beforehand.
        on_file: Told after every file, for progress.
        known: By path: files of which it is known what they are, and that are not read.
    """
    remembered = known or {}
    ordered = sorted(files, key=lambda file: file.path)
    first_of: dict[ClipSha256, str] = {}
    unseen: dict[str, str] = {}
    same_as: dict[str, str] = {}
    facts: list[FileFacts] = []
    for file in ordered:
        refusal = refuse_unseen(file.path, forward_channel=rules.assemble.forward_channel)
        if refusal is not None:
            unseen[file.path] = refusal.sentence
        elif file.sha256 in first_of:
            same_as[file.path] = first_of[file.sha256]
        else:
            first_of[file.sha256] = file.path
            facts.append(
                remembered.get(file.path) or prober.probe(file.location, file.path, file.sha256)
            )
        on_file(file)
    return ReadCard(
        files=tuple(ordered),
        assembled=assemble(
            facts,
            settings=rules.assemble,
            vehicle_of_camera=rules.vehicle_of_camera,
            vehicles=rules.vehicles,
            began=rules.began,
        ),
        unseen=unseen,
        same_as=same_as,
        tracks={one.path: one.fixes for one in facts if one.fixes},
        readable=frozenset(one.path for one in facts if one.refusal is None),
    )


def manifest_of(
    read: ReadCard,
    refused_drives: Mapping[int, str],
    warnings: Mapping[int, str] | None = None,
    unwanted: Mapping[str, str] | None = None,
) -> Manifest:
    """Return a line for every file: what became of it, and why.

    Args:
        read: What the files are.
        refused_drives: Of the drives that could not be taken in: number and why.
        warnings: Of drives that were: what is odd.
        unwanted: By path: why nobody needs a file, nor the card's copy of it.
    """
    never = unwanted or {}
    drives = read.assembled.drives
    drive_of = {path: i for i, drive in enumerate(drives) for path in paths_of(drive)}

    def outcome(path: str) -> tuple[Outcome, str]:
        refusal = read.unseen.get(path) or read.assembled.refused.get(path)
        if refusal is not None:
            return Outcome.REFUSED, refusal
        if path in never:
            return Outcome.REFUSED, never[path]
        number = drive_of[path]
        if number in refused_drives:
            return Outcome.REFUSED, refused_drives[number]
        odd = (warnings or {}).get(number, "")
        said = "; ".join(filter(None, (_what(path, drives[number]), odd)))
        if path in read.assembled.remarks:
            return Outcome.IN_PART, f"{read.assembled.remarks[path]}; {said}"
        return Outcome.ACCEPTED, said

    def of_copy(path: str) -> tuple[Outcome, str]:
        first = read.same_as.get(path, path)
        what, sentence = outcome(first)
        if first == path or what is Outcome.REFUSED:
            return what, sentence
        return Outcome.ALREADY_THERE, f"the same bytes as {first}"

    lines = [(file, *of_copy(file.path)) for file in read.files]
    return Manifest(
        files=tuple(
            FileOutcome(
                path=file.path,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                outcome=what,
                blocks_wiping=what is Outcome.REFUSED
                and read.same_as.get(file.path, file.path) not in never,
                sentence=sentence,
            )
            for file, what, sentence in lines
        ),
        questions=read.assembled.questions,
    )


def judge_clips(
    clips: Sequence[tuple[str, Clip]], *, prober: Prober, settings: JudgeSettings
) -> dict[ClipSha256, ClipQuality]:
    """Return what each clip of a drive is worth, minute by minute.

    Args:
        clips: Where each lies, in order of time.
        prober: Looks through one.
        settings: How minutes are judged.

    Raises:
        InputError: A clip cannot be read.
    """
    found: dict[ClipSha256, ClipQuality] = {}
    standing = Standing()
    for location, clip in clips:
        frames = prober.look_through(location, clip.sha256, settings.every_s)
        found[clip.sha256], standing = judge_minutes(
            frames, lasts_s=clip.duration_s, standing=standing, settings=settings
        )
    return found


def paths_of(drive: AssembledDrive) -> Sequence[str]:
    """Return the files of a drive, tracks among them."""
    return (*(path for path, _ in drive.clips), *drive.tracks)


def _what(path: str, drive: AssembledDrive) -> str:
    if path in drive.tracks:
        return f"track of {len(drive.fixes)} positions"
    clip = next(clip for name, clip in drive.clips if name == path)
    at = "" if clip.started_at is None else f" from {clip.started_at:%Y-%m-%d %H:%M:%S} UTC"
    notes = drive.notes if path == drive.clips[0][0] else ()
    return "; ".join((f"{clip.duration_s:.0f} s of footage{at}", *notes))
