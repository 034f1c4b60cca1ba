"""Nothing is kept of what lies in a private area: no position, no picture, also after a restore."""

import shutil
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import av
import pytest

from pipeline.adapters.blanking import private_bytes
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres import private as rows
from pipeline.adapters.postgres.correspondence import answer
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.prober import SandboxedProber
from pipeline.adapters.probing import probe_file
from pipeline.adapters.video_pyav import sha256_of_file
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.places import LonLat
from pipeline.domain.private import PrivateArea, PrivateBytes
from pipeline.domain.receiving import Depot, ExpectedFile, Manifest, Outcome, verdict_of
from pipeline.simulator.recorders import add_blackvue_gps, gpx, write_recording
from pipeline.uplink import private, reading
from pipeline.uplink.receiving import Receiving
from tests.builders import NOON
from tests.footage import write_plain
from tests.uplink.serving import add_depot, hand_in, receiving_in

STEP = 9e-5  # degrees of latitude: ten metres
HOME = LonLat(lon_deg=-0.1, lat_deg=51.5)


def places(begins: int, seconds: int) -> list[tuple[float, float]]:
    """Ten metres a second northwards, from so many seconds after home."""
    return [(HOME.lat_deg + STEP * (begins + s), HOME.lon_deg) for s in range(seconds + 1)]


def a_clip(path: Path, begins: int, seconds: int = 30, *, inside: bool = True) -> Path:
    at = NOON + timedelta(seconds=begins)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_recording(path, seconds=seconds, created=at, seed=begins)
    return (
        add_blackvue_gps(path, places(begins, seconds), gps_at=at, clock_at=at) if inside else path
    )


def a_depot(
    database: Database, folder: Path, *, radius_m: float = 100.0
) -> tuple[Receiving, Depot]:
    """Return what takes files in, and a depot of which the surroundings are private."""
    depot, _ = add_depot(database)
    area = PrivateArea(area_id=uuid4(), name="Depot", centre=HOME, radius_m=radius_m)
    with database.acting_for(depot.owner_id) as connection:
        rows.add_area(connection, depot.owner_id, area, said_by="a test")
    return receiving_in(database, folder / "store"), depot


def handed_in(receiving: Receiving, depot: Depot, card: Path) -> Manifest:
    return receiving.manifest(depot.owner_id, hand_in(receiving, depot, card))[1]


def expected(clip: Path) -> ExpectedFile:
    return ExpectedFile(path=clip.name, size_bytes=clip.stat().st_size, sha256=sha256_of_file(clip))


def stored(receiving: Receiving, depot: Depot, clip: Path) -> Path:
    return receiving.store.place(depot.owner_id, sha256_of_file(clip))


def drive_of(database: Database, depot: Depot, clip: Path) -> ReceivedDrive:
    ledger = PostgresLedger(database, SystemClock())
    drive_id = ledger.drive_of_clip(depot.owner_id, sha256_of_file(clip))
    assert drive_id is not None
    return ledger.load_drive(depot.owner_id, drive_id)


def shown_s(path: Path) -> set[int]:
    """The seconds of a clip of which a picture can be decoded."""
    found = set()
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            try:
                found |= {int(frame.time or 0) for frame in packet.decode()}
            except av.error.FFmpegError:
                continue
    return found


def positions_of(database: Database, depot: Depot) -> list[float]:
    with database.acting_for(depot.owner_id) as connection:
        found = connection.execute("select lat_deg from roadwear.drive_fix order by ordinal")
        return [row["lat_deg"] for row in found]


def test_a_vehicle_leaves_its_depot(database: Database, tmp_path: Path) -> None:
    receiving, depot = a_depot(database, tmp_path)
    first = a_clip(tmp_path / "card" / "a.mp4", 0)
    second = a_clip(tmp_path / "card" / "b.mp4", 30)

    manifest = handed_in(receiving, depot, tmp_path / "card")

    assert [file.outcome for file in manifest.files] == [Outcome.ACCEPTED] * 2
    assert "lies in a private area, of which nothing is kept" in manifest.files[0].sentence
    assert verdict_of(manifest).safe
    kept = positions_of(database, depot)
    assert min(kept) == pytest.approx(HOME.lat_deg + 10 * STEP, abs=1.5 * STEP)
    assert len(kept) == pytest.approx(50, abs=2)
    seen = shown_s(stored(receiving, depot, first))
    assert min(seen) in range(11, 15) and max(seen) == 29
    assert shown_s(stored(receiving, depot, second)) == set(range(30))
    facts = probe_file(str(stored(receiving, depot, first)), "a.mp4", "0" * 64)
    assert facts.recording is not None and not facts.recording.fixes


