"""Follow: how the camera moved between two pictures of the road. Pure.

Points of the road are followed from one picture to the next; what they have in common is the
camera's pose against the direction of travel and the distance in heights of the camera.
"""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.calibration import PairMotion
from pipeline.geometry.egomotion import (
    Expected,
    FittedMotion,
    Motion,
    Pinhole,
    fit_motion,
    homography,
)
from pipeline.geometry.ground import camera_axes

Array = NDArray[np.float64]
Grey = NDArray[np.uint8]

# What is expected of a camera of which nothing is known, and of one that was found: degrees,
# heights and radians.
_UNKNOWN = np.array([12.0, 6.0, 4.0, 1.5, 0.03, 0.03, 0.03])
_FOUND = np.array([2.0, 2.0, 2.0, 0.5, 0.01, 0.02, 0.01])
# A vehicle pitches by less, and on a bend a camera looks past the way it goes by less. It leans by
# far less, but where the focal length is wrong every turn seems to lean.
_SPRINGS_DEG = np.array([3.0, 8.0, 8.0])
_START_PITCHES_DEG = (5.0, 20.0, 35.0)
_START_SHARES = (0.4, 1.0, 2.5)
# Features that are matched by their looks, and what must hold of them.
_FEATURES, _FAINTEST, _CLEARLY_BEST, _MOVED_PX = 1500, 0.01, 0.85, 1.0
_ON_PLANE_PX, _DRAWS = 2.0, 5000
_ROAD_BEGINS = 0.45
# A camera sits no more than four times as high, or as low, as is likely.
_FACTOR = 4.0
_NEAR_PX = 0.7
# From what distance on a point begins to be doubted: before the second look, and after it.
_TOLERANCES_PX = (2.0, 0.5), (0.2,)
_CORNER_QUALITY = 0.003
_MARGIN_PX = 40
# Light and contrast are evened out over so many pixels; below so many grey levels is noise.
_LIGHT_PX = 8.0
_NOISE_GREY = 2.0
_LEAST_HEIGHTS = -0.1
# A camera is found when so many pairs agree within so many degrees of pitch and roll.
_AGREEING, _AGREE_DEG = 4, 1.5
_SURE = 0.85
# Where nothing else fits the vehicle may have begun to turn: radians a second.
_TURNING = 0.15
_TURNS_TRIED = (0.3, -0.3, 0.6, -0.6)
# Pairs that wait for the camera to be found: half a megabyte each.
_MOST_WAITING = 100
# A slower vehicle shows too little motion for the pose.
_SLOWEST_MPS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowSettings:
    """How pictures are compared.

    Attributes:
        width_px: Pictures are scaled to this width.
        points: Points of the road that are followed from one picture to the next, at most …
        fewest_points: … and at least, or the pair is left out.
        far_heights: Only road nearer than so many heights of the camera …
        side_m: … and so near to the middle is used: beyond are kerbs, hedges and parked cars.
        height_m: Of the camera, roughly, as long as nothing is known of it.
        most_pitch_deg: A camera that looks down more steeply is not what this is made for.
        most_heights: Nobody drives farther between two pictures that still show the same road.
        least_explained: Share of the points that a motion must explain, or the pair is left out.
        searches: In so many pairs a camera of which nothing is known is looked for, not more …
        search_every: … in one of so many, so that one bad second does not decide.
    """

    width_px: int = 640
    points: int = 800
    fewest_points: int = 16
    far_heights: float = 12.0
    side_m: float = 3.5
    height_m: float = 1.5
    most_pitch_deg: float = 50.0
    most_heights: float = 4.0
    least_explained: float = 0.6
    searches: int = 15
    search_every: int = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PicturePair:
    """Two pictures a moment apart.

    Attributes:
        before: H×W, grey, of the width that the settings name.
        after: The next one.
        at_s: The middle between them, seconds by the camera's clock.
        lasting_s: Time between them.
        speed_mps: By GPS, as far as the clock is known.
        turn_a_s: By GPS likewise, radians a second to the right.
    """

    before: Grey
    after: Grey
    at_s: float
    lasting_s: float
    speed_mps: float
    turn_a_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class RoadFollower:
    """Takes pairs in order of time, and keeps how the camera moved in each.

    Until the camera's pose is roughly known, every pose is tried, which is slow; from then on the
    pairs tell it more exactly.

    Attributes:
        camera: The lens, at the settings' width.
        settings: How pictures are compared.
        pairs: What was found, in order of time.
        refused: How many pairs could not be used.
    """

    camera: Pinhole
    settings: FollowSettings = field(default_factory=FollowSettings)
    pairs: list[PairMotion] = field(default_factory=list)
    refused: int = 0
    _waiting: list[PicturePair] = field(default_factory=list)
    _searched: int = 0
    _guesses: list[Motion] = field(default_factory=list)
    _heights_m: list[float] = field(default_factory=list)
    _pose: Motion | None = None
    _heights_a_s: float = 0.0
    _turn_a_s: float = 0.0

    def take(self, pair: PicturePair) -> None:
        """Follow the road through one more pair."""
        if self._pose is not None:
            self._follow(pair)
            return
        self.refused += 1
        if self._searched >= self.settings.searches:
            self._waiting.clear()
            return
        self._waiting = [*self._waiting[-_MOST_WAITING:], pair]
        if (self.refused - 1) % self.settings.search_every or pair.speed_mps < _SLOWEST_MPS:
            return
        self._searched += 1
        self._search(pair)
        if self._pose is not None:
            waiting, self._waiting = self._waiting, []
            self.refused -= len(waiting)
            for one in waiting:
                self._follow(one)

    def _search(self, pair: PicturePair) -> None:
        found = find_motion(
            pair.before,
            pair.after,
            self.camera,
            heights=pair.speed_mps * pair.lasting_s / self.settings.height_m,
            settings=self.settings,
        )
        if found is None or found.explained(_ON_PLANE_PX) < self.settings.least_explained:
            return
        self._guesses.append(found.motion)
        travelled = pair.speed_mps * pair.lasting_s
        self._heights_m.append(travelled / max(found.motion.heights, 1e-3))
        values = np.array([guess.values for guess in self._guesses])
        middle = np.median(values, axis=0)
        agree = (np.abs(values[:, [0, 2]] - middle[[0, 2]]) < _AGREE_DEG).all(axis=1)
        if agree.sum() >= _AGREEING and agree.mean() > 0.5:  # noqa: PLR2004 - the most of them
            self._pose = Motion.from_values(np.median(values[agree], axis=0))
            height_m = float(np.median(np.array(self._heights_m)[agree]))
            self.settings = replace(self.settings, height_m=float(np.clip(height_m, 0.8, 4.0)))
            self._heights_a_s = pair.speed_mps / self.settings.height_m

    def _follow(self, pair: PicturePair) -> None:
        """Try the speed of the last pair first, then that of GPS, and standing still."""
        assert self._pose is not None  # noqa: S101 - called only when it is known
        before, after = even_light(pair.before), even_light(pair.after)
        by_gps = pair.speed_mps / self.settings.height_m
        best: FittedMotion | None = None
        for rate, turn in (
            (self._heights_a_s, self._turn_a_s),
            (by_gps, pair.turn_a_s),
            (by_gps, 0.0),
            (0.0, 0.0),
            (self._heights_a_s / 2, self._turn_a_s),
            *((by_gps, turn) for turn in _TURNS_TRIED),
        ):
            if best is not None and best.explained(_NEAR_PX) > (
                self.settings.least_explained if turn in _TURNS_TRIED else _SURE
            ):
                break
            expected = self._expected(pair.lasting_s, rate, turn)
            settings = self._in_a_turn if abs(turn) > _TURNING else self.settings
            found = follow_road(before, after, self.camera, expected, settings=settings)
            if found is None or not self._is_same_camera(found.motion):
                continue
            if best is None or found.explained(_NEAR_PX) > best.explained(_NEAR_PX):
                best = found
        if best is None or best.explained(_NEAR_PX) < self.settings.least_explained:
            self.refused += 1
            return
        followed = PairMotion(at_s=pair.at_s, lasting_s=pair.lasting_s, fitted=best)
        self._heights_a_s, self._turn_a_s = followed.heights_a_s, followed.turn_a_s
        self.pairs.append(followed)

    @property
    def _in_a_turn(self) -> FollowSettings:
        """Only the near road: farther ahead, a vehicle that turns sees fronts and hedges."""
        return replace(self.settings, far_heights=self.settings.far_heights / 2)

    def _is_same_camera(self, motion: Motion) -> bool:
        """Return whether a motion is one of the camera that was found, on springs and in bends."""
        assert self._pose is not None  # noqa: S101 - called only when it is known
        off = np.abs(motion.values - self._pose.values)[:3]
        return bool((off < _SPRINGS_DEG).all())

    def _expected(self, lasting_s: float, heights_a_s: float, turn_a_s: float) -> Expected:
        """Return what is expected of a vehicle that moves and turns at such rates."""
        assert self._pose is not None  # noqa: S101 - called only when it is known
        straight = self._pose.with_heights(heights_a_s * lasting_s)
        down = -camera_axes(
            pitch_deg=straight.pitch_deg, yaw_deg=straight.yaw_deg, roll_deg=straight.roll_deg
        )[2]
        right, under, forward = (down * turn_a_s * lasting_s).tolist()
        return Expected(motion=replace(straight, turn_rad=(right, under, forward)), spread=_FOUND)


