"""Footage in a bucket: what lies there, and fetching it, through obstore."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from pipeline.domain.errors import InputError, OutageError

_CHUNK_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFile:
    """A file of a bucket.

    Attributes:
        path: Within the folder that was named.
        mark: Changes when its content does.
    """

    path: str
    size_bytes: int
    mark: str


class Bucket:
    """A bucket, or a folder in one."""

    def __init__(self, url: str) -> None:
        """Open a bucket; secrets come from the environment, as AWS's and Azure's own tools do it.

        Args:
            url: s3://bucket/folder, az://container/folder, gs://… or file:///….

        Raises:
            InputError: The URL is no bucket's.
        """
        try:
            self._store: ObjectStore = from_url(url)
        except (BaseError, ValueError, OSError) as error:
            raise InputError(
                f"{url}: this is no bucket; write s3://bucket/folder or az://container/folder"
            ) from error
        self._url = url

    def files(self) -> Iterator[BucketFile]:
        """Yield what lies there, in order of their names.

        Raises:
            OutageError: It does not answer, or lets nobody in.
        """
        try:
            found = [file for files in obstore.list(self._store) for file in files]
        except (BaseError, OSError) as error:
            raise OutageError(f"{self._url} cannot be read: {_first_line(error)}") from error
        for file in sorted(found, key=lambda file: file["path"]):
            mark = file["e_tag"] or file["version"] or file["last_modified"].isoformat()
            yield BucketFile(path=file["path"], size_bytes=file["size"], mark=mark)

    def fetch(self, file: BucketFile, to: Path, on_bytes: Callable[[int], None]) -> str:
        """Write a file to the disk, and return the SHA-256 of its bytes.

        Raises:
            InputError: It is not there any more, or changed meanwhile.
            OutageError: The bucket does not answer, or the disk cannot be written.
        """
        digest, length = hashlib.sha256(), 0
        try:
            stream = obstore.get(self._store, file.path).stream(min_chunk_size=_CHUNK_BYTES)
            with to.open("wb") as written:
                for chunk in stream:
                    digest.update(chunk)
                    length += written.write(chunk)
                    on_bytes(len(chunk))
        except FileNotFoundError as error:
            raise InputError(f"{file.path}: it is not in the bucket any more") from error
        except (BaseError, OSError) as error:
            raise OutageError(f"{file.path} cannot be fetched: {_first_line(error)}") from error
        if length != file.size_bytes:
            raise InputError(f"{file.path}: it changed while it was fetched; run it again")
        return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
