"""What the documents say is so: settings, commands, links, words."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from deploy.cli import app
from pipeline.wiring import Settings

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    named = set(re.findall(r"^\| `(ROADWEAR_\w+)`", text, re.MULTILINE))

    assert named == {f"ROADWEAR_{name}".upper() for name in Settings.model_fields}


def test_every_command_is_in_the_readme_or_the_changelog() -> None:
    text = "".join(path.read_text("utf-8") for path in TEXTS[:2])

    commands = get_command(app).commands  # type: ignore[attr-defined]

    assert [name for name in commands if not re.search(rf"(roadwear |`){name}\b", text)] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_no_folder_is_called_utils_and_no_module_is_huge() -> None:
    modules = [
        p for top in ("pipeline", "models", "flows", "deploy") for p in (ROOT / top).rglob("*.py")
    ]

    assert not [p for p in modules if re.search(r"util|helper|common|misc", p.stem)]
    assert not [p for p in modules if len(p.read_text("utf-8").splitlines()) > 450]


@pytest.mark.parametrize("module", ["models.detector_openvino", "pipeline.line", "deploy.cli"])
def test_the_way_to_a_cpu_run_imports_no_torch(module: str) -> None:
    check = f"import sys, {module}; sys.exit(bool({{'torch', 'ultralytics'}} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", check], check=False, cwd=ROOT).returncode == 0
