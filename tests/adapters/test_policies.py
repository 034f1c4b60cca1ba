"""One installation, several councils: each goes by its own policy."""

from pathlib import Path

import pytest

from deploy.serving import policies_of_nobody
from pipeline import wiring
from pipeline.adapters.policy_toml import read_policy
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.domain.errors import InputError
from pipeline.domain.ids import organisation_id

KENT, OTHER = organisation_id("kent"), organisation_id("devon")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "policies"
    found.mkdir()
    _, content = read_policy(Path("generic-5x5"))
    (found / "kent.toml").write_bytes(content.replace(b'name = "', b'name = "Kent: ', 1))
    return found


def test_each_authority_goes_by_its_own_policy_and_the_others_by_the_general_one(
    folder: Path,
) -> None:
    policies = wiring.policies(wiring.Settings(policy=folder))
    assert policies.of(KENT)[0].name.startswith("Kent: ")
    assert policies.of(KENT)[1] == (folder / "kent.toml").read_bytes()
    assert policies.of(OTHER) == wiring.policies(wiring.Settings()).general

    (folder / "general.toml").write_bytes((folder / "kent.toml").read_bytes())
    policies = wiring.policies(wiring.Settings(policy=folder))
    assert policies.of(OTHER)[0].name.startswith("Kent: ")


def test_one_file_is_everybodys(folder: Path) -> None:
    policies = wiring.policies(wiring.Settings(policy=folder / "kent.toml"))
    assert policies.of(KENT) == policies.of(OTHER)


def test_a_folder_without_a_policy_and_a_policy_that_is_none_are_refused(folder: Path) -> None:
    (folder / "devon.toml").write_text("not a policy", "utf-8")
    with pytest.raises(InputError, match=r"devon\.toml"):
        wiring.policies(wiring.Settings(policy=folder))
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"empty has no policy: put one in it"):
        wiring.policies(wiring.Settings(policy=empty))


def test_a_policy_of_nobody_is_told_of(
    folder: Path, database: Database, database_urls: tuple[str, str], tmp_path: Path
) -> None:
    (folder / "ketn.toml").write_bytes((folder / "kent.toml").read_bytes())
    settings = wiring.Settings(home=tmp_path, database_url=database_urls[1], policy=folder)
    with database.acting_for(KENT) as connection:
        save_organisation(connection, "kent")
    assert policies_of_nobody(settings) == ("ketn",)
    wiring.database(settings).close()
