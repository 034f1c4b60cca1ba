"""`roadwear bench batch`, `upload` and `cards`: what is handed in, whatever goes wrong."""

import hashlib
import os
import random
import resource
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from deploy.bench_house import House, ServerProcess, bench_house, served
from deploy.doors import progress, say
from pipeline import wiring
from pipeline.adapters.footage_store import FootageStore
from pipeline.domain.errors import OutageError, RoadwearError
from pipeline.domain.ids import BatchId, ClipSha256, UploadId
from pipeline.domain.receiving import Manifest, Outcome
from pipeline.simulator.cards import write_bad_files, write_drives
from pipeline.uplink.client import (
    LocalFile,
    Notes,
    Progress,
    Server,
    announced,
    as_said,
    hashed_files,
)

_MIB, _GIB = 1 << 20, 1 << 30
_BLOCK_BYTES = 64 * _MIB


def bench_batch(good: int, bad: int) -> dict[str, dict[str, float]]:
    """Hand in a batch of good and bad files: is each told for what it is, and none lost?"""
    with bench_house() as house:
        card = house.folder / "card"
        with progress("Writing the card (files)", good + bad) as bar:
            task = bar.task_ids[0]
            names = set(write_drives(card, good, on_clip=lambda: bar.advance(task)))
            wrong = {file.path: file for file in write_bad_files(card, bad)}
        began, before = time.perf_counter(), _peak_mib()
        manifest = handed_in(house, card)
        seconds = time.perf_counter() - began
    outcome = {file.path: file for file in manifest.files}
    accepted = sum(outcome[name].outcome is Outcome.ACCEPTED for name in names)
    right = [
        path
        for path, file in wrong.items()
        if outcome[path].outcome is Outcome.REFUSED and file.words in outcome[path].sentence
    ]
    for path in sorted(wrong.keys() - set(right)):
        say(f"{path}: {outcome[path].outcome}: {outcome[path].sentence}")
    return {
        "batch": {
            "files": len(manifest.files),
            "accepted": accepted,
            "refused with the right sentence": len(right),
            "kinds of bad files": len({file.kind for file in wrong.values()}),
            "lost": good + bad - len(manifest.files),
            "seconds": round(seconds, 1),
            "memory grew by MiB": round(_peak_mib() - before, 1),
        }
    }


def bench_upload(gib: float, cuts: int, kills: int, at_once: int) -> dict[str, dict[str, float]]:
    """Send a large file to the real server while the connection is cut and the server killed."""
    size = round(gib * _GIB)
    with bench_house() as house:
        file = _large_file(house.folder / "large.mp4", size)
        copy_s = _copied(file.location, house.folder / "copy")
        process = ServerProcess(house, free_port())
        process.start()
        try:
            with _cutter(process.port, size, cuts) as cutter:
                table = {"one file, cut and killed": _cut_and_killed(process, cutter, file, kills)}
            table["one file, cut and killed"]["sha256 right"] = float(_kept_right(house, file))
            table["alone"] = _timed(process, [file.location], copy_s, size)
            parts = _parts(file.location, at_once)
            table[f"{at_once} at once"] = _timed(process, parts, copy_s, size)
        finally:
            process.kill()
    return table


def bench_cards(cards: int) -> dict[str, dict[str, float]]:
    """Hand in cards while everything goes wrong; is "safe to wipe" ever said wrongly?"""
    counted: Counter[str] = Counter()
    with bench_house() as house, progress("Cards", cards) as bar:
        for number in range(cards):
            card = house.folder / f"card{number}"
            rng = random.Random(number)  # noqa: S311 - a simulation
            write_drives(card, rng.randint(2, 5), seed=number + 1, on_clip=lambda: None)
            if rng.random() < 0.3:  # noqa: PLR2004
                write_bad_files(card, rng.randint(1, 2))
            said, faults = _with_faults(house, card, rng)
            true = _truly_stored(house, card)
            counted.update(faults)
            counted["safe and truly so"] += said and true
            counted["WRONGLY SAFE"] += said and not true
            counted["not safe, rightly"] += not said and not true
            counted["not safe, though stored"] += not said and true
            shutil.rmtree(card)
            bar.advance(bar.task_ids[0])
    return {"cards": {"cards": cards, "WRONGLY SAFE": counted["WRONGLY SAFE"], **counted}}


