"""The county that matching is measured in, and the streets of the identity benchmark."""

import numpy as np

from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.adapters.policy_toml import default_policy
from pipeline.domain.roads import Ways
from pipeline.geometry.network import RoadNetwork
from pipeline.simulator.bench_identity import figures_of, run_identity_bench
from pipeline.simulator.bench_roads import RoadsBench, run_roads_bench, run_scale_bench
from pipeline.simulator.county import County, CountyRules, drive_county

SMALL = CountyRules(rows=12, columns=12)


def test_a_county_has_what_is_hard_to_match() -> None:
    sections = County(SMALL, seed=1).sections
    network = RoadNetwork(sections)
    one_way = [i for i, s in enumerate(sections) if s.ways is not Ways.BOTH]
    middles = np.array(
        [
            (
                (s.line[0].easting_m + s.line[-1].easting_m) / 2,
                (s.line[0].northing_m + s.line[-1].northing_m) / 2,
            )
            for s in sections
        ]
    )
    near = network.near(middles, 13.0)

    beside = {
        int(p)
        for p, s, away in zip(near.point, near.section, np.abs(near.across_m), strict=True)
        if p != s and 10 < away < 13 and not network.meets(int(p), int(s))
    }
    assert len(beside) >= 40
    assert len(one_way) >= 20
    assert County(SMALL, seed=1).sections == sections


def test_a_drive_keeps_to_the_roads_and_its_gps_errs_as_stated() -> None:
    sections = County(SMALL, seed=2).sections
    drive = drive_county(sections, length_m=3000, seed=3)

    fixes = np.array([(f.at.easting_m, f.at.northing_m) for f in drive.track.fixes])
    seconds = np.arange(len(fixes))
    true = np.column_stack([np.interp(seconds, drive.second, drive.place[:, k]) for k in (0, 1)])

    assert np.hypot(*np.diff(drive.place, axis=0).T).max() < 5.5
    assert 0.3 < np.abs(fixes - true).mean() < 4


def test_the_benchmarks_say_what_they_measured() -> None:
    bench = RoadsBench(seeds=(1,), drives=1, length_m=3000, county=SMALL)

    table = run_roads_bench(bench)
    scale = run_scale_bench([2], county=SMALL)

    assert table["whole network"]["section right"] > 0.9
    assert table["whole network"]["calibration error"] < 0.1
    assert table["roads left out"]["places"] == table["whole network"]["places"] > 200
    assert scale["2 km"]["km matched"] > 1.5


def test_a_hole_that_grows_and_one_that_is_mended_are_told_on_one_street() -> None:
    figures = figures_of(
        run_identity_bench([22], grid=Ostn15Grid(epoch_year=2026.1), rule=default_policy()[0].queue)
    )

    assert figures["same in any order"] == 1
    assert figures["wrong merges"] == 0
    assert figures["of them said to have grown"] == 1
