"""A street of known shape with known things lying on it: the truth that the simulator renders.

Positions are given in road coordinates, ``s_m`` metres along the centreline and ``d_m`` metres to
the right of it. The centreline is a chain of circular arcs, so both directions of the mapping
between the road and the ground plane are closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, degrees, radians, sin
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

CrackKind: TypeAlias = Literal["longitudinal", "transverse", "alligator"]
ShadowKind: TypeAlias = Literal["tree", "pole", "building"]

NEAR_ARCS_M = 120.0
_STRAIGHT_PER_M = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something that lies on the road, with an upright rectangle around it in road coordinates.

    Attributes:
        s_m: Chainage of the centre along the centreline, metres.
        d_m: Offset of the centre to the right of the centreline, metres.
        width_m: Extent across the direction of travel, metres.
        length_m: Extent along the direction of travel, metres.

    """

    s_m: float
    d_m: float
    width_m: float
    length_m: float

    def __post_init__(self) -> None:
        """Refuse an extent that is not positive."""
        if not (self.width_m > 0 and self.length_m > 0):
            raise ValueError(f"extent must be positive: {self.width_m} x {self.length_m} m")

    def gap_to_m(self, other: Feature) -> float:
        """Free distance between the two rectangles, metres; negative where they overlap."""
        along = abs(self.s_m - other.s_m) - (self.length_m + other.length_m) / 2
        across = abs(self.d_m - other.d_m) - (self.width_m + other.width_m) / 2
        return max(along, across)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole(Feature):
    """A pothole whose rim is an ellipse, ragged by a few per cent.

    Attributes:
        depth_m: Depth of the floor below the road, metres.
        shape_seed: Seed of the rim, the floor and the rubble.

    """

    depth_m: float
    shape_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manhole(Feature):
    """An iron cover, flush with the road: a disc, or a rectangle where ``square``."""

    square: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch(Feature):
    """A rectangular reinstatement with sealed seams.

    Attributes:
        tone: Its brightness over that of the road around it.

    """

    tone: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow(Feature):
    """A shadow cast on the road by something beside it."""

    kind: ShadowKind = "tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crack(Feature):
    """A crack, or a field of them for ``alligator``."""

    kind: CrackKind = "longitudinal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """A piece of the centreline.

    Attributes:
        length_m: Length along the centreline, metres.
        curvature_per_m: One over the radius; positive bends to the right, 0 is straight.

    """

    length_m: float
    curvature_per_m: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """Where an arc begins: chainage, ground position and heading in radians."""

    s_m: float
    easting_m: float
    northing_m: float
    heading_rad: float
    arc: Arc

    def forward(self, along_m: float) -> tuple[float, float, float]:
        """Centreline position and heading in radians at ``along_m`` from the start."""
        h, k = self.heading_rad, self.arc.curvature_per_m
        if abs(k) < _STRAIGHT_PER_M:
            return self.easting_m + along_m * sin(h), self.northing_m + along_m * cos(h), h
        end = h + k * along_m
        return (
            self.easting_m + (cos(h) - cos(end)) / k,
            self.northing_m + (sin(end) - sin(h)) / k,
            end,
        )

    def inverse(self, east: Floats, north: Floats) -> tuple[Floats, Floats]:
        """Road coordinates of ground offsets from the start of this arc, extended both ways."""
        h, k = self.heading_rad, self.arc.curvature_per_m
        right = east * cos(h) - north * sin(h)
        ahead = east * sin(h) + north * cos(h)
        if abs(k) < _STRAIGHT_PER_M:
            return self.s_m + ahead, right
        turn_cos, turn_sin = 1 - k * right, k * ahead
        rho = np.sqrt(turn_cos * turn_cos + turn_sin * turn_sin)
        across = (2 * right - k * (right * right + ahead * ahead)) / (1 + rho)
        return self.s_m + np.arctan2(turn_sin, turn_cos) / k, across


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """A two-lane street: its centreline, its width and what lies on it.

    Traffic keeps left: a vehicle that drives towards increasing ``s_m`` is at ``-width_m / 4``.

    Attributes:
        easting_m: Grid easting of the start of the centreline, metres.
        northing_m: Grid northing of the start of the centreline, metres.
        heading_deg: Direction at the start, degrees clockwise from grid north.
        arcs: The centreline, in order.
        width_m: Carriageway between the kerbs, metres.
        holes: Potholes.
        manholes: Iron covers.
        patches: Reinstatements.
        shadows: Shadows.
        cracks: Cracks.
        seed: Seed of everything painted on the street that is not a feature.

    """

    easting_m: float
    northing_m: float
    heading_deg: float
    arcs: tuple[Arc, ...]
    width_m: float = 7.3
    holes: tuple[Hole, ...] = ()
    manholes: tuple[Manhole, ...] = ()
    patches: tuple[Patch, ...] = ()
    shadows: tuple[Shadow, ...] = ()
    cracks: tuple[Crack, ...] = ()
    seed: int = 0
    _starts: tuple[_Start, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a street without length, and find where its arcs begin."""
        if not self.arcs or any(arc.length_m <= 0 for arc in self.arcs):
            raise ValueError("a street needs arcs of positive length")
        object.__setattr__(self, "_starts", tuple(self._walk()))

    @property
    def length_m(self) -> float:
        """Length of the centreline, metres."""
        return sum(arc.length_m for arc in self.arcs)

    def _walk(self) -> Iterator[_Start]:
        s_m, e, n, h = 0.0, self.easting_m, self.northing_m, radians(self.heading_deg)
        for arc in self.arcs:
            start = _Start(s_m=s_m, easting_m=e, northing_m=n, heading_rad=h, arc=arc)
            yield start
            e, n, h = start.forward(arc.length_m)
            s_m += arc.length_m

    def to_world(self, s_m: float, d_m: float) -> tuple[float, float, float]:
        """Ground position of a road position.

        Beyond either end the street goes on along its first or last arc.

        Args:
            s_m: Chainage along the centreline, metres.
            d_m: Offset to the right, metres.

        Returns:
            Easting in metres, northing in metres, and the heading of the road there in degrees
            clockwise from grid north, 0 to 360.

        """
        start = self._starts[0]
        for later in self._starts[1:]:
            if later.s_m > s_m:
                break
            start = later
        e, n, h = start.forward(s_m - start.s_m)
        return e + d_m * cos(h), n - d_m * sin(h), degrees(h) % 360.0

    def to_road(self, e: Floats, n: Floats, near_s_m: float) -> tuple[Floats, Floats]:
        """Road coordinates of ground positions; the exact inverse of :meth:`to_world`.

        Args:
            e: Eastings, metres. In float32 a grid easting is only good to 3 cm; see
                :meth:`offsets_to_road`.
            n: Northings, metres, of the same shape.
            near_s_m: A chainage near the points, metres; arcs within about 120 m count.

        Returns:
            Chainages and offsets to the right, metres, in the shape of the input.

        """
        return self.offsets_to_road(e, n, from_e_m=0.0, from_n_m=0.0, near_s_m=near_s_m)

    def offsets_to_road(
        self, east: Floats, north: Floats, *, from_e_m: float, from_n_m: float, near_s_m: float
    ) -> tuple[Floats, Floats]:
        """Road coordinates of ground positions given relative to a nearby point.

        Small offsets keep their precision in float32, which is twice as fast.

        Args:
            east: Metres east of ``from_e_m``.
            north: Metres north of ``from_n_m``, of the same shape.
            from_e_m: Grid easting of the reference point, metres.
            from_n_m: Grid northing of the reference point, metres.
            near_s_m: A chainage near the points, metres.

        Returns:
            Chainages and offsets to the right, metres, in the shape of the input.

        """
        starts = self._near(near_s_m)
        dtype = np.result_type(east.dtype, np.float32)
        flat_e, flat_n = east.ravel(), north.ravel()
        s = np.empty(flat_e.shape, dtype)
        d = np.empty(flat_e.shape, dtype)
        todo: NDArray[np.intp] | slice = slice(None)
        for index, start in enumerate(starts):
            shift_e = dtype.type(from_e_m - start.easting_m)
            shift_n = dtype.type(from_n_m - start.northing_m)
            s_here, d_here = start.inverse(flat_e[todo] + shift_e, flat_n[todo] + shift_n)
            s[todo], d[todo] = s_here, d_here
            if index + 1 == len(starts):
                break
            beyond = np.flatnonzero(s_here > start.s_m + start.arc.length_m)
            if not beyond.size:
                break
            todo = beyond if isinstance(todo, slice) else todo[beyond]
        return s.reshape(east.shape), d.reshape(east.shape)

    def _near(self, near_s_m: float) -> tuple[_Start, ...]:
        """Find the arcs that have a part within 120 m of a chainage, never none."""
        ends = (self._starts[0].s_m, self._starts[-1].s_m + self._starts[-1].arc.length_m)
        near = min(max(near_s_m, ends[0]), ends[1])
        return tuple(
            start
            for start in self._starts
            if start.s_m <= near + NEAR_ARCS_M
            and start.s_m + start.arc.length_m >= near - NEAR_ARCS_M
        )