def follow_road(
    before: Grey,
    after: Grey,
    camera: Pinhole,
    expected: Expected,
    *,
    settings: FollowSettings,
) -> FittedMotion | None:
    """Return how the camera moved between two pictures, from points of the road.

    The second picture is first turned back by the expected motion, so that a point's
    surroundings look alike in both; what is left to follow is small. Then once more by what was
    found.

    Args:
        before: H×W, grey, as wide as the camera's pictures.
        after: The next one.
        camera: The camera.
        expected: The motion that is expected.
        settings: How pictures are compared.

    Returns:
        None where too few points could be followed, or the motion cannot be.
    """
    found: FittedMotion | None = None
    motion = expected.motion
    for tolerances_px in _TOLERANCES_PX:
        points = _followed(before, after, camera, motion, settings)
        if points is None:
            return None
        found = fit_motion(*points, camera, expected, first=motion, tolerances_px=tolerances_px)
        motion = found.motion
        if not _can_be(motion, settings):
            return None
    return found


def find_motion(
    before: Grey,
    after: Grey,
    camera: Pinhole,
    *,
    heights: float,
    settings: FollowSettings,
) -> FittedMotion | None:
    """Return the motion between two pictures of a camera of which nothing is known.

    Features are matched by their looks, wherever they went (Lowe's SIFT and ratio test); those
    that one homography explains lie on the road, if it fills most of the picture.

    Args:
        before: H×W, grey.
        after: The next one.
        camera: The camera.
        heights: Distance travelled, in heights, within a factor of three or so.
        settings: How pictures are compared.
    """
    matched = _matched(before, after)
    # In most pictures the road lies low, and fronts of houses would fit a plane as well; in
    # those of a camera that looks down, all is road.
    for begins in (_ROAD_BEGINS, 0.0):
        low = matched[matched[:, 1] > begins * before.shape[0]]
        found = _motion_of(low, camera, heights, settings)
        if found is not None:
            return found
    return None


