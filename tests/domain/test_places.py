"""The 95 % convention, checked against numerical integration."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.places import GridRef, GroundError, LonLat


@pytest.mark.parametrize("ratio", [0.03, 0.25, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("turn_deg", [0, 30, 90])
def test_two_sigma_holds_95_percent_of_truths(ratio: float, turn_deg: float) -> None:
    turn = math.radians(turn_deg)
    axes = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    covariance = axes @ np.diag([9.0, 9.0 * ratio**2]) @ axes.T
    error = GroundError(var_e=covariance[0, 0], var_n=covariance[1, 1], cov_en=covariance[0, 1])

    radius = 2 * error.sigma_m

    angle = np.linspace(0, 2 * math.pi, 40_001)[:-1]
    inverse = np.cos(angle) ** 2 / 9.0 + np.sin(angle) ** 2 / (9.0 * ratio**2)
    inside = np.mean((1 - np.exp(-(radius**2) * inverse / 2)) / inverse) / (9.0 * ratio)
    assert inside == pytest.approx(0.95, abs=0.002)


@given(st.floats(0.01, 100))
def test_a_round_error_gives_back_its_sigma(sigma_m: float) -> None:
    assert GroundError.from_sigma_m(sigma_m).sigma_m == pytest.approx(sigma_m)


def test_what_is_no_place_and_no_covariance_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="latitude"):
        LonLat(lon_deg=0, lat_deg=91)
    with pytest.raises(ValueError, match="finite"):
        GridRef(easting_m=float("nan"), northing_m=0)
    with pytest.raises(ValueError, match="covariance"):
        GroundError(var_e=1, var_n=1, cov_en=2)
