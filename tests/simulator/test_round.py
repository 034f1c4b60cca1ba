"""On a bin lorry's round nothing changes sides."""

from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.simulator.bench_round import RoundBench, run_round_bench


def test_stops_and_reversing_turn_nothing_round() -> None:
    found = run_round_bench(RoundBench(seeds=(400,)), grid=Ostn15Grid(epoch_year=2026.1))

    assert found["stops"] == 20 and found["reversals"] == 1
    assert found["of a hole"] > 60
    assert found["on the wrong side"] == found["heading turned round"] == 0
    assert found["looks while reversing"] == 0
