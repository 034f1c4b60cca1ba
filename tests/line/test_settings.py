"""Settings from the environment and from files."""

from pathlib import Path

import pytest

from pipeline.domain.errors import InputError
from pipeline.wiring import Settings


@pytest.mark.parametrize("names_it", ["ROADWEAR_SECRETS", "CREDENTIALS_DIRECTORY"])
def test_a_file_is_a_setting_and_the_environment_goes_first(
    names_it: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ROADWEAR_DATABASE_URL", "ROADWEAR_SECRETS", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "roadwear_database_url").write_text("postgresql://u:secret@h/d\n", "utf-8")
    (tmp_path / "roadwear_slot").write_text("gpu-1", "utf-8")
    monkeypatch.setenv(names_it, str(tmp_path))
    assert Settings.from_env().database_url == "postgresql://u:secret@h/d"
    monkeypatch.setenv("ROADWEAR_SLOT", "gpu-2")
    assert Settings.from_env().slot == "gpu-2"


def test_a_file_that_is_no_setting_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADWEAR_SECRETS", str(tmp_path))
    (tmp_path / "postgres_password").write_text("somebody else's", "utf-8")
    Settings.from_env()
    (tmp_path / "roadwear_databse_url").write_text("postgresql://u:secret@h/d", "utf-8")
    with pytest.raises(InputError, match="unknown settings: roadwear_databse_url"):
        Settings.from_env()


def test_a_folder_of_secrets_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADWEAR_SECRETS", str(tmp_path / "none"))
    with pytest.raises(InputError, match="ROADWEAR_SECRETS: there is no such folder"):
        Settings.from_env()
