"""`roadwear bench`: both sides in one run, as a ratio."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from deploy.doors import expected_failures, progress
from models.datasets import read_manifest
from models.loading import Runtime, load_detector
from pipeline import wiring
from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.domain.errors import InputError

if TYPE_CHECKING:
    from pipeline.simulator.bench_street import StreetBench

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command()
def street(
    seeds: Annotated[int, typer.Option(help="How many streets, seeds 0 …")] = 10,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    drives: Annotated[
        int, typer.Option(help="How often each is driven anew to see whether sigmas are true.")
    ] = 20,
    real: Annotated[
        bool, typer.Option(help="Run the real detector on rendered frames too.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Simulated streets with known truth: found, once, where, how large."""
    from pipeline.simulator.bench_street import StreetBench  # noqa: PLC0415 - only where needed

    chosen = tuple(range(first_seed, first_seed + seeds))
    runs = {
        "truth detector": StreetBench(seeds=chosen),
        "truth detector, true track": StreetBench(seeds=chosen, true_track=True),
        "truth detector, cluster street": StreetBench(seeds=chosen[:1], cluster=True),
    }
    if real:
        runs["real detector"] = StreetBench(seeds=chosen, render=True)
        runs["real detector, cluster street"] = StreetBench(
            seeds=chosen[:1], cluster=True, render=True
        )
    anew = StreetBench(seeds=chosen)
    show(_driven(runs, {"truth detector, driven anew": anew}, drives=drives), as_json=as_json)


def _driven(
    runs: Mapping[str, "StreetBench"], anew: Mapping[str, "StreetBench"], *, drives: int
) -> dict[str, dict[str, float]]:
    """Drive down streets, and drive down some anew to see whether sigmas are true."""
    from pipeline.simulator.bench_street import (  # noqa: PLC0415 - only where it is needed
        figures_of,
        run_sigma_bench,
        run_street_bench,
    )

    table: dict[str, dict[str, float]] = {}
    with expected_failures():
        settings = wiring.Settings.from_env()
        rule = wiring.policies(settings).general[0].queue
        grid = Ostn15Grid(epoch_year=2026.1)
        for name, bench in runs.items():
            detector = (
                load_detector(
                    settings.model, runtime=Runtime(settings.runtime), device=settings.device
                )
                if bench.render
                else None
            )
            with progress(name, len(bench.seeds)) as bar:
                advance = partial(bar.advance, bar.task_ids[0])
                score = run_street_bench(
                    bench, grid=grid, rule=rule, detector=detector, on_street=advance
                )
            table[name] = figures_of(score)
        for name, bench in anew.items():
            with progress(name, len(bench.seeds) * drives) as bar:
                advance = partial(bar.advance, bar.task_ids[0])
                table[name] = run_sigma_bench(
                    bench, drives=drives, grid=grid, rule=rule, on_street=advance
                )
    return table


