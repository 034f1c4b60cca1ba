"""Looks through a clip for its quality: a frame every few seconds, key frames where they will do.

Meant to be called in a sandbox: the file may be anything.
"""

from pathlib import Path

from pipeline.adapters.quality_file import quality_model
from pipeline.adapters.video_pyav import PyAvFootage
from pipeline.domain.footage import WantedFrame
from pipeline.domain.ids import ClipSha256
from pipeline.domain.quality import FrameQuality, SeenFrame
from pipeline.geometry.quality import judge_frame, measures_of, standing_view


def look_through(location: str, sha256: str, every_s: float) -> tuple[SeenFrame, ...]:
    """Return what frames of a clip are worth, in order.

    Args:
        location: Where the clip lies.
        sha256: Of its bytes as they were received.
        every_s: A frame so often.

    Raises:
        InputError: The clip cannot be read.
    """
    model = quality_model()
    seen = []
    with PyAvFootage(ClipSha256(sha256)).open(str(Path(location))) as reader:
        clip = reader.clip
        count = max(1, int(clip.duration_s // every_s) + 1)
        wanted = [
            WantedFrame(
                pts=clip.pts_at(number * every_s), latest_pts=clip.pts_at((number + 0.5) * every_s)
            )
            for number in range(count)
        ]
        for frame in reader.frames(wanted):
            quality = FrameQuality(
                seconds=clip.seconds_at(frame.ref.pts),
                reason=judge_frame(measures_of(frame.pixels), model),
            )
            seen.append(SeenFrame(quality=quality, view=standing_view(frame.pixels)))
    return tuple(seen)
