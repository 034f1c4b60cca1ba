"""`roadwear upload` and `roadwear card`: a card's files to a server, and may it be wiped?"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import typer

from deploy.doors import OUTAGE, REFUSED, expected_failures, progress, say
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.uk_time import by_when
from pipeline.uplink.card import files_on_card
from pipeline.uplink.client import (
    LocalFile,
    Notes,
    Progress,
    Server,
    announced,
    as_said,
    blocking_wiping,
)
from pipeline.uplink.client import hashed_files as hash_files

_MIB = 1 << 20
_POLL_S = 1.0
_MOST_LINES = 40


def upload(
    folder: Path,
    *,
    to: str,
    key: str,
    vehicle: str,
    at_once: int,
    manifest: Path | None,
    every_s: float | None,
    as_json: bool,
) -> None:
    """Hand in every file of a folder, wait till each has its word, and say whether to wipe.

    Args:
        folder: The card, or a folder.
        to: The server.
        key: The depot's.
        vehicle: Fleet number, where neither camera nor folder says it.
        at_once: Files sent side by side.
        manifest: Where to write what became of every file.
        every_s: Look again so often, for ever; None to look once.
        as_json: Print the answer as JSON.
    """
    before: dict[str, tuple[int, int]] = {}
    handed_in: dict[str, tuple[int, int]] = {}
    while every_s is not None:
        # A file that is still being copied changes between two looks.
        now = _states(folder)
        if now == before and now != handed_in:
            try:
                _upload(folder, to, key, vehicle, at_once, manifest, as_json=as_json)
                handed_in = now
            except typer.Exit as left:
                handed_in = handed_in if left.exit_code == OUTAGE else now
        before = now
        time.sleep(every_s)
    _upload(folder, to, key, vehicle, at_once, manifest, as_json=as_json)


def _upload(
    folder: Path,
    to: str,
    key: str,
    vehicle: str,
    at_once: int,
    manifest: Path | None,
    *,
    as_json: bool,
) -> None:
    with expected_failures(), Server(to, key_of(key)) as server:
        notes = _notes(folder, to)
        # Hashes are remembered to go on with a batch, and for nothing else.
        files, unreadable = _hashed(folder, notes if notes.get("batch") else None)
        batch_id, wanted = announced_batch(server, notes, files, vehicle)
        refused = send_files(server, batch_id, [f for f in files if f.path in wanted], at_once)
        server.ask("POST", f"batches/{batch_id}/close", {})
        answer = wait_for_words(server, batch_id, len(files))
        notes.forget()
        if manifest is not None:
            write_manifest(server, batch_id, manifest)
    for sentence in (*unreadable, *refused):
        say(f"roadwear: {sentence}")
    tell(answer, [*unreadable, *refused, *blocking_wiping(files, answer)], as_json=as_json)


def _states(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for name, path in files_on_card(folder) if folder.is_dir() else ():
        with suppress(OSError):
            state = path.stat()
            found[name] = (state.st_size, state.st_mtime_ns)
    return found


def card(folder: Path, *, to: str, key: str, as_json: bool) -> None:
    """Say whether a card may be wiped; nothing is sent but names, sizes and hashes."""
    with expected_failures(), Server(to, key_of(key)) as server:
        files, unreadable = _hashed(folder, None)
        answer = server.ask("POST", "card", as_said(files))
    tell(answer, [*unreadable, *blocking_wiping(files, answer)], as_json=as_json)


def key_of(key: str) -> str:
    """Return the depot's key.

    Raises:
        RuleError: It is not given.
    """
    if not key:
        raise RuleError("the depot's key is missing; set ROADWEAR_KEY, or ask operations for one")
    return key


def _notes(folder: Path, to: str) -> Notes:
    volume = os.statvfs(folder).f_fsid if folder.is_dir() else 0
    return notes_about(f"{folder.resolve()} {volume} {to}")


def notes_about(what: str) -> Notes:
    """Return what this machine remembers of a card or a bucket."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Notes(Path(state) / "roadwear", what)


def write_manifest(server: Server, batch_id: str, to: Path) -> None:
    """Write what became of every file of a batch, as CSV."""
    to.write_text(server.text(f"batches/{batch_id}/manifest.csv"), "utf-8")


