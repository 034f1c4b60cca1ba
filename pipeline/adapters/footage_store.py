"""Footage as it came in, in a folder: bytes on their way, and bytes that were checked.

A file on its way is only ever appended to, so that its length is how much has arrived, also after
a kill. It gets its place, under organisation and SHA-256, when its bytes were checked and its
sound was taken out. Names from outside never become names of files.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from pipeline.adapters.sandbox import Sandbox
from pipeline.adapters.silence import Span, blank, sound_spans, witness_of
from pipeline.adapters.tracks import is_track
from pipeline.domain.errors import InputError, NoRoomError, OutageError
from pipeline.domain.ids import ClipSha256, OrganisationId, StoreId, UploadId
from pipeline.domain.receiving import ExpectedFile

_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 65536


class DamagedOnTheWayError(InputError):
    """The bytes that arrived are not those that were announced."""


@dataclass(slots=True)
class _Tally:
    """The hash of what has arrived so far, so that nothing is read again at the end."""

    digest: "hashlib._Hash"
    length: int


class FootageStore:
    """Keeps footage in a folder."""

    def __init__(self, root: Path, *, reserve_bytes: int, sandbox: Sandbox | None = None) -> None:
        """Keep footage in a folder.

        Args:
            root: Made when it is missing.
            reserve_bytes: So much of the disk is left free.
            sandbox: For finding the sound in a file.
        """
        self._root = root.resolve()
        self._reserve_bytes = reserve_bytes
        self._sandbox = sandbox or Sandbox()
        self._tallies: dict[UploadId, _Tally] = {}
        self._lock = threading.Lock()

    @property
    def store_id(self) -> StoreId:
        """Which store it is, among those that share a database; made once, kept in the folder.

        Raises:
            OutageError: The folder cannot be written.
        """
        path = self._made(self._root) / "store-id"
        try:
            if not path.exists():
                fresh = path.with_name(f"store-id.{uuid4()}")
                fresh.write_text(str(uuid4()), "utf-8")
                with suppress(FileExistsError):
                    os.link(fresh, path)
                fresh.unlink()
            return StoreId(UUID(path.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise OutageError(f"{path} cannot be read or written: {error}") from error

    @property
    def root(self) -> Path:
        """Where the files are."""
        return self._root

    def room_bytes(self) -> int:
        """Return how many more bytes may come; never below 0."""
        return max(0, shutil.disk_usage(self._made(self._root)).free - self._reserve_bytes)

    def begin(self, upload: UploadId) -> None:
        """Make room for an upload; what has arrived of it stays.

        Raises:
            OutageError: The disk is full.
        """
        path = self._arriving(upload)
        if not path.exists():
            # What was checked before was another file.
            path.with_suffix(".checked").unlink(missing_ok=True)
        path.touch(mode=0o600)

    def arrived_bytes(self, upload: UploadId) -> int | None:
        """Return how much of an upload is here; None if nothing of it is known."""
        try:
            return self._arriving(upload).stat().st_size
        except FileNotFoundError:
            return None

    def append(self, upload: UploadId, offset: int, content: bytes) -> None:
        """Add bytes to an upload at the offset up to which it has come.

        Raises:
            OutageError: The disk is full, or fails.
            ValueError: The upload has not come up to the offset, or further.
        """
        path = self._arriving(upload)
        if self.room_bytes() < len(content):
            raise NoRoomError("there is no room for more footage; try again later")
        try:
            with path.open("r+b") as file:
                if file.seek(0, os.SEEK_END) != offset:
                    raise ValueError("not where the upload ends")
                file.write(content)
        except OSError as error:
            if path.exists():
                os.truncate(path, min(offset, path.stat().st_size))
            raise OutageError(
                f"the disk for footage cannot be written ({error.strerror}); try again later"
            ) from error
        with self._lock:
            tally = self._tallies.get(upload)
            if tally is None and offset == 0:
                tally = self._tallies[upload] = _Tally(hashlib.sha256(), 0)
        if tally is not None and tally.length == offset:
            tally.digest.update(content)
            tally.length += len(content)

    def keep(
        self, upload: UploadId, owner: OrganisationId, sha256: ClipSha256, size_bytes: int
    ) -> tuple[str, bool]:
        """Check an upload that is complete, take out its sound, and give it its place.

        Returns:
            Where it lies, and whether its sound was taken out (False where there was nothing
            to look into).

        Raises:
            DamagedOnTheWayError: Its bytes are not those of the hash; they are thrown away.
            OutageError: The disk fails.
        """
        path, place = self._arriving(upload), self.place(owner, sha256)
        marked = path.with_suffix(".checked")
        if path.exists() and not marked.exists():
            if self._hash(upload, path) != sha256:
                self.forget(upload)
                raise DamagedOnTheWayError(
                    "the bytes that arrived are not those that were announced; it is sent again"
                )
            with path.open("rb") as file:
                os.fsync(file.fileno())
            marked.touch()
        silent = self._silence(path) if path.exists() else True
        try:
            self._made(place.parent)
            if path.exists():
                path.replace(place)
            _sync(place.parent)
            marked.unlink(missing_ok=True)
            if place.stat().st_size != size_bytes:
                raise DamagedOnTheWayError("what was stored is not whole; it is sent again")
        except FileNotFoundError as error:
            raise DamagedOnTheWayError("nothing of it is here any more; send it again") from error
        except OSError as error:
            raise OutageError(f"footage cannot be stored: {error.strerror}") from error
        with self._lock:
            self._tallies.pop(upload, None)
        return str(place), silent

    def forget(self, upload: UploadId) -> None:
        """Throw away what has arrived of an upload."""
        path = self._arriving(upload)
        path.unlink(missing_ok=True)
        path.with_suffix(".checked").unlink(missing_ok=True)
        with self._lock:
            self._tallies.pop(upload, None)

    def place(self, owner: OrganisationId, sha256: ClipSha256) -> Path:
        """Return where bytes are kept, if they are."""
        return self._root / str(owner) / sha256[:2] / sha256

    def partial_before(self, before: datetime) -> tuple[Path, ...]:
        """Return the files of uploads to which nothing was added since an instant."""
        return tuple(
            path
            for path in sorted(self._made(self._root / "arriving").iterdir())
            if path.stat().st_mtime < before.timestamp()
        )

    def is_track(self, location: str) -> bool:
        """Return whether a file of the store is a track."""
        with Path(location).open("rb") as file:
            return is_track(file.read(_HEAD_BYTES))

    def holds(self, location: str, file: ExpectedFile) -> bool:
        """Return whether a file lies where it is said to, whole."""
        try:
            return Path(location).stat().st_size == file.size_bytes
        except OSError:
            return False

    def witness(self, location: str, spans: Sequence[Span]) -> int | None:
        """Return where a byte of parts of a file lies that tells whether they were taken out."""
        return witness_of(Path(location), spans)

    def blank(self, location: str, spans: Sequence[Span], witness: int) -> bool:
        """Take parts of a file out, in place; return whether any of them was still there.

        Raises:
            OutageError: The disk fails.
        """
        path = Path(location)
        try:
            with path.open("rb") as file:
                if not any(os.pread(file.fileno(), 1, witness)):
                    return False
            blank(path, spans, witness=witness)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise OutageError(f"footage cannot be written: {error.strerror}") from error
        return True

    @contextmanager
    def blanked_copy(self, location: str, spans: Sequence[Span]) -> Iterator[Path]:
        """Yield a copy of a file with parts taken out, to see what remains; it goes afterwards.

        Raises:
            OutageError: There is no room for it, or the disk fails.
        """
        path = Path(location)
        if self.room_bytes() < path.stat().st_size:
            raise NoRoomError("there is no room to cut a private area out; make room on the disk")
        copy = self._made(self._root / "arriving") / f"{uuid4()}.copy"
        try:
            shutil.copyfile(path, copy)
            blank(copy, spans)
            yield copy
        except OSError as error:
            raise OutageError(f"footage cannot be copied: {error.strerror}") from error
        finally:
            copy.unlink(missing_ok=True)

    def remove(self, location: str) -> None:
        """Remove a file of the store; one that is gone is no error.

        Raises:
            ValueError: It does not lie in the store.
        """
        path = Path(location)
        if not path.resolve().is_relative_to(self._root):
            raise ValueError(f"{location} does not lie in the store")
        path.unlink(missing_ok=True)

    def _silence(self, path: Path) -> bool:
        if self.is_track(str(path)):
            return True
        try:
            blank(path, self._sandbox.call(sound_spans, str(path)))
        except InputError:
            # What cannot be opened is refused when it is read, and removed then.
            return False
        return True

    def _hash(self, upload: UploadId, path: Path) -> str:
        with self._lock:
            tally = self._tallies.get(upload)
        if tally is not None and tally.length == path.stat().st_size:
            return tally.digest.hexdigest()
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def _arriving(self, upload: UploadId) -> Path:
        return self._made(self._root / "arriving") / str(upload)

    def _made(self, folder: Path) -> Path:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise OutageError(
                f"the folder for footage, {folder}, cannot be made: {error.strerror}"
            ) from error
        return folder


def _sync(folder: Path) -> None:
    """Have what a folder holds on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
