"""What became of a card is mailed to whoever asked for it, by a real mail server."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.mail_smtp import SmtpMail, is_address
from pipeline.adapters.postgres.correspondence import batches_to_mail, note_mailed
from pipeline.adapters.postgres.database import Database
from pipeline.domain.errors import InputError
from pipeline.domain.receiving import BatchState
from pipeline.uplink.mailing import Mailing
from pipeline.uplink.reader import BatchReader
from pipeline.uplink.receiving import Receiving
from tests.builders import NOON
from tests.letterbox import Letterbox
from tests.uplink.serving import add_depot, hand_in, receiving_in, write_drive


def mailing_in(database: Database, port: int, receiving: Receiving) -> Mailing:
    return Mailing(
        database=database,
        mail=SmtpMail(f"smtp://127.0.0.1:{port}", "roadwear@council.example"),
        clock=SystemClock(),
        store=receiving.store.store_id,
        address="https://roads.example/",
    )


def test_a_depot_that_asked_is_told_once_of_every_card(
    database: Database, tmp_path: Path, letterbox: tuple[Letterbox, Controller]
) -> None:
    box, controller = letterbox
    receiving = receiving_in(database, tmp_path / "store")
    asked, _ = add_depot(database, mail="fleet@council.example")
    silent, _ = add_depot(database, "South")
    write_drive(tmp_path / "a", NOON)
    (tmp_path / "a" / "=1+1.mp4").write_bytes(b"noise" * 100)
    write_drive(tmp_path / "b", NOON, lat=51.6)
    mailing = mailing_in(database, controller.port, receiving)
    assert mailing.send_due() == 0
    batch = hand_in(receiving, asked, tmp_path / "a")
    hand_in(receiving, silent, tmp_path / "b")

    assert mailing.send_due() == 1
    assert mailing.send_due() == 0

    ((to, letter),) = box.letters
    assert to == ["fleet@council.example"]
    assert letter["Subject"] == "Do not wipe: vehicle 1142"
    words = letter.get_body()
    assert words is not None
    assert "Do not wipe: this file: =1+1.mp4." in words.get_content()
    assert f"https://roads.example/fleet/uploads/{batch}" in words.get_content()
    (table,) = letter.iter_attachments()
    content = table.get_content()
    assert content.count("accepted") == 2 and "\n'=1+1.mp4," in content.replace("\r", "")


def test_what_the_mail_server_does_not_take_is_sent_when_it_does(
    database: Database, tmp_path: Path, letterbox: tuple[Letterbox, Controller]
) -> None:
    box, controller = letterbox
    receiving = receiving_in(database, tmp_path / "store")
    depot, _ = add_depot(database, mail="fleet@council.example")
    write_drive(tmp_path / "a", NOON)
    hand_in(receiving, depot, tmp_path / "a")
    mailing = mailing_in(database, controller.port, receiving)
    box.full = True
    assert mailing.send_due() == 0
    assert mailing_in(database, 1, receiving).send_due() == 0
    box.full = False
    assert mailing.send_due() == 1
    assert box.letters[0][1]["Subject"] == "Safe to wipe: vehicle 1142"


@pytest.mark.parametrize(
    "url", ["", "mail.example", "http://mail.example", "smtp://", "smtp://mail.example:many"]
)
def test_a_setting_that_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="ROADWEAR_MAIL_URL"):
        SmtpMail(url, "a@b.example")


def test_what_is_no_address_is_refused() -> None:
    assert is_address("fleet@council.example")
    bad = [
        "a@[c",
        "a@ü.example",
        "",
        "fleet",
        "@b",
        "a@",
        "a@b@c",
        "a b@c",
        "a@b\nBcc: c@d",
        "a@b,c@d",
        "<a@b>",
    ]
    assert not [text for text in bad if is_address(text)]
    with pytest.raises(InputError, match="ROADWEAR_MAIL_FROM"):
        SmtpMail("smtp://mail.example", "nobody")


def test_an_address_that_is_refused_keeps_no_mail_from_others(
    database: Database, tmp_path: Path, letterbox: tuple[Letterbox, Controller]
) -> None:
    box, controller = letterbox
    receiving = receiving_in(database, tmp_path / "store")
    gone, _ = add_depot(database, mail="gone@council.example")
    there, _ = add_depot(database, "South", mail="south@council.example")
    write_drive(tmp_path / "a", NOON)
    write_drive(tmp_path / "b", NOON, lat=51.6)
    hand_in(receiving, gone, tmp_path / "a")
    hand_in(receiving, there, tmp_path / "b")
    assert mailing_in(database, controller.port, receiving).send_due() == 1
    assert [to for to, _ in box.letters] == [["south@council.example"]]


def test_what_is_read_again_while_it_is_mailed_is_mailed_again(
    database: Database, tmp_path: Path
) -> None:
    receiving = receiving_in(database, tmp_path / "store")
    depot, _ = add_depot(database, mail="fleet@council.example")
    write_drive(tmp_path / "a", NOON)
    hand_in(receiving, depot, tmp_path / "a")
    now, store = SystemClock().now(), receiving.store.store_id
    with database.acting_for(depot.owner_id) as connection:
        ((batch, done_at),) = batches_to_mail(connection, depot.owner_id, NOON, store)
        note_mailed(connection, batch.batch_id, done_at - timedelta(seconds=1), now)
        assert len(batches_to_mail(connection, depot.owner_id, NOON, store)) == 1
        note_mailed(connection, batch.batch_id, done_at, now)
        assert batches_to_mail(connection, depot.owner_id, NOON, store) == ()


def test_whatever_mail_does_batches_are_read(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiving = receiving_in(database, tmp_path / "store")
    depot, _ = add_depot(database, mail="fleet@council.example")
    mailing = mailing_in(database, 1, receiving)
    tried = threading.Event()

    def fail(_self: Mailing) -> int:
        tried.set()
        raise KeyError("a fault of ours")

    monkeypatch.setattr(Mailing, "send_due", fail)
    reader = BatchReader(receiving, mailing)
    reader.start()
    assert tried.wait(10)
    write_drive(tmp_path / "a", NOON)
    batch = hand_in(receiving, depot, tmp_path / "a", read=False)
    reader.wake()
    until = time.monotonic() + 20
    while receiving.manifest(depot.owner_id, batch)[0].state is not BatchState.DONE:
        assert time.monotonic() < until
        time.sleep(0.05)
    reader.stop()
