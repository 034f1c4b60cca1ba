"""Renders the fixed footage of `bench survey`."""

import subprocess
from pathlib import Path

from deploy.demo import rig_toml
from deploy.doors import progress, say
from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.domain.errors import OutageError
from pipeline.simulator.drive import STARTED_AT, Gps, Pass, PassRules, gpx_of, simulated_rig
from pipeline.simulator.footage import street_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.surface import paint_surface

_MPH_30_MPS = 13.41
_FPS, _GOP = 25, 30


def bench_footage(out: Path, *, minutes: int) -> None:
    """Write clip.mp4 (H.264, 1280×720, 25 fps, 8 Mb/s, GOP 30), track.gpx and rig.toml.

    One minute is rendered and encoded, and so often repeated; the track goes on along the street's
    last arc.

    Raises:
        OutageError: ffmpeg is not installed, or fails.
    """
    out.mkdir(parents=True, exist_ok=True)
    rig = simulated_rig()
    street = make_street(3, length_m=_MPH_30_MPS * 60 + 20, holes=40, manholes=15, patches=15)
    rules = PassRules(speed_mps=_MPH_30_MPS, gps=Gps(sigma_m=2.0))
    driven = Pass(street, rules, seed=3)
    minute = out / "minute.mp4"
    if not minute.exists():
        painter = street_painter(paint_surface(street), rig)
        command = [
            "ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "bgr24",
            "-s", f"{rig.width_px}x{rig.height_px}", "-r", str(_FPS), "-i", "-",
            "-c:v", "libx264", "-preset", "fast", "-b:v", "8M", "-minrate", "8M", "-maxrate", "8M",
            "-bufsize", "8M", "-g", str(_GOP), "-bf", "0", "-pix_fmt", "yuv420p", "-nal-hrd", "cbr",
            str(out / "part.mp4"),
        ]  # fmt: skip
        with (
            _started(command) as encoder,
            progress("Rendering one minute (frames)", 60 * _FPS) as bar,
        ):
            if encoder.stdin is None:
                raise OutageError("ffmpeg takes no input")
            for number in range(60 * _FPS):
                encoder.stdin.write(painter(driven, number / _FPS).tobytes())
                bar.advance(bar.task_ids[0])
            encoder.stdin.close()
            encoder.wait()
        (out / "part.mp4").replace(minute)
    _repeat(minute, out / "clip.mp4", minutes)
    long = make_street(3, length_m=_MPH_30_MPS * 60 * minutes + 40, holes=1, manholes=0)
    track = Pass(long, rules, seed=3)
    (out / "track.gpx").write_bytes(gpx_of(track.fixes(Ostn15Grid(epoch_year=2026.1))))
    (out / "rig.toml").write_text(rig_toml(rig), "utf-8")
    say(f"Written to {out}: clip.mp4 ({minutes} min), track.gpx, rig.toml")


def _started(command: list[str]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own arguments
    except FileNotFoundError as error:
        raise OutageError("ffmpeg is not installed; run: apt-get install ffmpeg") from error


def _repeat(minute: Path, clip: Path, minutes: int) -> None:
    began = STARTED_AT.isoformat().replace("+00:00", "Z")
    with _started(
        [
            "ffmpeg",
            "-y",
            "-v",
            "error",
            "-stream_loop",
            str(minutes - 1),
            "-i",
            str(minute),
            "-c",
            "copy",
            "-metadata",
            f"creation_time={began}",
            "-movflags",
            "+faststart",
            str(clip),
        ]
    ) as copier:
        if copier.wait():
            raise OutageError("ffmpeg could not repeat the rendered minute")
