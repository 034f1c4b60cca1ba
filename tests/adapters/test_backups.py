"""That no backup was made is said, in a sentence, from the file that each of them touches."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.adapters.backups import LATEST, backup_fault

NOW = datetime(2026, 5, 4, 7, 7, tzinfo=UTC)


def made(mark: Path, at: datetime) -> Path:
    mark.touch()
    os.utime(mark, (at.timestamp(), at.timestamp()))
    return mark


def test_a_backup_of_last_night_is_nothing_to_tell(tmp_path: Path) -> None:
    assert backup_fault(made(tmp_path / "mark", NOW - LATEST), NOW) == ""


def test_an_older_one_is_told_with_its_instant(tmp_path: Path) -> None:
    said = backup_fault(made(tmp_path / "mark", NOW - LATEST - timedelta(minutes=1)), NOW)

    assert said.startswith("The last backup is of ")
    assert "roadwear-backup" in said


def test_where_one_is_expected_and_none_can_be_seen_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert backup_fault(tmp_path / "file" / "mark", NOW).startswith("No backup can be seen")
    assert backup_fault(tmp_path / "mark", NOW).startswith("No backup can be seen")


def test_where_nobody_said_how_backups_are_seen_nothing_is_told() -> None:
    assert backup_fault(None, NOW) == ""