def handed_in(house: House, card: Path) -> Manifest:
    """Hand in a card over a real connection, and read it."""
    receiving = house.receiving()
    with served(receiving) as address, Server(address, house.key) as server:
        files, _ = hashed_files(card, Notes(house.folder / "notes", str(card)), Progress())
        batch = str(server.ask("POST", "batches", {"source": "bench"})["batch_id"])
        wanted = announced(server, batch, files)
        for file in files:
            if file.path in wanted:
                server.send(batch, file, Progress())
        server.ask("POST", f"batches/{batch}/close", {})
        with progress("Reading (files)", len(files)) as bar:
            return receiving.read(
                house.depot.owner_id,
                BatchId(UUID(batch)),
                on_file=lambda _: bar.advance(bar.task_ids[0]),
            )


def _with_faults(house: House, card: Path, rng: random.Random) -> tuple[bool, list[str]]:
    """Hand in a card with faults drawn by chance; return whether it is called safe, and them."""
    faults = [
        name
        for name in ("disk full", "server killed", "closed early", "damaged", "file lost",
                     "card changed")
        if rng.random() < 0.25  # noqa: PLR2004
    ]  # fmt: skip
    store = _BadStore(wiring.footage_folder(house.settings), reserve_bytes=0)
    receiving = house.receiving(store)
    with served(receiving) as address, Server(address, house.key, patience_s=2.0) as server:
        files, _ = hashed_files(card, Notes(house.folder / "notes", str(card)), Progress())
        if "card changed" in faults:
            changed = rng.choice(files).location
            changed.write_bytes(changed.read_bytes() + b"\0\0\0\x09free\0")
        batch = str(server.ask("POST", "batches", {"source": "bench"})["batch_id"])
        wanted = announced(server, batch, files)
        _send_badly(store, server, batch, [f for f in files if f.path in wanted], faults, rng)
        server.ask("POST", f"batches/{batch}/close", {})
    if "server killed" in faults:
        receiving = house.receiving()
    receiving.read(house.depot.owner_id, BatchId(UUID(batch)))
    if "file lost" in faults:
        kept = [
            path
            for path in (house.folder / "footage").rglob("*")
            if path.is_file() and path.name != "store-id"
        ]
        if kept:
            rng.choice(sorted(kept, key=lambda path: path.stat().st_mtime)[-3:]).unlink()
    with served(receiving) as address, Server(address, house.key) as server:
        files, unreadable = hashed_files(card, None, Progress())
        answer = server.ask("POST", "card", as_said(files))
    return bool(answer["safe_to_wipe"]) and not unreadable, faults


def _send_badly(
    store: "_BadStore",
    server: Server,
    batch: str,
    files: list[LocalFile],
    faults: list[str],
    rng: random.Random,
) -> None:
    """Send files; what fails is left, as it would be where nobody looks."""
    stop = rng.randrange(len(files)) if files and "closed early" in faults else len(files)
    full = rng.randrange(len(files)) if files and "disk full" in faults else -1
    for number, file in enumerate(files[:stop]):
        store.full = number == full
        store.damages = "damaged" in faults and rng.random() < 0.5  # noqa: PLR2004
        try:
            server.send(batch, file, Progress())
        except RoadwearError:
            continue
    store.full = store.damages = False


class _BadStore(FootageStore):
    """A store whose disk is full at times, and which turns bits round."""

    full = False
    damages = False

    def append(self, upload: UploadId, offset: int, content: bytes) -> None:
        """Add bytes, or what a bad disk makes of them."""
        if self.full:
            raise OutageError("the disk for footage cannot be written (No space left on device)")
        if self.damages:
            content = bytes([content[0] ^ 1]) + content[1:]
        super().append(upload, offset, content)


def _truly_stored(house: House, card: Path) -> bool:
    """Return whether every file of a card is in the store with the same pictures, or never kept."""
    for path in sorted(card.iterdir()):
        if "_NR" in path.name:
            continue
        sha256 = ClipSha256(hashlib.sha256(path.read_bytes()).hexdigest())
        kept = house.receiving().store.place(house.depot.owner_id, sha256)
        if not kept.is_file() or hashlib.sha256(kept.read_bytes()).hexdigest() != sha256:
            return False
    return True


@dataclass(slots=True)
class _Cutter:
    """A proxy that counts bytes and cuts connections when so many have passed."""

    port: int
    cut_at: list[int]
    passed: int = 0
    cuts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def carry(self, source: socket.socket, target: socket.socket, *, counted: bool) -> None:
        """Carry bytes one way until the connection ends or is cut."""
        try:
            while chunk := source.recv(1 << 18):
                target.sendall(chunk)
                if counted and self._is_cut(len(chunk)):
                    break
        except OSError:
            pass
        # Closed, not only shut down: a socket that is shut down still takes in what nobody reads.
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _is_cut(self, length: int) -> bool:
        with self.lock:
            self.passed += length
            if self.cut_at and self.passed >= self.cut_at[0]:
                self.cut_at.pop(0)
                self.cuts += 1
                return True
        return False