def test_what_is_kept_is_dated_as_before_and_the_rest_was_not_looked_at(
    database: Database, tmp_path: Path
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    first = a_clip(tmp_path / "card" / "a.mp4", 0)
    handed_in(receiving, depot, tmp_path / "card")

    sha256 = sha256_of_file(first)
    received = drive_of(database, depot, first)

    assert received.clips[0][1].started_at == NOON
    quality = received.quality[sha256]
    assert quality.reason_at(2.0) is NotLookedReason.PRIVATE
    assert quality.reason_at(25.0) is not NotLookedReason.PRIVATE


def test_a_drive_in_the_depot_alone_is_not_kept_and_its_card_may_be_wiped(
    database: Database, tmp_path: Path
) -> None:
    receiving, depot = a_depot(database, tmp_path, radius_m=5000.0)
    clip = a_clip(tmp_path / "card" / "a.mp4", 0)
    manifest = handed_in(receiving, depot, tmp_path / "card")
    assert manifest.files[0].outcome is Outcome.REFUSED
    assert not manifest.files[0].blocks_wiping
    assert not stored(receiving, depot, clip).exists()
    assert positions_of(database, depot) == []


def test_a_clip_that_shows_nothing_else_goes_and_the_next_is_dated_right(
    database: Database, tmp_path: Path
) -> None:
    receiving, depot = a_depot(database, tmp_path, radius_m=305.0)
    first = a_clip(tmp_path / "card" / "a.mp4", 0)
    second = a_clip(tmp_path / "card" / "b.mp4", 30)
    manifest = handed_in(receiving, depot, tmp_path / "card")
    assert [f.outcome for f in manifest.files] == [Outcome.REFUSED, Outcome.ACCEPTED]
    assert not manifest.files[0].blocks_wiping
    assert not stored(receiving, depot, first).exists()
    clips = drive_of(database, depot, second).clips
    assert [clip.started_at for _, clip in clips] == [NOON + timedelta(seconds=30)]


def test_a_track_beside_goes_and_footage_is_cut_by_it(database: Database, tmp_path: Path) -> None:
    receiving, depot = a_depot(database, tmp_path)
    clip = a_clip(tmp_path / "card" / "a.mp4", 0, inside=False)
    track = tmp_path / "card" / "a.gpx"
    track.write_bytes(gpx(NOON, places(0, 30)))
    manifest = handed_in(receiving, depot, tmp_path / "card")
    assert [f.outcome for f in manifest.files] == [Outcome.ACCEPTED] * 2
    assert not any(stored(receiving, depot, track).read_bytes())
    assert min(shown_s(stored(receiving, depot, clip))) in range(11, 17)
    again = handed_in(receiving, depot, tmp_path / "card")
    assert [f.outcome for f in again.files] == [Outcome.ALREADY_THERE] * 2
    assert verdict_of(again).safe


def test_a_server_killed_before_it_cut_and_a_restored_backup_change_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    clip = a_clip(tmp_path / "card" / "a.mp4", 0)

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "blank_private", killed)
    with pytest.raises(KeyboardInterrupt):
        handed_in(receiving, depot, tmp_path / "card")
    monkeypatch.undo()
    place = stored(receiving, depot, clip)
    assert 0 in shown_s(place)

    assert receiving.finish_cutting() == 1
    assert min(shown_s(place)) >= 11
    assert receiving.finish_cutting() == 0

    shutil.copyfile(clip, place)  # as a backup of before has it
    assert private.blank_private(database, receiving.store, depot.owner_id) == 1
    assert min(shown_s(place)) >= 11


