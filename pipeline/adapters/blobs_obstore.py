"""Pictures in an object store: a folder by default, S3 or Azure by URL, through obstore."""

import hashlib
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.ids import OrganisationId


class ObstoreBlobs:
    """Keeps blobs under organisation/kind/sha256: the same bytes are stored once."""

    def __init__(self, store: ObjectStore) -> None:
        """Keep blobs in a store."""
        self._store = store

    @classmethod
    def from_location(cls, location: str) -> "ObstoreBlobs":
        """Open a store by URL (s3://…, az://…), or a folder by path.

        Raises:
            OutageError: The folder cannot be made, or the URL is no store.
        """
        try:
            if "://" in location:
                return cls(from_url(location))
            Path(location).mkdir(parents=True, exist_ok=True)
            return cls(LocalStore(prefix=location))
        except (OSError, BaseError, ValueError) as error:
            raise OutageError(
                f"the picture store {location!r} cannot be opened: {error}"
            ) from error

    def put(self, organisation: OrganisationId, kind: str, content: bytes) -> str:
        """Store once and return the key; storing the same again changes nothing.

        Raises:
            OutageError: The store does not answer, or is full.
        """
        key = f"{organisation}/{kind}/{hashlib.sha256(content).hexdigest()}"
        try:
            obstore.put(self._store, key, content, mode="create")
        except AlreadyExistsError:
            return key
        except (BaseError, OSError) as error:
            raise OutageError(f"a picture could not be stored: {error}") from error
        return key

    def get(self, key: str) -> bytes:
        """Return what was stored.

        Raises:
            InputError: Nothing is stored under the key.
            OutageError: The store does not answer.
        """
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError as error:
            raise InputError("that picture is not in the store") from error
        except (BaseError, OSError) as error:
            raise OutageError(f"a picture could not be read: {error}") from error

    def has(self, key: str) -> bool:
        """Return whether something is stored under a key.

        Raises:
            OutageError: The store does not answer.
        """
        try:
            obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as error:
            raise OutageError(f"the picture store does not answer: {error}") from error
        return True

    def delete(self, key: str) -> bool:
        """Remove what is stored under a key; return whether anything was.

        Raises:
            OutageError: The store does not answer.
        """
        there = self.has(key)
        try:
            if there:
                obstore.delete(self._store, key)
        except (BaseError, OSError) as error:
            raise OutageError(f"a picture could not be removed: {error}") from error
        return there