def _hashed(folder: Path, notes: Notes | None) -> tuple[list[LocalFile], list[str]]:
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    with progress("Reading the card (MiB)", max(1.0, total / _MIB)) as bar:
        return hash_files(folder, notes, Progress(on_hashed=_advance(bar.advance, bar.task_ids[0])))


def announced_batch(
    server: Server, notes: Notes, files: list[LocalFile], vehicle: str
) -> tuple[str, set[str]]:
    """Go on with the batch that is open, or begin one; return it and which files are wanted."""
    known = notes.get("batch")
    if known is not None:
        try:
            return known, announced(server, known, files)
        except InputError:
            notes.put(batch=None)
    begun = server.ask("POST", "batches", {"source": "command", "vehicle": vehicle})
    batch_id = str(begun["batch_id"])
    notes.put(batch=batch_id)
    return batch_id, announced(server, batch_id, files)


def send_files(server: Server, batch_id: str, files: list[LocalFile], at_once: int) -> list[str]:
    """Send files, several at once; return the sentences on those that were refused."""
    refused: list[str] = []
    total = sum(file.size_bytes for file in files)
    waiting: list[str] = []

    def wait(why: str) -> None:
        if not waiting:
            say(f"roadwear: the server does not answer ({why}); it is tried again …")
        waiting.append(why)

    with progress("Sending (MiB)", max(1.0, total / _MIB)) as bar:
        told = Progress(on_sent=_advance(bar.advance, bar.task_ids[0]), on_wait=wait)
        with ThreadPoolExecutor(max_workers=at_once) as pool:
            sent = [(file, pool.submit(server.send, batch_id, file, told)) for file in files]
            try:
                for _file, done in sent:
                    try:
                        done.result()
                    except InputError as error:
                        refused.append(str(error))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return refused


def wait_for_words(server: Server, batch_id: str, total: int) -> dict[str, object]:
    """Wait till every file has its word."""
    with progress("The server reads the files", float(max(total, 1))) as bar:
        while True:
            answer = server.ask("GET", f"batches/{batch_id}")
            if answer["state"] == "done":
                return answer
            files = answer["files"]
            known = sum(f["outcome"] is not None for f in files) if isinstance(files, list) else 0
            bar.update(bar.task_ids[0], completed=known)
            time.sleep(_POLL_S)


def tell(answer: dict[str, object], against: list[str], *, as_json: bool) -> None:
    """Print the answer; leave with 3 where the card must not be wiped.

    Args:
        answer: The server's.
        against: What speaks against wiping on this side.
        as_json: Print it as JSON.
    """
    safe = bool(answer["safe_to_wipe"]) and not against
    verdict = str(answer["verdict"])
    if against and answer["safe_to_wipe"]:
        verdict = f"Do not wipe: {len(against)} files are not surely stored: {against[0]} …"
    if as_json:
        print(json.dumps({**answer, "safe_to_wipe": safe, "verdict": verdict}, ensure_ascii=False))
    else:
        found = answer["files"]
        lines = [
            f"  {file['path']}: {file['outcome'] or 'not there'}; {file['sentence']}"
            for file in (found if isinstance(found, list) else [])
            if file["outcome"] not in {"accepted", "already_there"}
        ]
        for line in lines[:_MOST_LINES]:
            say(line)
        if len(lines) > _MOST_LINES:
            say(f"  … and {len(lines) - _MOST_LINES} more; --manifest FILE writes all of them")
        asked = answer.get("questions")
        for question in asked if isinstance(asked, list) else []:
            say(f"{question} Answer it on the page of this upload, under /fleet.")
        by = answer.get("looked_at_by")
        if by:
            done_at = datetime.fromisoformat(str(by))
            say(f"It will be looked at by about {by_when(done_at, datetime.now(UTC))}.")
        print(verdict)
        sys.stdout.flush()
    if not safe:
        raise typer.Exit(REFUSED)


def _advance(advance: Callable[..., None], task: object) -> Callable[[int], None]:
    return lambda count: advance(task, count / _MIB)