@app.command()
def where(
    seeds: Annotated[int, typer.Option(help="How many streets, seeds 0 …")] = 20,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    drives: Annotated[int, typer.Option(help="How often each is driven, each camera hidden.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Hidden cameras and clocks on simulated streets: how well the footage tells them."""
    from pipeline.simulator.bench_where import (  # noqa: PLC0415 - only where it is needed
        WhereBench,
        figures_of_trials,
        run_where_bench,
    )

    bench = WhereBench(seeds=tuple(range(first_seed, first_seed + seeds)), drives=drives)
    with (
        expected_failures(),
        progress("Drives with a hidden camera", seeds * drives) as bar,
    ):
        trials, refused = run_where_bench(
            bench,
            grid=Ostn15Grid(epoch_year=2026.1),
            on_drive=lambda: bar.advance(bar.task_ids[0]),
        )
    show(figures_of_trials(trials, refused), as_json=as_json)


@app.command()
def place(
    seeds: Annotated[int, typer.Option(help="How many streets, seeds 40 …")] = 20,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 40,
    drives: Annotated[
        int, typer.Option(help="How often each is driven anew to see whether sigmas are true.")
    ] = 10,
    real: Annotated[
        bool, typer.Option(help="Run the real detector on rendered frames too.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """One pass with the true track, one and four with a receiver's: where, and how large."""
    from pipeline.simulator.bench_street import StreetBench  # noqa: PLC0415 - only where needed

    chosen = tuple(range(first_seed, first_seed + seeds))
    four = StreetBench(seeds=chosen, passes=4)
    runs = {
        "one pass, true track": StreetBench(seeds=chosen, passes=1, true_track=True),
        "one pass": StreetBench(seeds=chosen, passes=1),
        "four passes": four,
    }
    if real:
        runs["real detector, one pass"] = StreetBench(
            seeds=chosen, passes=1, true_track=True, render=True
        )
    table = _driven(runs, {"four passes, driven anew": four}, drives=drives)
    one, all_four = (table[name]["position_error_median_m"] for name in ("one pass", "four passes"))
    table["four passes"]["error, to one pass"] = all_four / one
    show(table, as_json=as_json)


@app.command()
def lens(
    seeds: Annotated[int, typer.Option(help="How many cameras, seeds 0 …")] = 12,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Cameras of which nothing is known, driven round a corner: focal length and distortion."""
    from pipeline.simulator.bench_lens import (  # noqa: PLC0415 - only where it is needed
        figures_of_lenses,
        run_lens_bench,
    )

    with expected_failures(), progress("Drives with a hidden lens", seeds) as bar:
        trials = run_lens_bench(
            tuple(range(first_seed, first_seed + seeds)),
            grid=Ostn15Grid(epoch_year=2026.1),
            on_drive=lambda: bar.advance(bar.task_ids[0]),
        )
    show(figures_of_lenses(trials), as_json=as_json)


@app.command()
def track(
    drives: Annotated[int, typer.Option(help="So many drives for each receiver.")] = 100,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Receivers that err: what does smoothing make of them, and is its sigma true?"""
    from pipeline.simulator.bench_track import (  # noqa: PLC0415 - only where it is needed
        RECEIVERS,
        run_track_bench,
    )

    with expected_failures(), progress("Driving freely", drives * len(RECEIVERS)) as bar:
        table = run_track_bench(
            drives=drives, seed=first_seed, on_drive=lambda: bar.advance(bar.task_ids[0])
        )
    show(table, as_json=as_json)


@app.command()
def roads(
    counties: Annotated[int, typer.Option(help="How many counties, seeds from 100 on.")] = 10,
    drives: Annotated[int, typer.Option(help="So many drives of 10 km through each.")] = 5,
    kilometres: Annotated[
        str, typer.Option(help="Instead: rate and memory at so many km each, such as 100,1000.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Roads 12 m apart, dual carriageways, bridges: is the section right, and how sure is it?"""
    from pipeline.simulator.bench_roads import (  # noqa: PLC0415 - only where it is needed
        A_COUNTY,
        RoadsBench,
        run_roads_bench,
        run_scale_bench,
    )

    with expected_failures():
        if kilometres:
            distances = _distances(kilometres)
            with progress("Driving through the county", sum(distances) / 50) as bar:
                table = run_scale_bench(
                    distances, county=A_COUNTY, on_drive=lambda: bar.advance(bar.task_ids[0])
                )
        else:
            bench = RoadsBench(seeds=tuple(range(100, 100 + counties)), drives=drives)
            with progress("Driving through counties", counties * drives) as bar:
                table = run_roads_bench(bench, on_drive=lambda: bar.advance(bar.task_ids[0]))
    show(table, as_json=as_json)


def _distances(text: str) -> list[int]:
    try:
        distances = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError("--kilometres takes whole numbers, such as 100,1000") from error
    if min(distances) < 1:
        raise InputError("--kilometres must be 1 or more")
    return distances


@app.command()
def identity(
    seeds: Annotated[int, typer.Option(help="How many streets, seeds 20 …")] = 20,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Eight passes by three vehicles, a hole that grows and one that is mended: is it told?"""
    from pipeline.simulator.bench_identity import (  # noqa: PLC0415 - only where it is needed
        figures_of,
        run_identity_bench,
    )

    with expected_failures(), progress("Driving down streets", seeds) as bar:
        streets = run_identity_bench(
            range(first_seed, first_seed + seeds),
            grid=Ostn15Grid(epoch_year=2026.1),
            rule=wiring.policies(wiring.Settings.from_env()).general[0].queue,
            on_street=lambda: bar.advance(bar.task_ids[0]),
        )
    show({"identity": figures_of(streets)}, as_json=as_json)


@app.command()
def survey(
    clip: Annotated[Path, typer.Argument(help="The clip.")],
    track: Annotated[Path, typer.Option("--track", help="Its track.")],
    rig: Annotated[Path | None, typer.Option("--rig", help="Its rig file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decoding alone, ultralytics on every frame, and this pipeline, in one go."""
    from deploy.bench_survey import bench_survey  # noqa: PLC0415

    with expected_failures():
        table = bench_survey(clip, track=track, rig=rig)
    show(table, as_json=as_json)


@app.command("footage")
def make_footage(
    out: Annotated[Path, typer.Argument(help="Folder for clip, track and rig file.")],
    minutes: Annotated[int, typer.Option(help="One rendered minute, so often repeated.")] = 2,
) -> None:
    """Render the footage of `bench survey`: H.264, 1280×720, 25 fps, 8 Mb/s, GOP 30, 30 mph."""
    from deploy.bench_footage import bench_footage  # noqa: PLC0415

    with expected_failures():
        bench_footage(out, minutes=minutes)


@app.command()
def eye(
    model: Annotated[str, typer.Option(help="A model's name, or a candidate's card.")] = "",
    seeds: Annotated[int, typer.Option(help="How many streets, seeds 0 …")] = 10,
    as_json: AsJson = False,
) -> None:
    """How small a hole is seen, how far off, and what is taken for one: simulated streets."""
    from pipeline.simulator.bench_eye import (  # noqa: PLC0415 - only where it is needed
        RANGE_EDGES_M,
        WIDTH_EDGES_M,
        EyeBench,
        run_eye_bench,
    )

    bench = EyeBench(seeds=tuple(range(seeds)))
    with expected_failures():
        settings = wiring.Settings.from_env()
        detector = load_detector(
            model or settings.model, runtime=Runtime(settings.runtime), device=settings.device
        )
        with progress("Looking along streets", 2 * seeds * len(bench.cases)) as bar:
            figures = run_eye_bench(
                bench, detector, on_street=lambda: bar.advance(bar.task_ids[0], 1)
            )
    table: dict[str, dict[str, float]] = {}
    for name, one in figures.items():
        row = {"false alarms a km of sound road": one.alarms_a_km}
        row |= {f"of them at: {what}": float(n) for what, n in sorted(one.alarms.items())}
        for what, edges, at in (("wide", WIDTH_EDGES_M, 0), ("away", RANGE_EDGES_M, 1)):
            for i in range(len(edges) - 1):
                recall = one.recall(i, None) if at == 0 else one.recall(None, i)
                if recall is not None:
                    row[f"recall, {edges[i]:g}–{edges[i + 1]:g} m {what}"] = recall
        for i in range(len(WIDTH_EDGES_M) - 1):
            for j in range(len(RANGE_EDGES_M) - 1):
                recall = one.recall(i, j)
                if as_json and recall is not None:
                    cell = f"{WIDTH_EDGES_M[i]:g}-{WIDTH_EDGES_M[i + 1]:g} m wide at "
                    row[f"recall, {cell}{RANGE_EDGES_M[j]:g}-{RANGE_EDGES_M[j + 1]:g} m"] = recall
        table[name] = row
    show(table, as_json=as_json)


@app.command()
def learning(
    dataset: Annotated[Path, typer.Option(help="The built set that the model was trained on.")],
    out: Annotated[Path, typer.Option(help="Folder for lessons, set and run.")],
    model: Annotated[str, typer.Option(help="A model's name, or a candidate's card.")] = "",
    month: Annotated[int, typer.Option(help="Streets that are decided on, seeds 600 …")] = 20,
    held_out: Annotated[int, typer.Option(help="Streets that judge, seeds 700 …")] = 15,
    epochs: Annotated[int, typer.Option(help="Passes over old pictures and lessons.")] = 1,
    as_json: AsJson = False,
) -> None:
    """A simulated month of decisions is learnt from; precision on other streets, before and after.

    It trains: on two cores some ten minutes an epoch.
    """
    from deploy.bench_learning import bench_learning  # noqa: PLC0415

    with expected_failures():
        table = bench_learning(
            model,
            read_manifest(dataset),
            out,
            month=range(600, 600 + month),
            held_out=range(700, 700 + held_out),
            epochs=epochs,
        )
    show(table, as_json=as_json)


def show(table: dict[str, dict[str, float]], *, as_json: bool) -> None:
    """Print figures as a table, or as JSON."""
    if as_json:
        print(json.dumps(table, indent=1))
        return
    names = list(dict.fromkeys(name for figures in table.values() for name in figures))
    shown = Table(show_lines=True)
    shown.add_column("figure")
    for run in table:
        shown.add_column(run, justify="right")
    for name in names:
        shown.add_row(name, *(_cell(figures.get(name)) for figures in table.values()))
    Console(width=160).print(shown)


def _cell(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.3f}"
