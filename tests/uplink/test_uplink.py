"""Depots hand in files: over a real server, with a real database, cut, doubled and damaged."""

import hashlib
import json
import os
import random
import signal
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import av
import httpx
import numpy as np
import pytest

from deploy.bench_house import served
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.domain.errors import InputError, OutageError, RuleError
from pipeline.domain.ids import BatchId, ClipSha256, UploadId, organisation_id
from pipeline.domain.receiving import Depot, Outcome, verdict_of
from pipeline.simulator.recorders import gpx
from pipeline.uplink.card import files_on_card
from pipeline.uplink.client import LocalFile, Notes, Progress, Server, announced, hashed_files
from pipeline.uplink.means import Limits
from pipeline.uplink.receiving import Receiving
from tests.builders import NOON
from tests.footage import write_plain
from tests.uplink.serving import add_depot, kept_files, receiving_in, write_drive

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


@dataclass(frozen=True)
class House:
    """A server with one depot."""

    receiving: Receiving
    depot: Depot
    key: str
    address: str
    folder: Path

    def http(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.address, headers={"Authorization": f"Bearer {self.key}"}, timeout=30
        )

    def server(self) -> Server:
        return Server(self.address, self.key, patience_s=5.0)

    def place_of(self, content: bytes) -> Path:
        sha256 = ClipSha256(hashlib.sha256(content).hexdigest())
        return self.receiving.store.place(self.depot.owner_id, sha256)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    receiving = receiving_in(database, tmp_path / "store")
    depot, key = add_depot(database)
    with served(receiving) as address:
        yield House(receiving, depot, key, address, tmp_path / "store")


