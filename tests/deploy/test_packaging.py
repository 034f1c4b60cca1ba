"""What is installed on machines is what was tested; scripts and manifests are sound."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted([*ROOT.glob("deploy/**/*.sh"), *ROOT.glob("deploy/host/*")])


def locked() -> dict[str, str]:
    """Return what `deploy/requirements.lock` would install here, name and version."""
    text = (ROOT / "deploy" / "requirements.lock").read_text("utf-8").replace("\\\n", " ")
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            said, *hashes = line.split("--hash=")
            wanted = Requirement(said.strip())
            assert hashes, line
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", one) for one in hashes), line
            if wanted.marker is None or wanted.marker.evaluate():
                found[canonicalize_name(wanted.name)] = str(wanted.specifier).removeprefix("==")
    return found


def constrained() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_what_is_locked_with_hashes_is_what_is_tested_with() -> None:
    tested = constrained()
    assert {name: tested.get(name) for name in locked()} == locked()


def test_all_that_is_needed_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {canonicalize_name(Requirement(one).name) for one in project["dependencies"]}
    assert needed - locked().keys() == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_setting_that_is_handed_to_a_program_is_one() -> None:
    from pipeline.wiring import Settings  # noqa: PLC0415

    known = {f"ROADWEAR_{name.upper()}" for name in Settings.model_fields}
    known |= {"ROADWEAR_VERSION", "ROADWEAR_NAME"}  # of compose.yaml itself
    files = [*(ROOT / "deploy").glob("*.yaml"), *SCRIPTS, *(ROOT / "deploy/containers").iterdir()]
    files += [*(ROOT / "deploy/kubernetes").iterdir(), *(ROOT / "deploy/systemd").iterdir()]
    said = {name for path in files for name in re.findall(r"ROADWEAR_[A-Z_]+", path.read_text())}
    assert said - known == set()


def test_compose_hands_every_secret_to_somebody_and_keeps_the_inside_inside() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    services = compose["services"]
    given = {name for one in services.values() for name in one.get("secrets", [])}
    assert given == compose["secrets"].keys()
    ours = {n: s for n, s in services.items() if str(s.get("image", "")).startswith("roadwear")}
    assert len(ours) >= 6
    for name, service in ours.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
    # From outside this host, the proxy alone is reached.
    ports = {n: s["ports"] for n, s in services.items() if "ports" in s}
    assert {n for n, p in ports.items() if not all(one.startswith("127.") for one in p)} == {
        "proxy"
    }
