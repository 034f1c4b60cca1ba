"""What a person measures on site, and how sure that is. Pure."""

from enum import StrEnum

from pipeline.domain.observations import Measurement


class DepthHow(StrEnum):
    """By what means a depth was found."""

    RULER = "ruler"
    WEDGE = "wedge"
    EYE = "eye"

    @property
    def words(self) -> str:
        """As a page writes it."""
        return {
            DepthHow.RULER: "Ruler below a straight edge",
            DepthHow.WEDGE: "Measuring wedge",
            DepthHow.EYE: "Judged by eye",
        }[self]

    @property
    def sigma_mm(self) -> float:
        """How sure it is taken to be: our own assumption, the same for everybody.

        A ruler is read to some millimetres on broken stone; a judgement by eye is often out by a
        third of 40 mm.
        """
        return {DepthHow.RULER: 3.0, DepthHow.WEDGE: 2.0, DepthHow.EYE: 12.0}[self]


DEEPEST_MM = 1000.0


def depth_of(value_mm: float, how: DepthHow) -> Measurement:
    """Return a depth as measured, in millimetres.

    Raises:
        ValueError: It is no depth of a road defect.
    """
    if not 0 <= value_mm <= DEEPEST_MM:
        raise ValueError(f"a depth is from 0 to {DEEPEST_MM:.0f} mm")
    return Measurement(value=value_mm, sigma=how.sigma_mm, how=how.words.lower())
