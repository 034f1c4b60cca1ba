"""Records, evidence, keys and deposits by command, as people call them."""

import json
import zipfile
from pathlib import Path

from tests.deploy.test_commands import in_one_line, roadwear

RECORDS = "Job,USRN,Inspected on,Inspector\n1,20400123,01/02/2026,Ada\n2,,01/02/2026,Ada\n"


def roads(path: Path) -> Path:
    line = {"type": "LineString", "coordinates": [[-1.55, 52.4], [-1.55, 52.402]]}
    properties = {"street": "Long Street", "usrn": 20400123}
    feature = {"type": "Feature", "properties": properties, "geometry": line}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    return path


def test_from_a_file_of_inspections_to_a_bundle(
    tmp_path: Path, database_urls: tuple[str, str]
) -> None:
    env = {"ROADWEAR_DATABASE_URL": database_urls[1], "ROADWEAR_HOME": str(tmp_path / "home")}
    of = ("--authority", "mycouncil")

    def said(*arguments: object, code: int = 0) -> str:
        done = roadwear(*arguments, **env)
        assert done.returncode == code, done.stderr
        return in_one_line(done) + done.stdout

    said("roads", "load", roads(tmp_path / "roads.geojson"), *of)
    file = tmp_path / "inspections.csv"
    file.write_text(RECORDS, "utf-8")
    load = ("records", "load", file, *of, "--kind", "inspections", "--source", "Confirm",
            "--from", "2024-01-01", "--to", "2026-03-01", "--column", "reference=Job")  # fmt: skip
    assert "--column date=" in said(*load, code=3)
    told = said(*load, "--column", "date=Inspected on")
    assert "1 safety inspections were brought in" in told
    assert "1 lines name no street" in told
    assert "Just this was brought in already" in said(*load, "--column", "date=Inspected on")
    assert "2024-01-01" in said("records", "list", *of)

    out = tmp_path / "evidence.zip"
    bundle = ("evidence", "bundle", *of, "--usrn", 20400123, "--on", "2026-03-01", "--out")
    said(*bundle, out)
    with zipfile.ZipFile(out) as files:
        answers = json.loads(files.read("answers.json"))["answers"]
        certificate = files.read("certificate.pem")
    assert len(answers) == 12
    assert "Ada" in json.dumps(answers[0])
    assert "cannot be written" in said(*bundle, tmp_path / "no" / "evidence.zip", code=2)
    assert "No street of the USRN 5" in said(
        "evidence", "bundle", *of, "--usrn", 5, "--on", "2026-03-01", "--out", out, code=3
    )
    assert zipfile.is_zipfile(out)
    assert list(tmp_path.glob("*.part")) == []

    key = tmp_path / "home/keys/mycouncil.pem"
    assert certificate in key.read_bytes()
    assert key.stat().st_mode & 0o077 == 0
    shown = said("evidence", "key", "--authority", "MyCouncil")
    assert shown.count(":") == 31 and shown == said("evidence", "key", *of)
    keys = ("--key", key, "--certificate", file)
    assert "are to be PEM" in said("evidence", "key", *of, *keys, code=3)

    assert "is no mail address" in said("log", "deposit", *of, "--with", "x", code=2)
    told = said("log", "deposit", *of, "--with", "law@solicitor.example")
    assert "law@solicitor.example" in told and "No mail server is set" in told
    assert "The log is whole" in said("log", "verify", *of)
