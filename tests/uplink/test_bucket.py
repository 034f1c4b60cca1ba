"""The files of a bucket are handed in: once, in order, and told of like those of a card."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from deploy import importing
from deploy.bench_house import served
from deploy.doors import REFUSED
from pipeline.adapters.bucket_obstore import Bucket, BucketFile
from pipeline.adapters.postgres.database import Database
from pipeline.domain.errors import InputError
from pipeline.uplink.reader import BatchReader
from tests.builders import NOON
from tests.uplink.serving import add_depot, receiving_in, write_drive


@dataclass
class Import:
    """A bucket, and a server that reads what comes."""

    bucket: Path
    address: str
    key: str
    capsys: pytest.CaptureFixture[str]

    def run(self, url: str = "") -> tuple[int, dict[str, object]]:
        """Import once; return the exit code and the answer."""
        code = 0
        try:
            importing.import_bucket(
                url or f"file://{self.bucket}", to=self.address, key=self.key, vehicle="",
                manifest=None, every_s=None, as_json=True,
            )  # fmt: skip
        except typer.Exit as left:
            code = left.exit_code
        said = self.capsys.readouterr()
        self.said = said.err
        return code, json.loads(said.out) if said.out else {}


@pytest.fixture
def imports(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Import]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    receiving = receiving_in(database, tmp_path / "store")
    reader = BatchReader(receiving)
    _, key = add_depot(database)
    (tmp_path / "bucket").mkdir()
    with served(receiving, on_closed=reader.wake) as address:
        reader.start()
        yield Import(tmp_path / "bucket", address, key, capsys)
        reader.stop()


def test_a_bucket_is_handed_in_and_nothing_is_fetched_twice(
    imports: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_drive(imports.bucket / "monday", NOON)
    (imports.bucket / "monday" / "noise.mp4").write_bytes(b"noise" * 100)
    code, answer = imports.run()
    assert code == REFUSED
    assert answer["verdict"] == "Do not wipe: this file: monday/noise.mp4"
    (imports.bucket / "monday" / "noise.mp4").unlink()

    def nothing(*_: object) -> str:
        raise AssertionError("fetched again")

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "fetch", nothing)
        code, answer = imports.run()
    assert code == 0
    assert answer["verdict"] == "Safe to wipe: all 2 files stored and checked"

    write_drive(imports.bucket / "tuesday", NOON, lat=51.6)
    assert imports.run()[1]["verdict"] == "Safe to wipe: all 4 files stored and checked"


def test_an_empty_bucket_and_none_are_told(imports: Import) -> None:
    assert imports.run() == (0, {})
    assert "is empty" in imports.said
    for url in ("bucket", "ftp://bucket", f"file://{imports.bucket}/none"):
        assert imports.run(url)[0] == REFUSED
        assert "this is no bucket" in imports.said


def test_what_changes_while_it_is_fetched_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"longer than it was")
    bucket = Bucket(f"file://{tmp_path}")
    shorter = BucketFile(path="a.mp4", size_bytes=5, mark="1")
    gone = BucketFile(path="b.mp4", size_bytes=5, mark="1")
    with pytest.raises(InputError, match="changed while it was fetched"):
        bucket.fetch(shorter, tmp_path / "spool", lambda _: None)
    with pytest.raises(InputError, match="not in the bucket any more"):
        bucket.fetch(gone, tmp_path / "spool", lambda _: None)