def _motion_of(
    matched: NDArray[np.float32], camera: Pinhole, heights: float, settings: FollowSettings
) -> FittedMotion | None:
    """Return the motion that explains most of N×4 matched features; None if none can be."""
    if len(matched) < settings.fewest_points or heights <= 0:
        return None
    _, on_road = cv2.findHomography(
        matched[:, :2], matched[:, 2:], cv2.RANSAC, _ON_PLANE_PX, maxIters=_DRAWS
    )
    if on_road is None or on_road.sum() < settings.fewest_points:
        return None
    points = matched[np.asarray(on_road).ravel() > 0].astype(np.float64)
    before, after = points[:, :2], points[:, 2:]
    starts = [
        Motion(pitch_deg=pitch_deg, yaw_deg=0, roll_deg=0, heights=heights * share)
        for pitch_deg in _START_PITCHES_DEG
        for share in _START_SHARES
    ]
    tried = [
        fit_motion(
            before,
            after,
            camera,
            Expected(motion=start, spread=_UNKNOWN),
            first=start,
            tolerances_px=(10.0, _ON_PLANE_PX),
        )
        for start in starts
    ]
    likely = max(tried, key=lambda one: one.explained(_ON_PLANE_PX))
    near = 1 / _FACTOR < likely.motion.heights / heights < _FACTOR
    return likely if near and _can_be(likely.motion, settings) else None


def _matched(before: Grey, after: Grey) -> NDArray[np.float32]:
    """Return N×4: features in both pictures that look alike, x and y before and after."""
    sift = cv2.SIFT.create(_FEATURES, contrastThreshold=_FAINTEST)
    (here, looks), (there, others) = (sift.detectAndCompute(p, None) for p in (before, after))
    if looks is None or others is None or len(there) < 2:  # noqa: PLR2004 - the best and the next
        return np.zeros((0, 4), np.float32)
    pairs = [
        (*here[best.queryIdx].pt, *there[best.trainIdx].pt)
        for best, second in cv2.BFMatcher().knnMatch(looks, others, k=2)
        if best.distance < _CLEARLY_BEST * second.distance
    ]
    table = np.array(pairs, np.float32).reshape(-1, 4)
    # The sky, the bonnet and a dirty lens stay where they are.
    moved = np.hypot(table[:, 2] - table[:, 0], table[:, 3] - table[:, 1]) > _MOVED_PX
    return np.asarray(table[moved], np.float32)


