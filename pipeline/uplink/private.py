"""Cuts private areas out of what was handed in: out of drives, footage and tracks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.postgres import private as rows
from pipeline.adapters.postgres.database import Database
from pipeline.domain.errors import InputError
from pipeline.domain.ids import ClipSha256, OrganisationId
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.ports import Prober
from pipeline.domain.private import PrivateArea
from pipeline.line import CardFile, CutDrive, PreparedDrive, cut_drive
from pipeline.stages.cut import cut_track


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """Cuts out what is private."""

    database: Database
    store: FootageStore
    prober: Prober

    def cut(self, received: ReceivedDrive, prepared: PreparedDrive) -> CutDrive:
        """Return a drive without what is private, and note which bytes of its footage must go.

        Raises:
            AllPrivateError: Nothing of it is kept.
            InputError: What is private cannot be cut out of its footage.
            OutageError: Something outside does not answer.
        """
        owner = received.drive.owner_id
        with self.database.acting_for(owner) as connection:
            areas = rows.load_areas(connection)
        cut = cut_drive(received, prepared, areas)
        for location, clip in received.clips:
            parts = cut.clips.parts.get(clip.sha256)
            if not parts:
                continue
            spans = self.prober.private_bytes(location, parts, clip)
            self._require_clean(location, clip.sha256, spans, areas)
            with self.database.acting_for(owner) as connection:
                rows.note_cut(connection, owner, clip.sha256, spans)
        return cut

    def note_whole(self, owner: OrganisationId, files: Iterable[CardFile]) -> None:
        """Note that nothing of some files may stay: of tracks, what is kept was stored."""
        with self.database.acting_for(owner) as connection:
            for file in files:
                rows.note_cut(connection, owner, file.sha256, [(0, file.size_bytes)])

    def _require_clean(
        self,
        location: str,
        sha256: ClipSha256,
        spans: Sequence[tuple[int, int]],
        areas: Sequence[PrivateArea],
    ) -> None:
        """Look whether positions in an area would remain in a file.

        Raises:
            InputError: They would.
        """
        with self.store.blanked_copy(location, spans) as copy:
            facts = self.prober.probe(str(copy), copy.name, sha256)
        fixes = facts.recording.fixes if facts.recording else ()
        if facts.clip is None or len(cut_track(fixes, areas).kept) < len(fixes):
            raise InputError(
                "it was taken partly in a private area, which cannot be cut out of it; have the "
                "camera record MP4, or leave this file out"
            )


def blank_private(database: Database, store: FootageStore, owner: OrganisationId) -> int:
    """Take out of the store what must go and is there; return of how many files.

    What a killed server left and what a restored backup brought back are done as well.
    """
    with database.acting_for(owner) as connection:
        cuts = rows.load_cuts(connection, owner, store.store_id)
    return sum(store.blank(location, spans) for location, spans in cuts.values())
