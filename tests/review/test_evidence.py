"""A bundle of evidence: its nine answers, and that a stranger can check it."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.policy_toml import parse_policy
from pipeline.adapters.postgres.council_records import imports_unlike_log, save_records
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.people import Qualification, person_called, qualify
from pipeline.adapters.signing import SignerStore
from pipeline.domain.chain import fault_in
from pipeline.domain.coverage import SectionSpan
from pipeline.domain.errors import InputError
from pipeline.domain.ids import DriveId, organisation_id
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.records import CouncilRecord, RecordImport, RecordKind, records_sha256
from pipeline.domain.roads import Hierarchy, OnRoad, RoadSection
from tests.builders import NOON, a_road_line
from tests.review.browsing import Browser, another, defects_of
from tests.stored import RULES

DEPOT, USRN, DAY = organisation_id("depot"), 20400123, date(2026, 3, 1)
ASKED = {"usrn": str(USRN), "on": DAY.isoformat(), "months": "24"}
PAGE = f"/evidence?usrn={USRN}&on={DAY}&months=24"


@pytest.fixture
def street(ada: Browser, database: Database) -> Browser:
    """Lay what was seen on a street with a USRN, of which a stretch was too dark."""
    ledger = PostgresLedger(database, SystemClock())
    section = RoadSection(
        section_id="S/1",
        line=a_road_line((-20, 0), (80, 0)),
        usrn=USRN,
        name="Long <b>Street</b>",
        road_class="B Road",
        hierarchy=Hierarchy.SECONDARY_DISTRIBUTOR,
        speed_limit_mph=30,
    )
    ledger.save_roads("depot", name="test.gpkg", content_sha256="0" * 64, sections=[section])
    network = ledger.network_in_use(DEPOT)
    assert network is not None
    with database.acting_for(DEPOT) as connection:
        row = connection.execute("select drive_id, run_id from roadwear.run").fetchone()
        assert row is not None
    drive = ledger.load_drive(DEPOT, DriveId(row["drive_id"])).drive
    ledger.save_places(
        drive,
        network,
        {
            one.observation_id: OnRoad(
                section_id="S/1", chainage_m=30.0, offset_m=0.5, along=True, probability=0.97
            )
            for one in ledger.load_unplaced(drive, network)
        },
    )
    span = SectionSpan(
        section_id="S/1", along=True, from_m=10, to_m=40, reason=None, at=NOON, probability=0.97
    )
    dark = SectionSpan(
        section_id="S/1", along=True, from_m=40, to_m=60, reason=NotLookedReason.TOO_DARK,
        at=NOON + timedelta(seconds=3), probability=0.97,
    )  # fmt: skip
    ledger.save_spans(drive, network, {row["run_id"]: [span, dark]})
    return ada


def bring_in(database: Database, kind: RecordKind, *records: CouncilRecord, until: date) -> bool:
    of = RecordImport(
        kind=kind,
        source="Confirm",
        content_sha256=hashlib.sha256(repr((kind, records)).encode()).hexdigest(),
        records_sha256=records_sha256(records),
        covers_from=date(2024, 1, 1),
        covers_to=until,
        records=len(records),
        left_out=0,
        said_by="ada",
        imported_at=datetime.now(UTC),
    )
    with database.acting_for(DEPOT) as connection:
        return save_records(connection, DEPOT, of, records)


def made(browser: Browser, tmp_path: Path) -> Path:
    """Make the bundle and unpack it."""
    browser.get(PAGE)
    answer = browser.client.post("/evidence", data={"csrf": browser.csrf, **ASKED})
    assert answer.status_code == 200, answer.text[:500]
    assert f"evidence-{USRN}-{DAY}.zip" in answer.headers["content-disposition"]
    folder = tmp_path / f"bundle-{len(list(tmp_path.iterdir()))}"
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(folder)
    return folder


def answers(folder: Path) -> dict[int, str]:
    """Return, by number, all that an answer says."""
    told = json.loads((folder / "answers.json").read_text("utf-8"))["answers"]
    return {one["number"]: json.dumps(one["parts"], ensure_ascii=False) for one in told}


def steps(folder: Path) -> list[str]:
    """Return the commands of CHECK.txt as a person would copy them."""
    blocks, lines = [], (folder / "CHECK.txt").read_text("utf-8").splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("    "):
            if not before.startswith("    "):
                blocks.append("")
            blocks[-1] += line[4:] + "\n"
    return blocks


def run(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_what_is_not_held_is_said_with_whom_to_ask(street: Browser) -> None:
    words = street.get(PAGE)
    for number, said in enumerate((
        "A camera pass is no safety inspection: no adopted policy says so",
        "0 defects that an engineer confirmed, and 2 possible defects",
        "nobody inspected from it",
        "up to", "Not held: ask whoever takes customers", "3b", "S/1", "Investigatory levels",
        "What was ordered, and what an engineer confirmed without an order: 0 rows",
    ), 1):  # fmt: skip
        assert f"{number}. " in words
        assert said in words, said
    assert "30 m of 100 m" in words and "20 m" in words  # what was looked at, and what not
    assert "daylight" in words
    assert "<b>" not in street.html and "Long &lt;b&gt;Street" in street.html


def test_a_stranger_checks_a_bundle_with_public_tools(
    street: Browser, database: Database, tmp_path: Path
) -> None:
    with database.acting_for(DEPOT) as connection:
        ada = person_called(connection, "ada@depot.example")
        assert ada is not None
        qualify(connection, DEPOT, ada.person_id, Qualification(
            what="Highway inspector, Unit 301", valid_from=date(2020, 1, 1), valid_until=None,
            said_by="Head of Service"))  # fmt: skip
    paths = defects_of(street)
    street.get(paths[0])
    street.approve(paths[0])
    name = paths[0].rpartition("/")[2]
    said = {"csrf": street.csrf, "defect": name, "repair": "permanent", "traffic": "none"}
    order = street.client.post("/orders", data=said).url.path
    for kind in ("made_safe", "repaired"):
        street.get(order)
        street.post(f"{order}/event", {"kind": kind, "defect": name})
    found = CouncilRecord(
        reference="I-1", usrn=USRN, on=date(2026, 2, 1), said=(("found", "=nothing, walked"),)
    )
    bring_in(database, RecordKind.INSPECTIONS, found, until=date(2026, 2, 20))
    folder = made(street, tmp_path)

    summed, signed, fingerprint, in_pdf, chained = steps(folder)
    assert all(line.endswith(": OK") for line in run(summed, folder).splitlines())
    assert "Verification successful" in run(signed, folder)
    printed = run(fingerprint, folder).partition("=")[2].strip()
    assert printed in (folder / "CHECK.txt").read_text("utf-8")
    if shutil.which("pdfsig"):
        assert "Signature is Valid" in run(in_pdf, folder)
        assert "Total document signed" in run(in_pdf, folder)
    head = (folder / "CHECK.txt").read_text("utf-8").split("It has to be\n")[1].split()[0]
    assert run(chained, folder).split() == [head]

    told = answers(folder)
    assert "I-1" in told[1] and "Imported on" in told[1]
    assert "21 February 2026 to 1 March 2026" in told[1]  # what no import covers
    assert "1 defect that an engineer confirmed" in told[2]
    assert "'=nothing" in (folder / "tables/inspections.csv").read_text("utf-8-sig")
    assert "Identified to repaired" in told[9] and "0.0 h" in told[9]
    assert "Highway inspector, Unit 301" in (folder / "tables/decisions.csv").read_text("utf-8-sig")
    logged = [
        json.loads(line.split("\t")[2])["kind"]
        for line in (folder / "log-chain.tsv").read_text("utf-8").splitlines()
        if line.split("\t")[2]
    ]
    assert {"decision", "works_order", "order_event"} <= set(logged)
    assert "record_import" not in logged  # of the others the hash alone
    assert len(list((folder / "pictures").iterdir())) == 4
    if shutil.which("pdftotext"):
        text = run("pdftotext -layout evidence.pdf -", folder)
        assert "Which criteria for intervention were in force then?" in text
        assert "Tagged:" in run("pdfinfo evidence.pdf", folder)

    with database.acting_for(DEPOT) as connection:
        lines = list(log_lines(connection, DEPOT))
        assert fault_in(lines) is None and rows_unlike_log(connection, DEPOT) == ()
    last = json.loads(lines[-1].line)
    sums = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    assert last["kind"] == "evidence_bundle" and last["row"]["sums_sha256"] == sums


@pytest.mark.parametrize(
    ("file", "step", "found"),
    [
        ("answers.json", 0, "FAILED"),
        ("SHA256SUMS", 1, "failure"),
        ("evidence.pdf", 3, "Digest Mismatch"),
        ("log-chain.tsv", 4, "was changed"),
    ],
)
def test_what_was_changed_is_found(
    street: Browser, tmp_path: Path, file: str, step: int, found: str
) -> None:
    if step == 3 and not shutil.which("pdfsig"):
        pytest.skip("no pdfsig on this machine: apt-get install poppler-utils")
    paths = defects_of(street)
    street.get(paths[0])
    street.approve(paths[0])
    folder = made(street, tmp_path)
    content = (folder / file).read_bytes()
    if file == "log-chain.tsv":
        changed = content.replace(b'"move": "approve"', b'"move": "watched"')
    elif file == "evidence.pdf":
        middle = content.index(b"/Title")
        changed = content[: middle + 8] + b"X" + content[middle + 9 :]
    else:
        changed = content.replace(b"a", b"b", 1)
    assert changed != content
    (folder / file).write_bytes(changed)
    assert found in run(steps(folder)[step], folder)


def test_a_pass_that_is_voided_leaves_the_bundle_and_comes_back(
    street: Browser, tmp_path: Path
) -> None:
    before = answers(made(street, tmp_path))
    street.get(defects_of(street)[0])
    page = re.findall(r"/passes/[0-9a-f-]{36}", street.html)[0]
    street.get(page)
    street.post(f"{page}/void", {"void": "true", "reason": "clock_wrong"})
    void = answers(made(street, tmp_path))
    assert "0 m: void" in void[1] and "Its time is wrong" in void[1]
    assert "0 camera passes" in void[1]
    assert "no camera pass that counts shows it any more" in void[2]
    street.get(page)
    street.post(f"{page}/void", {"void": "false"})
    assert answers(made(street, tmp_path))[1] == before[1]


def test_a_record_is_corrected_by_a_later_import_and_not_doubled(
    street: Browser, database: Database
) -> None:
    one = CouncilRecord(reference="E-7", usrn=USRN, on=date(2026, 2, 2), said=(("what", "a dip"),))
    again = CouncilRecord(
        reference="E-7", usrn=USRN, on=date(2026, 2, 2), said=(("what", "two dips"),)
    )
    away = CouncilRecord(reference="E-7", usrn=5, on=date(2026, 2, 2))
    assert bring_in(database, RecordKind.ENQUIRIES, one, until=DAY)
    assert not bring_in(database, RecordKind.ENQUIRIES, one, until=DAY)
    assert "a dip" in street.get(PAGE)
    bring_in(database, RecordKind.ENQUIRIES, again, until=DAY)
    words = street.get(PAGE)
    assert "two dips" in words and "a dip" not in words
    bring_in(database, RecordKind.ENQUIRIES, away, until=DAY)
    assert "0 on this street" in street.get(PAGE)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"usrn": "12a"}, "Enter the USRN"),
        ({"usrn": "0"}, "is no USRN"),
        ({"on": "yesterday"}, "for example 2026-03-01"),
        ({"on": "9999-01-01"}, "in the future"),
        ({"on": "0001-01-01"}, "no such day"),
        ({"usrn": "204001230"}, "8 digits at most"),
        ({"months": "0240"}, "from 1 to 120"),
        ({"months": "0"}, "Months are from 1 to 120"),
        ({"months": "x"}, "how many months"),
        ({"usrn": "99999"}, "No street of the USRN 99999"),
    ],
)
def test_what_is_not_understood_is_said(
    street: Browser, fields: dict[str, str], problem: str
) -> None:
    asked = {**ASKED, **fields}
    address = "/evidence?" + "&".join(f"{name}={value}" for name, value in asked.items())
    assert problem in street.get(address, status=422)


def test_another_council_finds_nothing(
    street: Browser, client: TestClient, database: Database
) -> None:
    found = CouncilRecord(reference="I-1", usrn=USRN, on=date(2026, 2, 1))
    bring_in(database, RecordKind.INSPECTIONS, found, until=DAY)
    eve = another(client)
    eve.sign_in("eve@other.example")
    assert "No street of the USRN" in eve.get(PAGE, status=422)
    answer = eve.client.post("/evidence", data={"csrf": eve.csrf, **ASKED})
    assert answer.status_code == 404
    # Its own network has a street of that USRN too, and in the same place.
    here = RoadSection(section_id="S/1", line=a_road_line((-20, 0), (80, 0)), usrn=USRN)
    ledger = PostgresLedger(database, SystemClock())
    ledger.save_roads("other", name="theirs", content_sha256="9" * 64, sections=[here])
    words = eve.get(PAGE)
    assert "0 camera passes of this street" in words
    assert "0 defects that an engineer confirmed, and 0 possible defects" in words
    assert "I-1" not in words and "No safety inspections were brought" in words
    assert "I-1" in street.get(PAGE)


def test_a_table_too_long_for_the_pdf_is_whole_in_its_own_file(
    street: Browser, database: Database, tmp_path: Path
) -> None:
    many = [
        CouncilRecord(reference=f"I-{number:03}", usrn=USRN, on=date(2026, 2, 1))
        for number in range(230)
    ]
    bring_in(database, RecordKind.INSPECTIONS, *many, until=DAY)
    folder = made(street, tmp_path)
    assert (folder / "tables/inspections.csv").read_text("utf-8-sig").count("I-") == 230
    if not shutil.which("pdftotext"):
        pytest.skip("no pdftotext on this machine: apt-get install poppler-utils")
    text = run("pdftotext -layout evidence.pdf -", folder)
    assert "30 more rows are in tables/inspections.csv" in text
    assert "I-199" in text and "I-200" not in text


def seen_at(database: Database, when: str) -> None:
    """Let the same drive come by the section once more."""
    with database.acting_for(DEPOT) as connection:
        connection.execute(
            "insert into roadwear.section_span (network_id, run_id, ordinal, authority_id, "
            "section_id, along, from_m, to_m, reason, passed_at, probability) "
            "select network_id, run_id, 99, authority_id, section_id, along, 0, 100, null, %s, "
            "0.99 from roadwear.section_span limit 1",
            (when,),
        )


def test_who_comes_by_twice_has_passed_twice(street: Browser, database: Database) -> None:
    seen_at(database, "2026-02-10T14:00:00Z")
    words = street.get(PAGE)
    assert "30 m of 100 m" in words and "100 m of 100 m" in words
    assert "1 camera pass of" in words


def test_a_newer_network_makes_nothing_vanish(
    street: Browser, database: Database, tmp_path: Path
) -> None:
    before = answers(made(street, tmp_path))
    ledger = PostgresLedger(database, SystemClock())
    other = RoadSection(
        section_id="new", line=a_road_line((-20, 0), (80, 0)), usrn=USRN, name="Long Street"
    )
    ledger.save_roads("depot", name="newer.gpkg", content_sha256="1" * 64, sections=[other])
    after = answers(made(street, tmp_path))
    assert after[1] == before[1]
    assert after[2] == before[2]
    assert "newer.gpkg" in after[7]


def test_a_drive_that_was_laid_nowhere_is_said(street: Browser, database: Database) -> None:
    with database.acting_for(DEPOT) as connection:
        connection.execute("update roadwear.run set state = 'superseded'")
        connection.execute(
            "insert into roadwear.run select gen_random_uuid(), owner_id, authority_id, drive_id, "
            "clip_sha256, from_pts, to_pts, detector, rig, clock, settings_sha256, mark, "
            "'current', looked, decoded, not_looked, cut_at_s, recorded_at "
            "from roadwear.run limit 1"
        )
    assert "1 drive of that time could not be laid on a road network" in street.get(PAGE)


def test_what_was_confirmed_once_is_not_said_to_have_been_confirmed_by_nobody(
    street: Browser,
) -> None:
    path = defects_of(street)[0]
    street.get(path)
    street.approve(path)
    name = path.rpartition("/")[2]
    said = {"csrf": street.csrf, "defect": name, "repair": "permanent", "traffic": "none"}
    order = street.client.post("/orders", data=said).url.path
    street.get(order)
    street.post(f"{order}/event", {"kind": "not_found", "defect": name})
    words = street.get(PAGE)
    assert "1 defect that an engineer confirmed, and 1 possible defect" in words
    assert "not found on site" in words


def test_what_was_joined_into_another_stays_with_what_was_decided_of_it(
    street: Browser, tmp_path: Path
) -> None:
    first, second = defects_of(street)
    street.get(second)
    street.decide(second, {"move": "watch", "until": "2027-01-01"})
    street.get(second)
    street.decide(second, {"move": "undo", "takes_back": re.findall(
        r'name="takes_back" value="([^"]+)"', street.html)[0]})  # fmt: skip
    street.get(first)
    other = re.findall(r'name="other" type="radio" value="([^"]+)"', street.html)[0]
    version = re.findall(r'name="seen_version" value="(\d+)"', street.html)[0]
    street.post(f"{first}/join", {"other": other, "seen_version": version, "note": "one hole"})
    folder = made(street, tmp_path)
    told = answers(folder)
    assert "joined into No. " in told[2]
    decisions = (folder / "tables/decisions.csv").read_text("utf-8-sig")
    assert "put this aside" in decisions and "joined possible defects into one" in decisions
    kinds = [
        json.loads(line.split("\t")[2])["kind"]
        for line in (folder / "log-chain.tsv").read_text("utf-8").splitlines()
        if line.split("\t")[2]
    ]
    assert "identity_word" in kinds and kinds.count("decision") == 2


def keep_policy(database: Database, kept_at: str, **said: str) -> str:
    """Keep a policy as of a day; return its hash."""
    content = RULES.policies.general[1].replace(b'version = "2"', f'version = "{kept_at}"'.encode())
    for name, value in said.items():
        content = f'{name} = "{value}"\n'.encode() + content
    policy = parse_policy(content, name="test")
    with database.acting_for(DEPOT) as connection:
        connection.execute(
            "insert into roadwear.policy (authority_id, policy_sha256, name, version, valid_from, "
            "source, content, recorded_at) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            (DEPOT, policy.sha256, policy.name, policy.version, policy.valid_from, policy.source,
             content, kept_at),
        )  # fmt: skip
    return policy.sha256


def test_the_policy_that_was_kept_by_then_was_in_force(
    street: Browser, database: Database, tmp_path: Path
) -> None:
    then = keep_policy(database, "2026-01-05")
    keep_policy(database, "2026-06-01")
    folder = made(street, tmp_path)
    assert "version 2026-01-05, valid from 1 January 2026 (an example" in answers(folder)[8]
    assert (folder / f"policies/1-{then[:12]}.toml").exists()
    assert len(list((folder / "policies").iterdir())) == 3


def test_a_camera_pass_is_an_inspection_only_from_the_minute_on_and_if_it_saw_the_road(
    street: Browser, database: Database
) -> None:
    keep_policy(
        database, "2026-02-01", adopted="Cabinet", camera_passes_are_inspections="Cabinet, minute 7"
    )
    assert "that is so of 0 rows" in street.get(PAGE)  # 30 m of 100
    seen_at(database, "2026-02-11T14:00:00Z")
    assert "that is so of 1 row of the table" in street.get(PAGE)


def test_records_that_name_no_street_are_said(street: Browser, database: Database) -> None:
    of = RecordImport(
        kind=RecordKind.ENQUIRIES, source="CRM", content_sha256="0" * 64,
        records_sha256=records_sha256([]), covers_from=date(2024, 1, 1), covers_to=date(2030, 1, 1),
        records=0, left_out=5000, said_by="ada", imported_at=datetime(2026, 2, 3, tzinfo=UTC),
    )  # fmt: skip
    with database.acting_for(DEPOT) as connection:
        save_records(connection, DEPOT, of, [])
    words = street.get(PAGE)
    assert "5000 more records of those files named no street" in words
    assert "4 February 2026 to 1 March 2026" in words


def test_two_systems_may_call_their_records_alike(street: Browser, database: Database) -> None:
    for source in ("Confirm", "FixMyStreet"):
        one = CouncilRecord(
            reference="1", usrn=USRN, on=date(2026, 2, 2), said=(("what", f"by {source}"),)
        )
        of = RecordImport(
            kind=RecordKind.ENQUIRIES, source=source, content_sha256="0" * 64,
            records_sha256=records_sha256([one]), covers_from=date(2024, 1, 1), covers_to=DAY,
            records=1, left_out=0, said_by="ada", imported_at=datetime.now(UTC),
        )  # fmt: skip
        with database.acting_for(DEPOT) as connection:
            assert save_records(connection, DEPOT, of, [one])
    words = street.get(PAGE)
    assert "by Confirm" in words and "by FixMyStreet" in words


def test_a_record_that_was_changed_is_found(street: Browser, database: Database,
                                            database_urls: tuple[str, str]) -> None:  # fmt: skip
    del street
    one = CouncilRecord(reference="I-1", usrn=USRN, on=date(2026, 2, 1))
    bring_in(database, RecordKind.INSPECTIONS, one, until=DAY)
    with database.acting_for(DEPOT) as connection:
        assert imports_unlike_log(connection, DEPOT) == ()
    with psycopg.connect(database_urls[0]) as owner:
        owner.execute("alter table roadwear.council_record disable trigger all")
        owner.execute("select set_config('roadwear.organisation', %s, true)", (str(DEPOT),))
        owner.execute("update roadwear.council_record set happened_on = '2026-02-14'")
    with database.acting_for(DEPOT) as connection:
        assert "not as they were brought in" in imports_unlike_log(connection, DEPOT)[0]


def test_what_an_order_has_on_other_streets_is_not_shown(
    street: Browser, database: Database, tmp_path: Path
) -> None:
    paths = defects_of(street)
    names = [path.rpartition("/")[2] for path in paths]
    for path in paths:
        street.get(path)
        street.approve(path)
    said = {"csrf": street.csrf, "defect": names, "repair": "permanent", "traffic": "none"}
    order = street.client.post("/orders", data=said).url.path
    street.get(order)
    street.post(f"{order}/event", {"kind": "repaired", "defect": names[1], "note": "elsewhere"})
    ledger = PostgresLedger(database, SystemClock())
    far = RoadSection(section_id="far", line=a_road_line((0, 0), (9, 0)), usrn=5555)
    near = RoadSection(section_id="S/1", line=a_road_line((-20, 0), (80, 0)), usrn=USRN)
    ledger.save_roads("depot", name="two", content_sha256="2" * 64, sections=[near, far])
    network = ledger.network_in_use(DEPOT)
    assert network is not None
    with database.acting_for(DEPOT) as connection:
        connection.execute(
            "insert into roadwear.observation_road (observation_id, network_id, authority_id, "
            "section_id, chainage_m, offset_m, along, probability) select distinct "
            "m.observation_id, %s::uuid, m.authority_id, case when m.defect_id = %s then 'far' "
            "else 'S/1' end, 1, 0, true, 0.97 from roadwear.membership m",
            (network, names[1]),
        )
    folder = made(street, tmp_path)
    lines = (folder / "log-chain.tsv").read_text("utf-8")
    assert names[0] in lines
    assert names[1] not in lines and "elsewhere" not in lines
    assert names[1] not in (folder / "answers.json").read_text("utf-8")


def test_many_at_once_make_one_key(tmp_path: Path) -> None:
    store = SignerStore(tmp_path / "keys")
    now = datetime.now(UTC)
    with ThreadPoolExecutor(6) as pool:
        made_keys = list(pool.map(lambda _: store.of("Wessex", now).fingerprint, range(6)))
    assert len(set(made_keys)) == 1
    assert store.of("wessex", now).fingerprint == made_keys[0]
    with pytest.raises(InputError, match="not valid today"):
        store.of("wessex", now + timedelta(days=4000))