@contextmanager
def _cutter(port: int, size: int, cuts: int) -> Iterator[_Cutter]:
    listening = socket.create_server(("127.0.0.1", 0))
    cutter = _Cutter(
        port=listening.getsockname()[1],
        cut_at=[round(size * (i + 0.6) / (cuts + 1)) for i in range(cuts)],
    )

    def accept() -> None:
        while True:
            try:
                ours, _ = listening.accept()
                theirs = socket.create_connection(("127.0.0.1", port))
            except OSError:
                if listening.fileno() < 0:
                    return
                ours.close()
                continue
            for a, b, counted in ((ours, theirs, True), (theirs, ours, False)):
                threading.Thread(
                    target=cutter.carry, args=(a, b), kwargs={"counted": counted}, daemon=True
                ).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield cutter
    finally:
        listening.close()


def _cut_and_killed(
    process: ServerProcess, cutter: _Cutter, file: LocalFile, kills: int
) -> dict[str, float]:
    """Send a file through the cutter, and kill the server on the way."""
    kill_at = [file.size_bytes * (i + 1) / (kills + 1) for i in range(kills)]
    here = [0]

    def sent(count: int) -> None:
        here[0] += count

    def killer() -> None:
        while kill_at:
            if cutter.passed >= kill_at[0]:
                kill_at.pop(0)
                process.kill()
                process.start()
            time.sleep(0.02)

    threading.Thread(target=killer, daemon=True).start()
    began = time.perf_counter()
    with Server(f"http://127.0.0.1:{cutter.port}", process.house.key) as server:
        batch = str(server.ask("POST", "batches", {"source": "bench"})["batch_id"])
        announced(server, batch, [file])
        server.send(batch, file, Progress(on_sent=sent))
    return {
        "GiB": round(file.size_bytes / _GIB, 2),
        "cuts": cutter.cuts,
        "kills": kills - len(kill_at),
        "seconds": round(time.perf_counter() - began, 1),
        "bytes sent to file size": round(cutter.passed / file.size_bytes, 4),
    }


def _kept_right(house: House, file: LocalFile) -> bool:
    place = house.receiving().store.place(house.depot.owner_id, ClipSha256(file.sha256))
    digest = hashlib.sha256()
    with place.open("rb") as kept:
        while block := kept.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest() == file.sha256


def _timed(process: ServerProcess, paths: list[Path], copy_s: float, size: int) -> dict[str, float]:
    """Send files side by side; return how fast, beside cp."""
    files = [
        LocalFile(path=p.name, location=p, size_bytes=p.stat().st_size, sha256=_sha256(p))
        for p in paths
    ]
    with Server(process.address, process.house.key) as server:
        batch = str(server.ask("POST", "batches", {"source": "bench"})["batch_id"])
        announced(server, batch, files)
        began = time.perf_counter()
        with ThreadPoolExecutor(len(files)) as pool:
            for done in [pool.submit(server.send, batch, file, Progress()) for file in files]:
                done.result()
        seconds = time.perf_counter() - began
    sent = sum(file.size_bytes for file in files)
    return {
        "GiB": round(sent / _GIB, 2),
        "seconds": round(seconds, 1),
        "MiB a second": round(sent / _MIB / seconds),
        "to cp": round((sent / seconds) / (size / copy_s), 3),
    }


def _large_file(path: Path, size: int) -> LocalFile:
    """Write a file of which no block is like another."""
    seed = bytearray(os.urandom(_BLOCK_BYTES))
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number, begins in enumerate(range(0, size, _BLOCK_BYTES)):
            seed[:8] = number.to_bytes(8)
            block = bytes(seed[: min(_BLOCK_BYTES, size - begins)])
            file.write(block)
            digest.update(block)
    return LocalFile(path=path.name, location=path, size_bytes=size, sha256=digest.hexdigest())


def _parts(path: Path, count: int) -> list[Path]:
    """Cut a file into parts, and remove it."""
    size = path.stat().st_size // count
    parts = []
    with path.open("rb") as whole:
        for number in range(count):
            part = path.with_name(f"part{number}.mp4")
            with part.open("wb") as file:
                left = size
                while left > 0:
                    block = whole.read(min(left, _BLOCK_BYTES))
                    file.write(block)
                    left -= len(block)
            parts.append(part)
    path.unlink()
    return parts


def _copied(path: Path, to: Path) -> float:
    """Return how long cp takes, with the bytes on the disk at the end."""
    began = time.perf_counter()
    subprocess.run(["/bin/cp", str(path), str(to)], check=True)  # noqa: S603 - our own paths
    with to.open("rb") as copy:
        os.fsync(copy.fileno())
    seconds = time.perf_counter() - began
    to.unlink()
    return seconds


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