def test_footage_whose_positions_cannot_be_cut_out_is_refused(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    clip = a_clip(tmp_path / "card" / "a.mp4", 0)
    # A prober that misses what lies beside the streams stands for a camera nobody knows.
    monkeypatch.setattr(SandboxedProber, "private_bytes", lambda *_: PrivateBytes(spans=()))
    manifest = handed_in(receiving, depot, tmp_path / "card")
    assert manifest.files[0].outcome is Outcome.REFUSED and manifest.files[0].blocks_wiping
    assert "cannot be cut out" in manifest.files[0].sentence
    assert not stored(receiving, depot, clip).exists()
    assert not list((tmp_path / "store" / "arriving").iterdir())


def test_an_area_that_ended_keeps_nothing_from_being_handed_in(
    database: Database, tmp_path: Path
) -> None:
    receiving, depot = a_depot(database, tmp_path, radius_m=5000.0)
    clip = a_clip(tmp_path / "card" / "a.mp4", 0)
    handed_in(receiving, depot, tmp_path / "card")
    known = receiving.known(depot, [expected(clip)])
    assert not known.files[0].blocks_wiping
    with database.acting_for(depot.owner_id) as connection:
        rows.end_area(connection, depot.owner_id, "depot", said_by="a test")

    manifest = handed_in(receiving, depot, tmp_path / "card")

    assert manifest.files[0].outcome is Outcome.ACCEPTED
    assert shown_s(stored(receiving, depot, clip)) == set(range(30))
    assert receiving.finish_cutting() == 0
    assert receiving.known(depot, [expected(clip)]).files[0].outcome is Outcome.ALREADY_THERE


def test_what_a_camera_saw_before_its_first_fix_may_be_the_depot(
    database: Database, tmp_path: Path
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    clip = a_clip(tmp_path / "card" / "a.mp4", 0, inside=False)
    # The receiver starts 12 s late, 20 m outside.
    at = NOON + timedelta(seconds=12)
    (tmp_path / "card" / "a.gpx").write_bytes(gpx(at, places(12, 18)))
    handed_in(receiving, depot, tmp_path / "card")
    assert min(shown_s(stored(receiving, depot, clip))) >= 11


def test_a_track_goes_also_where_the_footage_has_positions_of_its_own(
    database: Database, tmp_path: Path
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    a_clip(tmp_path / "card" / "a.mp4", 60)
    track = tmp_path / "card" / "a.gpx"
    track.write_bytes(gpx(NOON, places(0, 90)))
    handed_in(receiving, depot, tmp_path / "card")
    assert not any(stored(receiving, depot, track).read_bytes())


def test_what_is_kept_of_a_day_s_track_serves_later_footage(
    database: Database, tmp_path: Path
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    first, second = tmp_path / "first", tmp_path / "second"
    a_clip(first / "a.mp4", 30, inside=False)
    (first / "day.gpx").write_bytes(gpx(NOON, places(0, 300)))
    assert handed_in(receiving, depot, first).counts[Outcome.ACCEPTED] == 2
    a_clip(second / "b.mp4", 200, inside=False)
    shutil.copy(first / "day.gpx", second)
    manifest = handed_in(receiving, depot, second)
    assert [f.outcome for f in manifest.files] == [Outcome.ACCEPTED, Outcome.ALREADY_THERE]
    assert not any(stored(receiving, depot, first / "day.gpx").read_bytes())


def test_a_batch_that_is_read_again_is_read_from_whole_bytes(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    clip = a_clip(tmp_path / "card" / "a.mp4", 0)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading.CardReading, "_tell", killed)
    with pytest.raises(KeyboardInterrupt):
        handed_in(receiving, depot, tmp_path / "card")
    monkeypatch.undo()
    assert receiving.finish_cutting() == 0
    ((owner, batch),) = receiving.to_do()
    manifest = receiving.read(owner, batch)
    assert verdict_of(manifest).safe
    assert min(shown_s(stored(receiving, depot, clip))) >= 11


def test_a_blanking_that_was_cut_off_is_finished(database: Database, tmp_path: Path) -> None:
    store = receiving_in(database, tmp_path / "store").store
    content = b"\0" * 5000 + b"x" * 3_000_000 + b"kept"
    file = tmp_path / "file"
    spans = ((0, 3_005_000),)
    file.write_bytes(content)
    witness = store.witness(str(file), spans)
    assert witness == 5000
    file.write_bytes(b"\0" * 5000 + b"x" + b"\0" * 400_000 + content[405_001:])
    assert store.blank(str(file), spans, witness)
    assert not any(file.read_bytes()[:-4]) and file.read_bytes().endswith(b"kept")
    assert not store.blank(str(file), spans, witness)
    assert store.blank(str(tmp_path / "gone"), spans, witness) is False


def test_bytes_that_come_a_second_time_do_not_bring_back_what_was_cut(
    database: Database, tmp_path: Path
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    clip = a_clip(tmp_path / "card" / "a.mp4", 0)
    late = receiving.open(depot, fleet_number="", source="test").batch_id
    receiving.announce(depot, late, [expected(clip)])
    arriving = receiving.begin_upload(depot, late, "a.mp4")
    handed_in(receiving, depot, tmp_path / "card")
    receiving.store.append(arriving.upload_id, 0, clip.read_bytes())
    receiving.arrived(depot, arriving)
    assert min(shown_s(stored(receiving, depot, clip))) >= 11
    receiving.close(depot, late)
    assert verdict_of(receiving.read(depot.owner_id, late)).safe


def test_the_clock_s_doubt_reaches_into_the_next_file(database: Database, tmp_path: Path) -> None:
    receiving, depot = a_depot(database, tmp_path, radius_m=295.0)
    a_clip(tmp_path / "card" / "a.mp4", 0)
    second = a_clip(tmp_path / "card" / "b.mp4", 30)
    handed_in(receiving, depot, tmp_path / "card")
    assert min(shown_s(stored(receiving, depot, second))) in range(2, 5)


def test_a_file_with_few_key_frames_says_what_it_lost(database: Database, tmp_path: Path) -> None:
    receiving, depot = a_depot(database, tmp_path)
    at = NOON
    path = tmp_path / "card" / "a.mp4"
    path.parent.mkdir()
    write_plain(path, frames=600, created=f"{at:%Y-%m-%dT%H:%M:%SZ}", key_every=250)
    add_blackvue_gps(path, places(0, 60), gps_at=at, clock_at=at)
    handed_in(receiving, depot, tmp_path / "card")
    assert min(shown_s(stored(receiving, depot, path))) == 25
    quality = drive_of(database, depot, path).quality[sha256_of_file(path)]
    assert quality.reason_at(24.0) is NotLookedReason.PRIVATE
    assert quality.reason_at(26.0) is not NotLookedReason.PRIVATE


def test_a_list_of_blocks_that_lie_elsewhere_is_not_believed(tmp_path: Path) -> None:
    path = a_clip(tmp_path / "a.mp4", 0)
    facts = probe_file(str(path), "a.mp4", "0" * 64)
    assert facts.clip is not None
    content = bytearray(path.read_bytes())
    at = content.index(b"udta", content.index(b"moov"))
    content[at : at + 4] = b"gps "
    content[at + 4 + 8 : at + 4 + 16] = (50_000_000).to_bytes(4) + (4096).to_bytes(4)
    path.write_bytes(bytes(content))
    found = private_bytes(str(path), ((0.0, 5.0),), facts.clip)
    assert all(offset + length <= len(content) for offset, length in found.spans)


def test_an_answer_needs_nothing_anew_though_the_day_s_track_was_taken_out(
    database: Database, tmp_path: Path
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    card = tmp_path / "card"
    a_clip(card / "a.mp4", 30, inside=False)
    write_recording(card / "b.mp4", seconds=20, seed=5)
    (card / "day.gpx").write_bytes(gpx(NOON, places(0, 300)))
    private = a_clip(card / "home.mp4", 86_400, inside=False)
    (card / "home.gpx").write_bytes(gpx(NOON + timedelta(days=1), [(HOME.lat_deg, -0.1)] * 31))
    batch = hand_in(receiving, depot, card)
    asked = receiving.manifest(depot.owner_id, batch)[1]
    assert [question.path for question in asked.questions] == ["b.mp4"]
    assert not stored(receiving, depot, private).exists()

    with database.acting_for(depot.owner_id) as connection:
        answer(connection, batch, "b.mp4", NOON + timedelta(seconds=100), said_by="a test")
    told = receiving.read(depot.owner_id, batch)

    assert verdict_of(told).safe
    by_path = {file.path: file.outcome for file in told.files}
    assert by_path["b.mp4"] is Outcome.ACCEPTED
    assert by_path["home.mp4"] is Outcome.REFUSED
    for track in ("day.gpx", "home.gpx"):
        place = stored(receiving, depot, card / track)
        assert not place.exists() or not any(place.read_bytes())


def test_what_cannot_be_cut_does_not_stay_because_something_else_is_asked(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiving, depot = a_depot(database, tmp_path)
    clip = a_clip(tmp_path / "card" / "a.mp4", 0)
    undated = write_recording(tmp_path / "card" / "b.mp4", seconds=20, seed=5)
    (tmp_path / "card" / "day.gpx").write_bytes(gpx(NOON + timedelta(days=9), places(60, 300)))
    monkeypatch.setattr(SandboxedProber, "private_bytes", lambda *_: PrivateBytes(spans=()))
    manifest = handed_in(receiving, depot, tmp_path / "card")
    assert [question.path for question in manifest.questions] == ["b.mp4"]
    assert not stored(receiving, depot, clip).exists()
    assert stored(receiving, depot, undated).exists()