def a_file(path: str, content: bytes) -> dict[str, object]:
    return {
        "path": path,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def begun(http: httpx.Client, path: str, content: bytes) -> tuple[str, str]:
    """Open a batch, announce one file, begin its upload; return the batch and where it goes."""
    batch = http.post("/uplink/batches", json={"source": "test"}).json()["batch_id"]
    http.put(f"/uplink/batches/{batch}/files", json=[a_file(path, content)])
    return batch, created(http, batch, path, len(content)).headers["location"]


def created(http: httpx.Client, batch: str, path: str, size: int) -> httpx.Response:
    said = ",".join(
        f"{k} {b64encode(v.encode()).decode()}"
        for k, v in {"batch": batch, "filename": path}.items()
    )
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": said}
    return http.post("/uplink/uploads", headers=headers)


def hand_in(house: House, card: Path, notes: Path) -> dict[str, object]:
    files, unreadable = hashed_files(card, Notes(notes, "card"), Progress())
    assert unreadable == []
    with house.server() as server:
        batch = str(server.ask("POST", "batches", {"source": "test"})["batch_id"])
        wanted = announced(server, batch, files)
        for file in files:
            if file.path in wanted:
                server.send(batch, file, Progress())
        server.ask("POST", f"batches/{batch}/close", {})
        house.receiving.read(house.depot.owner_id, BatchId(UUID(batch)))
        return server.ask("GET", f"batches/{batch}")


def outcomes(answer: dict[str, object]) -> dict[str, tuple[str, str]]:
    lines = answer["files"]
    assert isinstance(lines, list)
    return {line["path"]: (line["outcome"], line["sentence"]) for line in lines}


def test_a_card_is_handed_in_and_every_file_gets_its_word(house: House, tmp_path: Path) -> None:
    card = tmp_path / "card"
    first, second = write_drive(card, NOON)
    (card / "again.mp4").write_bytes(first.read_bytes())
    (card / "noise.mp4").write_bytes(b"noise" * 200)
    write_plain(card / "lonely.mp4", created="2026-02-11T12:00:00Z")
    write_plain(card / "20260210_120000_NR.mp4")

    answer = hand_in(house, card, tmp_path)

    found = outcomes(answer)
    assert found[first.name][0] == found[second.name][0] == "accepted"
    assert found["again.mp4"] == ("already_there", f"the same bytes as {first.name}")
    assert found["noise.mp4"][0] == "refused" and "not footage" in found["noise.mp4"][1]
    assert found["lonely.mp4"][0] == "refused" and "no positions" in found["lonely.mp4"][1]
    assert found["20260210_120000_NR.mp4"][0] == "refused"
    assert answer["verdict"] == "Do not wipe: these 2: lonely.mp4, noise.mp4"
    kept = kept_files(house.folder)
    assert len(kept) == 2


def test_a_drive_that_was_handed_in_is_in_the_database_as_it_was_driven(
    house: House, tmp_path: Path, database: Database
) -> None:
    write_drive(tmp_path / "card", NOON)
    hand_in(house, tmp_path / "card", tmp_path)

    ledger = PostgresLedger(database, SystemClock())
    (drive,) = ledger.drives_of(organisation_id("North"))
    received = ledger.load_drive(organisation_id("North"), drive)
    assert [clip.started_at for _, clip in received.clips] == [
        NOON, NOON.replace(second=6)
    ]  # fmt: skip
    assert len(received.fixes) == 14
    assert received.clock is not None and received.clock.sigma_s == 1.0


def test_the_same_card_twice_sends_nothing_and_changes_nothing(
    house: House, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    write_drive(card, NOON)
    hand_in(house, card, tmp_path)

    again = hand_in(house, card, tmp_path)

    assert {what for what, _ in outcomes(again).values()} == {"already_there"}
    assert again["safe_to_wipe"] is True
    assert again["verdict"] == "Safe to wipe: all 2 files stored and checked"


def test_the_card_is_not_safe_before_it_was_read_nor_when_the_store_lost_a_file(
    house: House, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    write_drive(card, NOON)
    files, _ = hashed_files(card, Notes(tmp_path, "card"), Progress())
    said = [{"path": f.path, "size_bytes": f.size_bytes, "sha256": f.sha256} for f in files]
    with house.server() as server:
        assert server.ask("POST", "card", said)["safe_to_wipe"] is False
        hand_in(house, card, tmp_path)
        assert server.ask("POST", "card", said)["safe_to_wipe"] is True
        kept_files(house.folder)[0].unlink()
        lost = server.ask("POST", "card", said)
    assert lost["safe_to_wipe"] is False
    assert "the store has lost it" in str(lost["files"])


def test_an_upload_goes_on_where_it_was_cut(house: House) -> None:
    content = bytes(range(256)) * 40_000
    with house.http() as http:
        batch, where = begun(http, "a.mp4", content)
        request = http.build_request(
            "PATCH",
            where,
            headers={**PIECE, "Upload-Offset": "0", "Content-Length": str(len(content))},
        )
        host, port = house.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as raw:
            head = f"PATCH {where} HTTP/1.1\r\nHost: x\r\n"
            head += "".join(f"{k}: {v}\r\n" for k, v in request.headers.items() if k != "host")
            raw.sendall(head.encode() + b"\r\n" + content[:3_000_000])
            upload = UploadId(UUID(where.rpartition("/")[2]))
            while not house.receiving.store.arrived_bytes(upload):
                time.sleep(0.01)
            here = http.head(where, headers=TUS).headers["upload-offset"]
        assert 0 < int(here) <= 3_000_000

        rest = content[int(here) :]
        done = http.patch(where, content=rest, headers={**PIECE, "Upload-Offset": here})

        assert done.status_code == 204
        kept = house.place_of(content)
        assert kept.read_bytes() == content
        assert created(http, batch, "a.mp4", len(content)).headers["location"] == where
        assert http.head(where, headers=TUS).headers["upload-offset"] == str(len(content))


def test_bytes_that_were_damaged_on_the_way_are_sent_again(house: House) -> None:
    content = b"x" * 1000
    with house.http() as http:
        batch, where = begun(http, "a.mp4", content)
        damaged = http.patch(where, content=b"y" * 1000, headers={**PIECE, "Upload-Offset": "0"})

        assert damaged.status_code == 460
        assert http.head(where, headers=TUS).status_code == 404
        anew = created(http, batch, "a.mp4", 1000).headers["location"]
        assert anew != where
        good = http.patch(anew, content=content, headers={**PIECE, "Upload-Offset": "0"})
        assert good.status_code == 204


def test_the_check_is_made_up_for_where_the_server_ended_before_it(house: House) -> None:
    content = b"x" * 1000
    with house.http() as http:
        _, where = begun(http, "a.mp4", content)
        upload = where.rpartition("/")[2]
        house.receiving.store.append(UploadId(UUID(upload)), 0, content)

        assert http.head(where, headers=TUS).headers["upload-offset"] == "1000"
        kept = house.place_of(content)
        assert kept.exists()


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PATCH", {}, 412),
        ("PATCH", {**TUS}, 415),
        ("PATCH", {**PIECE}, 400),
        ("PATCH", {**PIECE, "Upload-Offset": "-1"}, 400),
        ("PATCH", {**PIECE, "Upload-Offset": "9" * 40}, 400),
        ("PATCH", {**PIECE, "Upload-Offset": "٣"}, 400),
        ("PATCH", {**PIECE, "Upload-Offset": "7"}, 409),
        ("PATCH", {**TUS, "Tus-Resumable": "0.2.2"}, 412),
        ("HEAD", {}, 412),
        ("DELETE", {}, 412),
    ],
)
def test_odd_requests_get_a_status_and_a_sentence(
    house: House, method: str, headers: dict[str, str], status: int
) -> None:
    with house.http() as http:
        _, where = begun(http, "a.mp4", b"x" * 100)
        encoded = [(k.encode(), v.encode()) for k, v in headers.items()]
        answer = http.request(method, where, headers=encoded, content=b"y" * 10)

        assert answer.status_code == status
        if method == "PATCH":
            assert answer.json()["message"]
        assert http.head(where, headers=TUS).headers["upload-offset"] == "0"


def test_more_bytes_than_announced_are_refused_and_what_was_there_stays(house: House) -> None:
    with house.http() as http:
        _, where = begun(http, "a.mp4", b"x" * 100)
        answer = http.patch(where, content=b"x" * 200, headers={**PIECE, "Upload-Offset": "0"})

        assert answer.status_code == 413
        assert http.head(where, headers=TUS).headers["upload-offset"] == "0"


def test_who_has_no_key_writes_nothing(house: House) -> None:
    with house.http() as http:
        _, where = begun(http, "a.mp4", b"x" * 100)
        for key in ("", "Bearer rw_wrong", "Basic abc", "Bearer \xff"):
            answer = httpx.patch(
                f"{house.address}{where}",
                content=b"x" * 100,
                headers=[
                    *((k.encode(), v.encode()) for k, v in PIECE.items()),
                    (b"Upload-Offset", b"0"),
                    (b"Authorization", key.encode("latin-1")),
                ],
            )
            assert answer.status_code == 401
        assert http.head(where, headers=TUS).headers["upload-offset"] == "0"


def test_another_organisation_sees_nothing_of_it(house: House, database: Database) -> None:
    _, other_key = add_depot(database, "South")
    with house.http() as http:
        batch, where = begun(http, "a.mp4", b"x" * 100)
    with httpx.Client(
        base_url=house.address, headers={"Authorization": f"Bearer {other_key}"}
    ) as other:
        assert other.get(f"/uplink/batches/{batch}").status_code == 404
        assert other.head(where, headers=TUS).status_code == 404
        assert created(other, batch, "a.mp4", 100).status_code == 404
        content = b"x" * 100
        answer = other.post("/uplink/card", json=[a_file("a.mp4", content)])
        assert answer.json()["safe_to_wipe"] is False


TRAPS = [
    "../../etc/passwd",
    "..\\..\\windows\\system32\\a.mp4",
    "/etc/cron.d/a",
    "C:/a.mp4",
    "a\x00b.mp4",
    "\u202egpj.4pm",
    "e\u0301\u0327\u200d.mp4",
    "\ud800.mp4",
    "CON",
    "." * 300,
    "a" * 5000,
    "",
    "😀/💣.mp4",
    "=cmd|' /C calc'!A0.mp4",
    "<script>alert(1)</script>.mp4",
]


@pytest.mark.parametrize("name", TRAPS)
def test_a_name_is_never_a_place_on_disk(house: House, name: str) -> None:
    content = b"x" * 100
    before = set(house.folder.parent.rglob("*"))
    with house.http() as http:
        batch = http.post("/uplink/batches", json={}).json()["batch_id"]
        body = json.dumps([a_file(name, content)])
        answer = http.put(
            f"/uplink/batches/{batch}/files",
            content=body,
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in {200, 422}
        assert answer.json().get("message") or answer.json().get("files")
        if answer.status_code == 200:
            shown = answer.json()["files"][0]["path"]
            assert created(http, batch, shown, 100).status_code == 201
    fresh = set(house.folder.parent.rglob("*")) - before
    assert all(path.is_relative_to(house.folder) for path in fresh)


@pytest.mark.parametrize(
    "body",
    ["", "{", "[1]", '{"a": 1}', '[{"path": 1, "size_bytes": 1, "sha256": "x"}]', "[" * 100_000,
     '[{"path": "a", "size_bytes": -1, "sha256": "' + "0" * 64 + '"}]',
     '[{"path": "a", "size_bytes": 1e400, "sha256": "' + "0" * 64 + '"}]'],
)  # fmt: skip
def test_a_list_that_is_none_is_refused_in_words(house: House, body: str) -> None:
    with house.http() as http:
        batch = http.post("/uplink/batches", json={}).json()["batch_id"]
        answer = http.put(
            f"/uplink/batches/{batch}/files",
            content=body,
            headers={"Content-Type": "application/json"},
        )

    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limits": Limits(quota_bytes=1000)}, "may keep 0\\.0 GiB more"),
        ({"reserve_bytes": 1 << 60}, "room for 0"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_before_a_byte_is_sent(
    database: Database, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    _, key = add_depot(database)
    receiving = receiving_in(database, tmp_path, **changes)
    with (
        served(receiving) as address,
        Server(address, key, patience_s=1.0) as server,
    ):
        batch = str(server.ask("POST", "batches", {})["batch_id"])
        file = LocalFile(path="a.mp4", location=tmp_path, size_bytes=2000, sha256="0" * 64)
        with pytest.raises(OutageError, match=words):
            announced(server, batch, [file])
        assert server.ask("GET", f"batches/{batch}")["files"] == []


def test_sound_is_gone_and_pictures_are_not(house: House, tmp_path: Path) -> None:
    card = tmp_path / "card"
    (clip,) = write_drive(card, NOON, clips=1)
    loud = card / "loud_NF.mp4"
    with av.open(str(clip)) as source, av.open(str(loud), "w") as target:
        picture = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream("aac", rate=16_000)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                target.mux(packet)
        tone = np.sin(np.arange(1024) / 5).astype(np.float32)[None]
        for number in range(40):
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, number * 1024
            target.mux(sound.encode(frame))
        target.mux(sound.encode())
    before = loud.read_bytes()
    (card / "loud_NF.gpx").write_text(
        '<gpx version="1.1"><trk><trkseg>'
        + "".join(
            f'<trkpt lat="{51.6 + i * 9e-5}" lon="-0.1">'
            f"<time>2026-02-10T12:00:{i:02d}Z</time></trkpt>"
            for i in range(7)
        )
        + "</trkseg></trk></gpx>"
    )
    clip.unlink()

    answer = hand_in(house, card, tmp_path)

    assert outcomes(answer)["loud_NF.mp4"][0] == "accepted"
    kept = house.receiving.store.place(
        house.depot.owner_id,
        hashlib.sha256(before).hexdigest(),  # type: ignore[arg-type]
    )
    assert kept.stat().st_size == len(before)
    assert pictures_in(kept) == pictures_in(loud)
    assert max(loudness(loud)) > 0.1
    assert max(loudness(kept), default=0.0) == 0.0


def pictures_in(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [hash(frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]


def loudness(path: Path) -> list[float]:
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            try:
                found += [float(np.abs(f.to_ndarray()).max()) for f in packet.decode()]
            except av.error.FFmpegError:
                continue
    return found


def test_a_recorder_with_several_cameras_gives_its_forward_one_alone(
    database: Database, tmp_path: Path
) -> None:
    depot, key = add_depot(database, forward_channel="CH1")
    receiving = receiving_in(database, tmp_path / "store")
    for name in ("CH1", "CH2"):
        for clip in write_drive(tmp_path / "card" / name, NOON, clips=1):
            clip.rename(clip.with_name(f"{name}_0001.mp4"))
    with served(receiving) as address:
        house = House(receiving, depot, key, address, tmp_path / "store")
        found = outcomes(hand_in(house, tmp_path / "card", tmp_path))

    assert found["CH1/CH1_0001.mp4"][0] == "accepted"
    assert "CH1 looks ahead" in found["CH2/CH2_0001.mp4"][1]


def test_the_vehicle_must_be_known(database: Database, tmp_path: Path) -> None:
    depot, key = add_depot(database, fleet_number="")
    receiving = receiving_in(database, tmp_path / "store")
    write_drive(tmp_path / "card", NOON, clips=1)
    with served(receiving) as address:
        house = House(receiving, depot, key, address, tmp_path / "store")
        answer = hand_in(house, tmp_path / "card", tmp_path)

    ((what, sentence),) = outcomes(answer).values()
    assert what == "refused"
    assert "of which vehicle it is" in sentence
    assert answer["safe_to_wipe"] is False


def test_a_key_is_not_sent_in_the_open() -> None:
    with pytest.raises(RuleError, match="https://"):
        Server("http://roads.example", "rw_x")


def test_what_cameras_and_computers_keep_for_themselves_is_left_out(tmp_path: Path) -> None:
    for name in ("DCIM/a.mp4", "System Volume Information/IndexerVolumeGuid", "._a.mp4",
                 "Thumbs.db"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "link.mp4").symlink_to("/etc/passwd")

    assert [name for name, _ in files_on_card(tmp_path)] == ["DCIM/a.mp4"]
    with pytest.raises(InputError, match="is the card in"):
        list(files_on_card(tmp_path / "nowhere"))


def test_an_empty_card_is_never_safe() -> None:
    from pipeline.domain.receiving import Manifest  # noqa: PLC0415

    assert verdict_of(Manifest(files=())).safe is False


def test_a_batch_that_a_killed_server_left_is_read_by_the_next_one(
    database: Database, tmp_path: Path
) -> None:
    depot, key = add_depot(database)
    write_drive(tmp_path / "card", NOON, clips=1)
    first = receiving_in(database, tmp_path / "store")
    with (
        served(first) as address,
        Server(address, key, patience_s=5.0) as server,
    ):
        files, _ = hashed_files(tmp_path / "card", Notes(tmp_path, "c"), Progress())
        batch = str(server.ask("POST", "batches", {})["batch_id"])
        announced(server, batch, files)
        server.send(batch, files[0], Progress())
        server.ask("POST", f"batches/{batch}/close", {})

    second = receiving_in(database, tmp_path / "store")
    ((owner, waiting),) = second.to_do()
    assert str(waiting) == batch
    manifest = second.read(owner, waiting)
    assert [file.outcome for file in manifest.files] == [Outcome.ACCEPTED]
    assert second.read(owner, waiting) == manifest
    assert depot.owner_id == owner
    assert second.to_do() == ()


def test_an_endless_stream_is_ended(house: House) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 100_000

    with house.http() as http:
        _, where = begun(http, "a.mp4", b"x" * 3_000_000)
        headers = {**PIECE, "Upload-Offset": "0"}
        try:
            status = http.patch(where, content=endless(), headers=headers).status_code
        except httpx.TransportError:
            status = 413
        assert status == 413
        here = int(http.head(where, headers=TUS).headers["upload-offset"])
        assert here <= 3_000_000
    kept = sum(path.stat().st_size for path in kept_files(house.folder))
    assert kept <= 3_000_000


def test_whatever_the_headers_say_the_service_stays_up(house: House) -> None:
    rng = random.Random(3)  # noqa: S311 - a test
    odd = ["", "0", "-1", "1e3", "9" * 30, "NaN", "é", "=", ",", "a b", "%00", "../x", "{}"]
    with house.http() as http:
        _, where = begun(http, "a.mp4", b"x" * 100)
        for _ in range(300):
            names = rng.sample(
                ["Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Metadata",
                 "Content-Type", "Upload-Concat", "Upload-Defer-Length", "X-HTTP-Method-Override"],
                k=rng.randint(0, 6),
            )  # fmt: skip
            said = {
                n: rng.choice([*odd, "1.0.0", "application/offset+octet-stream"]) for n in names
            }
            answer = http.request(
                rng.choice(["POST", "PATCH", "HEAD", "DELETE", "OPTIONS", "PUT", "GET"]),
                rng.choice(
                    [where + "x", "/uplink/uploads", "/uplink/uploads/%2e%2e%2f", "/uplink/"]
                ),
                headers=[(k.encode(), v.encode()) for k, v in said.items()],
                content=bytes(rng.randrange(256) for _ in range(rng.randrange(50))),
            )
            assert answer.status_code < 500, (answer.status_code, said)
        assert http.head(where, headers=TUS).headers["upload-offset"] == "0"


def announced_and_sent(house: House, card: Path, vehicle: str) -> BatchId:
    files, _ = hashed_files(card, None, Progress())
    with house.server() as server:
        said = {"source": "test", "vehicle": vehicle}
        batch = str(server.ask("POST", "batches", said)["batch_id"])
        wanted = announced(server, batch, files)
        for file in files:
            if file.path in wanted:
                server.send(batch, file, Progress())
    return BatchId(UUID(batch))


@pytest.mark.parametrize("refused_first", [True, False])
def test_a_refused_batch_never_removes_what_another_one_needs(
    database: Database, tmp_path: Path, *, refused_first: bool
) -> None:
    depot, key = add_depot(database, fleet_number="")
    receiving = receiving_in(database, tmp_path / "store")
    write_drive(tmp_path / "card", NOON)
    with served(receiving) as address:
        house = House(receiving, depot, key, address, tmp_path / "store")
        known = announced_and_sent(house, tmp_path / "card", "1142")
        unknown = announced_and_sent(house, tmp_path / "card", "")
        for batch in (unknown, known) if refused_first else (known, unknown):
            receiving.close(depot, batch)
            receiving.read(depot.owner_id, batch)

    assert receiving.manifest(depot.owner_id, known)[1].counts == {Outcome.ACCEPTED: 2}
    other = Outcome.REFUSED if refused_first else Outcome.ALREADY_THERE
    assert receiving.manifest(depot.owner_id, unknown)[1].counts == {other: 2}
    assert len(kept_files(tmp_path / "store")) == 2


def test_refused_bytes_are_removed_where_nobody_needs_them(house: House, tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "noise.mp4").write_bytes(b"noise" * 200)

    hand_in(house, tmp_path / "card", tmp_path)

    assert kept_files(house.folder) == []


def test_a_file_that_the_store_lost_is_wanted_again_and_then_safe(
    house: House, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    write_drive(card, NOON)
    hand_in(house, card, tmp_path)
    kept_files(house.folder)[0].unlink()

    answer = hand_in(house, card, tmp_path)

    assert answer["safe_to_wipe"] is True
    assert len(kept_files(house.folder)) == 2
    assert "it was taken in before, and its bytes are there" in str(outcomes(answer))


def test_a_path_is_not_announced_twice_with_other_bytes(house: House) -> None:
    with house.http() as http:
        batch = http.post("/uplink/batches", json={}).json()["batch_id"]
        url = f"/uplink/batches/{batch}/files"
        one, two = a_file("a\u200e.mp4", b"x"), a_file("a\u200f.mp4", b"y")

        assert http.put(url, json=[one, two]).status_code == 422
        assert http.put(url, json=[one]).status_code == 200
        assert "two files are called so" in http.put(url, json=[two]).json()["message"]


def test_names_that_look_alike_are_kept_apart_on_this_side(tmp_path: Path) -> None:
    for name in ("a\u200e.mp4", "a\u200f.mp4"):
        (tmp_path / name).write_bytes(name.encode())

    files, _ = hashed_files(tmp_path, None, Progress())

    assert len({file.path for file in files}) == 2


def test_footage_is_not_thrown_away_when_the_process_that_reads_is_killed(
    house: House, tmp_path: Path
) -> None:
    write_drive(tmp_path / "card", NOON, clips=1)
    batch = announced_and_sent(house, tmp_path / "card", "1142")
    house.receiving.close(house.depot, batch)
    readers = [
        process
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and b"adapters.sandboxed" in (process / "cmdline").read_bytes()
    ]
    assert readers
    for process in readers:
        os.kill(int(process.name), signal.SIGKILL)

    manifest = house.receiving.read(house.depot.owner_id, batch)

    assert [file.outcome for file in manifest.files] == [Outcome.ACCEPTED]


def test_a_vehicle_may_be_called_anything_and_nothing_breaks(house: House) -> None:
    with house.http() as http:
        for name in ("a\u0000b", "\ud800", "../x", "x" * 100):
            body = json.dumps({"vehicle": name})
            answer = http.post(
                "/uplink/batches", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code in {201, 422}


def test_a_track_that_came_before_serves_footage_that_comes_later(
    house: House, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    card.mkdir()
    (card / "day.gpx").write_bytes(gpx(NOON, [(51.5 + i * 9e-5, -0.1) for i in range(60)]))
    write_plain(card / "a.mp4", created="2026-02-10T12:00:00Z")
    assert outcomes(hand_in(house, card, tmp_path))["a.mp4"][0] == "accepted"

    write_plain(card / "b.mp4", created="2026-02-10T12:00:20Z", frames=50)
    found = outcomes(hand_in(house, card, tmp_path))

    assert {path: what for path, (what, _) in found.items()} == {
        "a.mp4": "already_there",
        "b.mp4": "accepted",
        "day.gpx": "already_there",
    }


def test_a_batch_that_fails_by_our_fault_keeps_its_bytes_and_the_card(
    house: House, tmp_path: Path
) -> None:
    write_drive(tmp_path / "card", NOON, clips=1)
    batch = announced_and_sent(house, tmp_path / "card", "1142")
    house.receiving.close(house.depot, batch)

    house.receiving.fail(house.depot.owner_id, batch)

    (line,) = house.receiving.manifest(house.depot.owner_id, batch)[1].files
    assert line.outcome is Outcome.REFUSED and line.blocks_wiping
    assert "a fault of this program" in line.sentence
    assert len(kept_files(house.folder)) == 1
    assert house.receiving.to_do() == ()
