"""Cuts private areas out of what was handed in: out of drives, footage and tracks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.postgres import private as rows
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.private import Cut
from pipeline.domain.errors import InputError
from pipeline.domain.ids import ClipSha256, OrganisationId
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.ports import Prober
from pipeline.domain.private import PrivateArea, PrivateBytes
from pipeline.domain.track import RawFix
from pipeline.line import CutDrive, Parts, PlacedClip, PreparedDrive, cut_drive
from pipeline.stages.cut import cut_track


@dataclass(slots=True, kw_only=True)
class Cutting:
    """Cuts out of the files of one card what is private.

    Attributes:
        cuts: By hash, what must go, as far as it is found.
    """

    areas: Sequence[PrivateArea]
    store: FootageStore
    prober: Prober
    cuts: dict[str, Cut] = field(default_factory=dict)

    def cut(self, received: ReceivedDrive, prepared: PreparedDrive) -> CutDrive:
        """Return a drive without what is private, and find which bytes of its footage must go.

        Raises:
            AllPrivateError: Nothing of it is kept.
            InputError: What is private cannot be cut out of its footage.
            OutageError: Something outside does not answer.
        """
        found: dict[ClipSha256, PrivateBytes] = {}

        def widened(placed: PlacedClip, parts: Parts) -> Parts:
            went = self.prober.private_bytes(placed.location, parts, placed.clip)
            found[placed.clip.sha256] = went
            return went.parts

        cut = cut_drive(received, prepared, self.areas, widened=widened)
        for location, clip in received.clips:
            if clip.sha256 in cut.clips.parts:
                spans = found[clip.sha256].spans
                self._require_clean(location, clip.sha256, spans)
                self.cuts[clip.sha256] = Cut(
                    spans=spans, witness=self.store.witness(location, spans)
                )
        return cut

    def is_private(self, fixes: Sequence[RawFix]) -> bool:
        """Return whether any position lies in an area."""
        return len(cut_track(fixes, self.areas).kept) < len(fixes)

    def cut_whole(self, location: str, sha256: str, size_bytes: int) -> None:
        """Have nothing of a file stay: of a track, what is kept was stored."""
        spans = ((0, size_bytes),)
        self.cuts[sha256] = Cut(spans=spans, witness=self.store.witness(location, spans))

    def _require_clean(
        self, location: str, sha256: ClipSha256, spans: Sequence[tuple[int, int]]
    ) -> None:
        """Look whether positions in an area would remain in a file.

        Raises:
            InputError: They would.
        """
        with self.store.blanked_copy(location, spans) as copy:
            facts = self.prober.probe(str(copy), copy.name, sha256)
        fixes = facts.recording.fixes if facts.recording else ()
        if facts.clip is None or self.is_private(fixes):
            raise InputError(
                "it was taken partly in a private area, which cannot be cut out of it; have the "
                "camera record MP4, or leave this file out"
            )


def blank_private(database: Database, store: FootageStore, owner: OrganisationId) -> int:
    """Take out of the store what must go and is there; return of how many files.

    What a killed server left and what a restored backup brought back are done as well.

    Raises:
        OutageError: The disk or the database fails.
    """
    with database.acting_for(owner) as connection:
        cuts = rows.load_cuts(connection, owner, store.store_id)
    return sum(
        store.blank(location, cut.spans, cut.witness)
        for location, cut in cuts
        if cut.witness is not None
    )


def remembered_tracks(
    database: Database, owner: OrganisationId, hashes: Sequence[str]
) -> Mapping[str, tuple[RawFix, ...]]:
    """Return, by hash, what is kept of the positions of tracks that were taken out as a whole."""
    with database.acting_for(owner) as connection:
        return rows.fixes_of_track(connection, owner, hashes)
