"""`roadwear import`: the files of a bucket to a server, one after another."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from deploy.doors import OUTAGE, expected_failures, progress, say
from deploy.uploading import (
    announced_batch,
    key_of,
    notes_about,
    send_files,
    tell,
    wait_for_words,
    write_manifest,
)
from pipeline.adapters.bucket_obstore import Bucket, BucketFile
from pipeline.domain.cardpaths import clean_path, is_system_file
from pipeline.domain.errors import InputError, NoRoomError
from pipeline.uplink.client import LocalFile, Notes, Server, announced, blocking_wiping

_MIB = 1 << 20


def import_bucket(
    url: str,
    *,
    to: str,
    key: str,
    vehicle: str,
    manifest: Path | None,
    every_s: float | None,
    as_json: bool,
) -> None:
    """Hand in every file of a bucket that is not there yet, and say what became of each.

    Args:
        url: The bucket, or a folder in it.
        to: The server.
        key: The depot's.
        vehicle: Fleet number, where neither camera nor folder says it.
        manifest: Where to write what became of every file.
        every_s: Look again so often, for ever; None to look once.
        as_json: Print the answer as JSON.
    """
    handed_in: tuple[BucketFile, ...] = ()
    while True:
        files: tuple[BucketFile, ...] = ()
        try:
            with expected_failures():
                bucket = Bucket(url)
                files = tuple(file for file in bucket.files() if not is_system_file(file.path))
                if not files:
                    say(f"{url} is empty.")
                elif files != handed_in:
                    _hand_in(bucket, url, files, (to, key_of(key), vehicle), manifest, as_json)
            handed_in = files
        except typer.Exit as left:
            if every_s is None:
                raise
            handed_in = handed_in if left.exit_code == OUTAGE else files
        if every_s is None:
            return
        time.sleep(every_s)


def _hand_in(
    bucket: Bucket,
    url: str,
    files: Sequence[BucketFile],
    door: tuple[str, str, str],
    manifest: Path | None,
    as_json: bool,  # noqa: FBT001 - private
) -> None:
    to, key, vehicle = door
    # What an unchanged object of a bucket is does not change: its hash is remembered for good.
    notes = notes_about(f"bucket {url} {to}")
    failed: list[str] = []
    with Server(to, key) as server, TemporaryDirectory(prefix="roadwear-") as spool:
        batch_id, _ = announced_batch(server, notes, [], vehicle)
        sent = []
        for file in files:
            try:
                sent.append(_pass_on(bucket, file, (server, batch_id, notes), Path(spool)))
            except InputError as error:
                failed.append(str(error))
        server.ask("POST", f"batches/{batch_id}/close", {})
        answer = wait_for_words(server, batch_id, len(files))
        notes.put(batch=None)
        if manifest is not None:
            write_manifest(server, batch_id, manifest)
    for sentence in failed:
        say(f"roadwear: {sentence}")
    tell(answer, [*failed, *blocking_wiping(sent, answer)], as_json=as_json)


def _pass_on(
    bucket: Bucket, file: BucketFile, where: tuple[Server, str, Notes], spool: Path
) -> LocalFile:
    """Announce a file, fetched first if its hash is not known, and send it if it is wanted.

    Raises:
        InputError: It cannot be fetched, or is refused.
        OutageError: The bucket, the disk or the server does not answer.
    """
    server, batch_id, notes = where
    name, mark = clean_path(file.path), f"{file.path}\x1f{file.size_bytes}\x1f{file.mark}"
    at = spool / "file"
    known = notes.get(mark)
    local = LocalFile(path=name, location=at, size_bytes=file.size_bytes, sha256=known or "")
    if known is not None and name not in announced(server, batch_id, [local]):
        return local
    if shutil.disk_usage(spool).free < file.size_bytes + _MIB:
        raise NoRoomError(f"{spool.parent} has no room to fetch {file.path}; set TMPDIR elsewhere")
    with progress(f"Fetching {name} (MiB)", max(1.0, file.size_bytes / _MIB)) as bar:
        sha256 = bucket.fetch(file, at, lambda n: bar.advance(bar.task_ids[0], n / _MIB))
    notes.put_all({mark: sha256})
    local = LocalFile(path=name, location=at, size_bytes=file.size_bytes, sha256=sha256)
    if name in announced(server, batch_id, [local]):
        refused = send_files(server, batch_id, [local], 1)
        if refused:
            raise InputError(refused[0])
    at.unlink(missing_ok=True)
    return local
