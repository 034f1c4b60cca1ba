"""Files are read in a process of its own: a hostile one ends it and not us."""

import time
from pathlib import Path

import pytest

from pipeline.adapters.prober import SandboxedProber
from pipeline.adapters.sandbox import Sandbox
from pipeline.domain.errors import InputError
from pipeline.domain.ids import ClipSha256
from pipeline.simulator.cards import write_absurd, write_sound
from pipeline.simulator.recorders import box, gpmf
from tests.adapters.harm import complain, never_end, sleep_long, take_memory, write_file
from tests.footage import write_plain

SHA = ClipSha256("a" * 64)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(memory_bytes=256 << 20, cpu_s=2, wall_s=3.0)


def test_what_a_function_returns_or_says_comes_back(sandbox: Sandbox) -> None:
    assert sandbox.call(sorted, [3, 1]) == [1, 3]
    with pytest.raises(InputError, match="this is the reason"):
        sandbox.call(complain)


@pytest.mark.parametrize("harm", [take_memory, never_end, sleep_long])
def test_memory_and_time_have_limits(sandbox: Sandbox, harm: object) -> None:
    began = time.monotonic()

    with pytest.raises(InputError, match="limits of memory and time"):
        sandbox.call(harm)  # type: ignore[arg-type]
    lasted_s = time.monotonic() - began
    assert lasted_s < 10
    if harm is not take_memory:
        assert lasted_s > 0.9


def test_nothing_can_be_written(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        sandbox.call(write_file, str(tmp_path / "a"))
    assert not (tmp_path / "a").exists() or (tmp_path / "a").stat().st_size == 0


def test_every_file_is_told_for_what_it_is(tmp_path: Path) -> None:
    whole = write_plain(tmp_path / "whole.mp4").read_bytes()
    moov_last = write_plain(tmp_path / "last.mp4", faststart=False).read_bytes()
    files = {
        "empty.mp4": (b"", "the file is empty"),
        "zip.mp4": (b"PK\x03\x04" + bytes(100), "archive (ZIP)"),
        "photo.mp4": (b"\xff\xd8\xff\xe0" + bytes(100), "photograph"),
        "program.mp4": (b"\x7fELF" + bytes(100), "program"),
        "noise.mp4": (bytes(range(7, 250)) * 40, "not footage that can be read"),
        "list.mp4": (b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", "playlist"),
        "concat.mp4": (b"ffconcat version 1.0\nfile whole.mp4\n", "playlist"),
        "cut.mp4": (moov_last[: len(moov_last) // 2], "cut off before the camera wrote its index"),
        "bare.mp4": (box(b"ftyp", b"mp42" + bytes(12)), "not footage"),
        "nofix.bin": (gpmf([("260210120000.000", [(51.5, -0.1)])], fix=0), "no usable GPS"),
    }
    prober = SandboxedProber()

    for name, (content, words) in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert words in str(prober.probe(str(path), name, SHA).refusal), name
    sound = write_sound(tmp_path / "sound.mp4")
    assert "no pictures" in str(prober.probe(str(sound), "sound.mp4", SHA).refusal)
    early = tmp_path / "early.mp4"
    early.write_bytes(whole[: len(whole) * 2 // 3])
    found = prober.probe(str(early), "early.mp4", SHA)
    assert found.clip is not None
    assert "ends early" in str(found.remark)


def test_a_picture_of_absurd_size_is_refused(tmp_path: Path) -> None:
    found = SandboxedProber().probe(str(write_absurd(tmp_path / "a.mov")), "a.mov", SHA)

    assert found.clip is None
    assert "no picture in it can be decoded" in str(found.refusal)
