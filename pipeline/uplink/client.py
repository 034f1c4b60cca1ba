"""The depot's end: hands a card's files to a server, and goes on wherever it was stopped.

What was hashed and which batch is open is kept in a folder of this machine, never on the card.
"""

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urljoin

import httpx

from pipeline.domain.cardpaths import clean_path
from pipeline.domain.errors import InputError, OutageError, RuleError
from pipeline.uplink.card import files_on_card

_TUS = "1.0.0"
_TYPE = "application/offset+octet-stream"
_PIECE_BYTES = 32 << 20
_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 60.0
_LONGEST_WAIT_S = 30.0
_BREATH_S = 0.2
_CHECKSUM_MISMATCH = 460
_MOST_DAMAGED = 3
_TOO_MANY, _SERVER_FAILS = 429, 500
_NO_ROOM = 507
# The connection may be gone, or the turn taken by a newer one: go on from where the server is.
_GO_ON = {404, 408, 409, 425, 429}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file to be handed in."""

    path: str
    location: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Told what goes on."""

    on_hashed: Callable[[int], None] = lambda _: None
    on_sent: Callable[[int], None] = lambda _: None
    on_wait: Callable[[str], None] = lambda _: None


class _DamagedError(Exception):
    """The server found other bytes than were announced."""


class Notes:
    """What is remembered on this machine of a card: hashes of its files, and the open batch."""

    def __init__(self, folder: Path, about: str) -> None:
        """Remember in a folder; what cannot be read is begun anew."""
        name = hashlib.sha256(about.encode()).hexdigest()[:24]
        self._path = folder / f"{name}.json"
        try:
            known = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            known = {}
        self._known: dict[str, str] = known if isinstance(known, dict) else {}

    def get(self, name: str) -> str | None:
        """Return what is remembered under a name."""
        value = self._known.get(name)
        return value if isinstance(value, str) else None

    def forget(self) -> None:
        """Forget everything: the card is handed in."""
        self._known = {}
        self._path.unlink(missing_ok=True)

    def put(self, **values: str | None) -> None:
        """Remember, or with None forget."""
        self.put_all(values)

    def put_all(self, values: Mapping[str, str | None]) -> None:
        """Remember, or with None forget, under names that may be any text."""
        for name, value in values.items():
            if value is None:
                self._known.pop(name, None)
            else:
                self._known[name] = value
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(self._known), "utf-8")
            fresh.replace(self._path)
        except OSError as error:
            raise OutageError(f"{self._path} cannot be written: {error.strerror}") from error


def hashed_files(
    folder: Path, notes: Notes | None, progress: Progress
) -> tuple[list[LocalFile], list[str]]:
    """Return the files of a card with their hashes, and the sentences on those not readable.

    Args:
        folder: The card.
        notes: What was hashed before, to go on with the same card; None to read every byte, as
            must be where the answer says whether it may be wiped.
        progress: Told how much was read.
    """
    files, unreadable, fresh = [], [], {}
    taken: set[str] = set()
    for name, location in files_on_card(folder):
        try:
            state = location.stat()
            key = f"{name}\x1f{state.st_size}\x1f{state.st_mtime_ns}"
            known = notes.get(key) if notes is not None else None
            sha256 = known or _sha256(location, progress.on_hashed)
        except OSError as error:
            unreadable.append(f"{name}: it cannot be read ({error.strerror})")
            continue
        if known is None:
            fresh[key] = sha256
        else:
            progress.on_hashed(state.st_size)
        path = _own_path(clean_path(name), taken)
        files.append(
            LocalFile(path=path, location=location, size_bytes=state.st_size, sha256=sha256)
        )
    if notes is not None:
        notes.put_all(fresh)
    return files, unreadable


def blocking_wiping(files: Sequence[LocalFile], answer: Mapping[str, object]) -> list[str]:
    """Return the files of a card of which the answer does not say that they stand in no way."""
    lines = answer.get("files")
    said = {
        (str(line["path"]), str(line["sha256"]))
        for line in (lines if isinstance(lines, list) else [])
        if line["blocks_wiping"] is False
    }
    return [file.path for file in files if (file.path, file.sha256) not in said]


def _own_path(path: str, taken: set[str]) -> str:
    """Return a path that no other file of the card has: names may differ in signs unseen."""
    own, number = path, 2
    while own in taken:
        own, number = f"{path}~{number}", number + 1
    taken.add(own)
    return own


