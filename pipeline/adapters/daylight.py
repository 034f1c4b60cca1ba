"""How light it was, by the sun's height as Astral computes it."""

from datetime import datetime

from astral import Observer
from astral.sun import elevation

from pipeline.domain.places import LonLat
from pipeline.domain.street import Light

# The sun's edge meets the horizon here, refraction counted; civil twilight ends at -6 degrees.
_HORIZON_DEG, _CIVIL_DEG = -0.833, -6.0


def light_at(place: LonLat, at: datetime) -> Light:
    """Return how light it was at a place; street lighting and clouds are not known."""
    height_deg = elevation(
        Observer(latitude=place.lat_deg, longitude=place.lon_deg), at, with_refraction=False
    )
    if height_deg >= _HORIZON_DEG:
        return Light.DAY
    return Light.TWILIGHT if height_deg >= _CIVIL_DEG else Light.DARK