def even_light(picture: Grey) -> Grey:
    """Return a picture of which every part has the same mean and contrast.

    On asphalt under a shadow, or beside a bright line, points are then found as well as elsewhere.
    """
    values = picture.astype(np.float32)
    off = values - cv2.GaussianBlur(values, (0, 0), _LIGHT_PX)
    spread = np.sqrt(cv2.GaussianBlur(off * off, (0, 0), _LIGHT_PX) + _NOISE_GREY**2)
    return np.asarray(np.clip(128 + 40 * off / spread, 0, 255), np.uint8)


def _followed(
    before: Grey, after: Grey, camera: Pinhole, motion: Motion, settings: FollowSettings
) -> tuple[Array, Array] | None:
    """Return points of the road in both pictures."""
    there = homography(motion, camera)
    size = camera.width_px, camera.height_px
    back = np.linalg.inv(there)
    turned = cv2.warpPerspective(after, back, size, flags=cv2.INTER_LINEAR)
    in_both = cv2.warpPerspective(np.full_like(after, 255), back, size, flags=cv2.INTER_NEAREST)
    road = cv2.erode(
        np.minimum(_road(motion, camera, settings), in_both), np.ones((15, 15), np.uint8)
    )
    corners = cv2.goodFeaturesToTrack(
        before, settings.points, _CORNER_QUALITY, 6, mask=road, blockSize=5
    )
    if corners is None or len(corners) < settings.fewest_points:
        return None
    points = np.asarray(corners, np.float32).reshape(-1, 1, 2)
    # Above the road there is nothing to follow.
    top = max(int(points[..., 1].min()) - _MARGIN_PX, 0)
    shift = np.array([0, top], np.float32)
    forth, astray = _there_and_back(
        before[top:], np.asarray(turned[top:], np.uint8), points - shift
    )
    forth += shift
    good = astray < _NEAR_PX
    if good.sum() < settings.fewest_points:
        return None
    moved = cv2.perspectiveTransform(forth[good], there).reshape(-1, 2)
    return points.reshape(-1, 2)[good].astype(np.float64), moved.astype(np.float64)


def _there_and_back(
    before: Grey, after: Grey, points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Array]:
    """Follow points; and back, which says how far astray each went, in pixels."""
    window, levels = (21, 21), 3
    nowhere = np.zeros_like(points)
    forth, seen, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, nowhere, winSize=window, maxLevel=levels
    )
    again, seen_again, _ = cv2.calcOpticalFlowPyrLK(
        after, before, forth, nowhere.copy(), winSize=window, maxLevel=levels
    )
    astray = np.linalg.norm((again - points).reshape(-1, 2), axis=1)
    lost = (np.asarray(seen).ravel() == 0) | (np.asarray(seen_again).ravel() == 0)
    return np.asarray(forth, np.float32), np.where(lost, np.inf, astray)


def _road(motion: Motion, camera: Pinhole, settings: FollowSettings) -> Grey:
    """Return H×W: 255 where the picture shows road that is near enough."""
    coarse = 4
    rows, columns = np.mgrid[0 : camera.height_px : coarse, 0 : camera.width_px : coarse]
    pixels = np.column_stack((columns.ravel(), rows.ravel())).astype(np.float64)
    axes = camera_axes(pitch_deg=motion.pitch_deg, yaw_deg=motion.yaw_deg, roll_deg=motion.roll_deg)
    directions = camera.rays(pixels) @ axes.T
    down = np.maximum(-directions[:, 2], 1e-6)
    near = (directions[:, 1] < settings.far_heights * down) & (
        np.abs(directions[:, 0]) < settings.side_m / settings.height_m * down
    )
    mask = near.reshape(rows.shape).astype(np.uint8) * 255
    size = camera.width_px, camera.height_px
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def _can_be(motion: Motion, settings: FollowSettings) -> bool:
    return (
        -10 < motion.pitch_deg < settings.most_pitch_deg  # noqa: PLR2004 - nearly level
        and abs(motion.yaw_deg) < 30  # noqa: PLR2004 - a forward camera
        and abs(motion.roll_deg) < 20  # noqa: PLR2004
        and _LEAST_HEIGHTS < motion.heights < settings.most_heights
    )