class Server:
    """A server, as a depot sees it."""

    def __init__(self, url: str, key: str, *, patience_s: float = 900.0) -> None:
        """Speak to a server.

        Args:
            url: Its address, https://… .
            key: The depot's.
            patience_s: How long a server that does not answer is tried again.

        Raises:
            RuleError: The address is none, or would show the key to everybody on the way.
        """
        if not url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
            raise RuleError(f"{url}: the address is to begin with https://, to keep the key secret")
        self._base = url.rstrip("/") + "/uplink/"
        self._patience_s = patience_s
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {key}", "Tus-Resumable": _TUS},
            timeout=_TIMEOUT_S,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        """Speak to the server until the end of a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """End every connection."""
        self._http.close()

    def ask(self, method: str, path: str, said: object = None) -> dict[str, object]:
        """Return what the server answers, tried again while it does not.

        Raises:
            InputError: It refuses, and says why.
            OutageError: It does not answer for too long, or has no room.
        """
        answer = self._patiently(
            lambda: self._http.request(method, self._base + path, json=said), lambda _: None
        )
        _require_success(answer)
        found = answer.json()
        return found if isinstance(found, dict) else {}

    def text(self, path: str) -> str:
        """Return a text that the server gives.

        Raises:
            InputError: It refuses, and says why.
            OutageError: It does not answer for too long.
        """
        answer = self._patiently(lambda: self._http.get(self._base + path), lambda _: None)
        _require_success(answer)
        return answer.text

    def send(self, batch_id: str, file: LocalFile, progress: Progress) -> None:
        """Send a file; what has arrived before is not sent again.

        Raises:
            InputError: The server refuses it, or it cannot be read any more.
            OutageError: The server does not answer for too long, or has no room.
        """
        damaged, furthest, told = 0, -1, 0
        until = time.monotonic() + self._patience_s
        while True:
            where, offset = self._begin(batch_id, file, progress)
            if offset > furthest:
                furthest, until = offset, time.monotonic() + self._patience_s
            elif time.monotonic() > until:
                raise OutageError(f"{file.path}: the connection breaks again and again; try later")
            try:
                for there in self._push(where, file, offset):
                    progress.on_sent(there - told)
                    told = there
            except _DamagedError as error:
                damaged, furthest = damaged + 1, -1
                if damaged >= _MOST_DAMAGED:
                    raise InputError(
                        f"{file.path}: it arrives damaged each time; does it change meanwhile?"
                    ) from error
            if told == file.size_bytes and furthest >= 0:
                return
            time.sleep(_BREATH_S)

    def _push(self, where: str, file: LocalFile, offset: int) -> Iterator[int]:
        """Send what is left, piece by piece; yields how much is there, and ends where it breaks."""
        yield offset
        while offset < file.size_bytes:
            answer = self._piece(where, file, offset)
            if answer is None or answer.status_code in _GO_ON:
                return
            if answer.status_code == _CHECKSUM_MISMATCH:
                raise _DamagedError
            _require_success(answer)
            offset = int(answer.headers["upload-offset"])
            yield offset

    def _begin(self, batch_id: str, file: LocalFile, progress: Progress) -> tuple[str, int]:
        """Return where a file goes, and how much of it is there."""
        names = {"batch": batch_id, "filename": file.path}
        said = ",".join(f"{key} {b64encode(v.encode()).decode()}" for key, v in names.items())
        headers = {"Upload-Length": str(file.size_bytes), "Upload-Metadata": said}

        def create() -> httpx.Response:
            return self._http.post(self._base + "uploads", headers=headers)

        created = self._patiently(create, progress.on_wait)
        _require_success(created)
        where = urljoin(self._base, created.headers["location"])
        stands = self._patiently(lambda: self._http.head(where), progress.on_wait)
        if not stands.is_success:
            raise InputError(f"{file.path}: the server has lost it ({stands.status_code})")
        return where, int(stands.headers["upload-offset"])

    def _piece(self, where: str, file: LocalFile, offset: int) -> httpx.Response | None:
        """Send a piece; None where the connection failed."""
        try:
            with file.location.open("rb") as opened:
                opened.seek(offset)
                length = min(_PIECE_BYTES, file.size_bytes - offset)
                return self._http.patch(
                    where,
                    content=_chunks(opened.read, length),
                    headers={
                        "Content-Type": _TYPE,
                        "Upload-Offset": str(offset),
                        "Content-Length": str(length),
                    },
                )
        except httpx.TransportError:
            return None
        except OSError as error:
            raise InputError(f"{file.path}: it cannot be read ({error.strerror})") from error

    def _patiently(
        self, call: Callable[[], httpx.Response], on_wait: Callable[[str], None]
    ) -> httpx.Response:
        """Call again while the server does not answer, waiting longer each time."""
        until, wait_s, why = time.monotonic() + self._patience_s, 0.5, ""
        while True:
            try:
                answer = call()
                busy = answer.status_code in {_TOO_MANY, 502, 503, 504}
                if not busy:
                    return answer
                why = f"it answers {answer.status_code}"
            except httpx.TransportError as error:
                why = str(error) or type(error).__name__
            if time.monotonic() + wait_s > until:
                raise OutageError(
                    f"the server at {self._base} does not answer ({why}); run the same command "
                    "again later: it goes on from where it was"
                )
            on_wait(why)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


def announced(server: Server, batch_id: str, files: Sequence[LocalFile]) -> set[str]:
    """Announce files and return the paths of those that are wanted.

    Raises:
        InputError: The server refuses.
        OutageError: There is no room, or the server does not answer.
    """
    answer = server.ask("PUT", f"batches/{batch_id}/files", as_said(files))
    lines = answer.get("files")
    return {
        str(line["path"])
        for line in (lines if isinstance(lines, list) else [])
        if line["outcome"] is None
    }


def as_said(files: Sequence[LocalFile]) -> list[dict[str, object]]:
    """Return files as they are announced."""
    return [
        {"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256} for file in files
    ]


def _require_success(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        message = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = f"the server answers {answer.status_code}; is the address right?"
    if answer.status_code == _NO_ROOM or answer.status_code >= _SERVER_FAILS:
        raise OutageError(message)
    raise InputError(message)


def _chunks(read: Callable[[int], bytes], length: int) -> Iterator[bytes]:
    while length > 0:
        chunk = read(min(_CHUNK_BYTES, length))
        if not chunk:
            raise OSError(5, "it became shorter while it was read")
        length -= len(chunk)
        yield chunk


def _sha256(path: Path, on_hashed: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            on_hashed(len(chunk))
    return digest.hexdigest()
