"""`roadwear bench survey`: decoding alone, ultralytics on every frame, and this pipeline."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from deploy.doors import say
from pipeline.domain.errors import InputError, OutageError

_KIB_A_MIB = 1024


def bench_survey(clip: Path, *, track: Path, rig: Path | None) -> dict[str, dict[str, float]]:
    """Run all three on the same clip, one after another, each in a process of its own.

    Returns:
        Seconds, frames and peak memory of each, and the ratios.

    Raises:
        InputError: The pipeline refuses the clip, or ultralytics is not installed.
        OutageError: ffmpeg is not installed.
    """
    decoding = _decode(clip)
    say(f"decoding alone: {decoding:.2f} s")
    ours, frames = _pipeline(clip, track, rig)
    say(f"this pipeline: {ours['seconds']:.2f} s")
    every = _every_frame(clip)
    say(f"ultralytics on every frame: {every['seconds']:.2f} s")
    return {
        "decoding alone (ffmpeg -f null)": {"seconds": decoding},
        "ultralytics on every frame": every,
        "this pipeline": ours
        | frames
        | {
            "times decoding alone": ours["seconds"] / decoding,
            "times faster than every frame": every["seconds"] / ours["seconds"],
        },
    }


def _decode(clip: Path) -> float:
    began = perf_counter()
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-map", "0:v", "-f", "null", "-"]
    try:
        subprocess.run(command, check=True)  # noqa: S603 - our own arguments
    except FileNotFoundError as error:
        raise OutageError("ffmpeg is not installed; run: apt-get install ffmpeg") from error
    except subprocess.CalledProcessError as error:
        raise InputError(f"{clip.name}: ffmpeg cannot decode it") from error
    return perf_counter() - began


def _pipeline(
    clip: Path, track: Path, rig: Path | None
) -> tuple[dict[str, float], dict[str, float]]:
    out = clip.parent / "bench-out"
    arguments = [str(clip), "--track", str(track), "--out", str(out)]
    if rig is not None:
        arguments += ["--rig", str(rig)]
    measured = _measured([sys.executable, "-m", "deploy", "survey", *arguments])
    report = json.loads((out / "report.json").read_text("utf-8"))
    return measured, {
        "frames looked": report["frames_looked"],
        "frames decoded": report["frames_decoded"],
        **{f"stage {name} (s)": value for name, value in report["stage_s"].items()},
    }


def _every_frame(clip: Path) -> dict[str, float]:
    program = (
        "import sys\n"
        "from models.card import load_card\n"
        "from models.ultralytics_.vendor import load_yolo\n"
        "card = load_card()\n"
        "yolo = load_yolo(card.torch_weights, 'cpu')\n"
        "looks = yolo.predict(sys.argv[1], stream=True, imgsz=640, conf=0.25, verbose=False)\n"
        "sys.exit(0 if sum(1 for _ in looks) else 1)\n"
    )
    return _measured([sys.executable, "-c", program, str(clip)])


def _measured(command: list[str]) -> dict[str, float]:
    """Run a command; return its seconds and its own peak memory."""
    began = perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)  # noqa: S603 - our own
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = perf_counter() - began
        if process.returncode:
            said.seek(0)
            raise InputError((said.read().strip().splitlines() or ["the run failed"])[-1])
    return {"seconds": seconds, "peak memory (MiB)": usage.ru_maxrss / _KIB_A_MIB}
