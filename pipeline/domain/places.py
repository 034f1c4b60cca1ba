"""Where things are, and how well that is known. Pure."""

import math
from bisect import bisect_left
from dataclasses import dataclass

from pipeline.domain.checks import require, require_finite

# Radius that holds 95 % of a two-dimensional normal, in units of the larger standard deviation,
# for the ratio smaller/larger = 0.0, 0.1 … 1.0 (integrated numerically; tests/domain repeats it).
_RATIO_STEP = 0.1
_R95 = (1.9600, 1.9625, 1.9704, 1.9842, 2.0051, 2.0359, 2.0813, 2.1460, 2.2303, 2.3318, 2.4477)
# Of an error that is alike in all directions: its radius in standard deviations of one axis.
R95_PER_AXIS = _R95[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LonLat:
    """A place as GPS gives it: degrees, WGS84 (today's ITRF)."""

    lon_deg: float
    lat_deg: float

    def __post_init__(self) -> None:
        """Refuse what is not on the globe."""
        require(-180 <= self.lon_deg <= 180, f"longitude {self.lon_deg} is not within ±180°")  # noqa: PLR2004
        require(-90 <= self.lat_deg <= 90, f"latitude {self.lat_deg} is not within ±90°")  # noqa: PLR2004


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRef:
    """A place on the British National Grid (EPSG:27700 by OSTN15), metres."""

    easting_m: float
    northing_m: float

    def __post_init__(self) -> None:
        """Refuse NaN and infinity."""
        require_finite(easting_m=self.easting_m, northing_m=self.northing_m)

    def distance_m(self, other: "GridRef") -> float:
        """Return the distance on the grid plane.

        >>> GridRef(easting_m=0, northing_m=0).distance_m(GridRef(easting_m=3, northing_m=4))
        5.0
        """
        return math.hypot(other.easting_m - self.easting_m, other.northing_m - self.northing_m)

    def shifted(self, *, east_m: float, north_m: float) -> "GridRef":
        """Return the place that lies so far east and north of this one."""
        return GridRef(easting_m=self.easting_m + east_m, northing_m=self.northing_m + north_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundError:
    """The covariance of a position on the grid, square metres."""

    var_e: float
    var_n: float
    cov_en: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is not a covariance."""
        require_finite(var_e=self.var_e, var_n=self.var_n, cov_en=self.cov_en)
        require(self.var_e >= 0 and self.var_n >= 0, "variances cannot be negative")
        limit = self.var_e * self.var_n * (1 + 1e-6) + 1e-12
        require(self.cov_en**2 <= limit, "the covariance exceeds what its variances allow")

    @classmethod
    def from_sigma_m(cls, sigma_m: float) -> "GroundError":
        """Return the round error whose radius 2·sigma_m holds 95 % of truths."""
        variance = (2 * sigma_m / _R95[-1]) ** 2
        return cls(var_e=variance, var_n=variance)

    def __add__(self, other: "GroundError") -> "GroundError":
        """Return the error of a sum of two independent errors."""
        return GroundError(
            var_e=self.var_e + other.var_e,
            var_n=self.var_n + other.var_n,
            cov_en=self.cov_en + other.cov_en,
        )

    @property
    def sigma_m(self) -> float:
        """Half the radius that holds 95 % of truths (DESIGN §4): not a standard deviation.

        >>> round(GroundError.from_sigma_m(2.0).sigma_m, 6)
        2.0
        """
        mean = (self.var_e + self.var_n) / 2
        spread = math.hypot((self.var_e - self.var_n) / 2, self.cov_en)
        larger = math.sqrt(mean + spread)
        if larger == 0:
            return 0.0
        ratio = math.sqrt(max(mean - spread, 0.0)) / larger
        return larger * _radius95(ratio) / 2


def _radius95(ratio: float) -> float:
    upper = min(max(bisect_left([i * _RATIO_STEP for i in range(len(_R95))], ratio), 1), 10)
    share = ratio / _RATIO_STEP - (upper - 1)
    return _R95[upper - 1] + share * (_R95[upper] - _R95[upper - 1])
