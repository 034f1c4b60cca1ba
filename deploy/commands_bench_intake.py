"""`roadwear bench batch`, `upload`, `cards`, `gate` and `round`: what comes in, and is it good."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.commands_bench import AsJson, show
from deploy.doors import expected_failures, progress, say
from pipeline.adapters.grid_ostn15 import Ostn15Grid

# Photographs of these sources look along the road: only they can be seen to be upside down.
_AHEAD = ("dnit", "roadscenes")


def batch(
    good: Annotated[int, typer.Option(help="Files that can be used.")] = 170,
    bad: Annotated[int, typer.Option(help="Files that cannot, of 15 kinds in turn.")] = 30,
    as_json: AsJson = False,
) -> None:
    """A batch of files, some bad: each told for what it is, none lost."""
    from deploy.bench_intake import bench_batch  # noqa: PLC0415 - only where it is needed

    with expected_failures():
        show(bench_batch(good, bad), as_json=as_json)


def upload(
    gib: Annotated[float, typer.Option(help="Size of the file.")] = 5.0,
    cuts: Annotated[int, typer.Option(help="How often the connection is cut.")] = 20,
    kills: Annotated[int, typer.Option(help="How often the server is killed.")] = 2,
    at_once: Annotated[int, typer.Option(help="Files sent side by side afterwards.")] = 8,
    as_json: AsJson = False,
) -> None:
    """A large file to the real server, cut and killed on the way; and how fast, beside cp."""
    from deploy.bench_intake import bench_upload  # noqa: PLC0415

    with expected_failures():
        show(bench_upload(gib, cuts, kills, at_once), as_json=as_json)


def cards(
    number: Annotated[int, typer.Option(help="How many cards.")] = 50, as_json: AsJson = False
) -> None:
    """Cards handed in while everything goes wrong: is "safe to wipe" ever said wrongly?"""
    from deploy.bench_intake import bench_cards  # noqa: PLC0415

    with expected_failures():
        show(bench_cards(number), as_json=as_json)


def gate(
    photographs: Annotated[Path, typer.Option(help="Folder of photographs.")],
    every: Annotated[int, typer.Option(min=1, help="Take one photograph in so many.")] = 1,
    minutes: Annotated[int, typer.Option(help="Minutes of a simulated drive too; 0 for none.")] = 6,
    as_json: AsJson = False,
) -> None:
    """The quality gate on photographs and a drive, as they are and spoilt in every way."""
    from models.quality import read_pictures  # noqa: PLC0415
    from pipeline.adapters.quality_file import quality_model  # noqa: PLC0415
    from pipeline.simulator.bench_gate import (  # noqa: PLC0415
        drive_bench,
        photographs_bench,
        simulated_frames,
    )

    with expected_failures():
        named = list(read_pictures(photographs))[::every]
        pictures = [(picture, name.startswith(_AHEAD)) for name, picture in named]
        with progress("Photographs", len(pictures)) as bar:
            table = photographs_bench(
                pictures, quality_model(), seed=7, on_picture=lambda: bar.advance(bar.task_ids[0])
            )
        if minutes:
            with progress("Rendering the drive (frames)", minutes * 12) as bar:
                frames = simulated_frames(minutes, lambda: bar.advance(bar.task_ids[0]))
            drive = drive_bench(frames, quality_model(), seed=7)
            table |= {f"drive: {name}": row for name, row in drive.items()}
    show(table, as_json=as_json)


def bin_round(
    streets: Annotated[int, typer.Option(help="How many; 20 stops and a reversal in each.")] = 20,
    as_json: AsJson = False,
) -> None:
    """A bin lorry's round, high camera, stops and reversals: does anything change sides?"""
    from pipeline.simulator.bench_round import RoundBench, run_round_bench  # noqa: PLC0415

    bench = RoundBench(seeds=tuple(range(400, 400 + streets)))
    with expected_failures(), progress("Streets", streets) as bar:
        found = run_round_bench(
            bench,
            grid=Ostn15Grid(epoch_year=2026.1),
            on_street=lambda: bar.advance(bar.task_ids[0]),
        )
    show({"round": found}, as_json=as_json)


def faults(
    clips: Annotated[int, typer.Option(help="How many drives are handed in.")] = 40,
    kills: Annotated[int, typer.Option(help="How often a worker is killed in a piece.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Two Prefect workers while they are killed, the server restarted, the database stopped."""
    from deploy.bench_faults import bench_faults  # noqa: PLC0415 - Prefect takes seconds to load

    with expected_failures():
        table = bench_faults(clips, kills)
    show(table, as_json=as_json)


def workers(
    drives: Annotated[int, typer.Option(min=2, max=4, help="How many; each is a flow run.")] = 4,
    minutes: Annotated[float, typer.Option(min=0.5, help="Of footage in each.")] = 6.0,
    as_json: AsJson = False,
) -> None:
    """Two Prefect workers against one, and one against none, each on a core of its own."""
    from deploy.bench_workers import bench_workers  # noqa: PLC0415 - Prefect takes seconds to load

    with expected_failures():
        table = bench_workers(drives, minutes)
    show(table, as_json=as_json)


def catalogue(
    pictures: Annotated[
        int, typer.Option(min=500, help="How many are looked at again, three times.")
    ] = 20_000,
    flows_only: Annotated[
        bool, typer.Option(help="Leave the command out, and compare one process with two.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Kept pictures looked at again: by the command, by a flow in one process, and in two."""
    from deploy.bench_catalogue import bench_catalogue  # noqa: PLC0415 - Prefect takes seconds

    with expected_failures():
        table = bench_catalogue(pictures, flows_only=flows_only)
    show(table, as_json=as_json)


def county(
    road_km: Annotated[float, typer.Option(min=50, help="Of its network.")] = 5500.0,
    vehicles: Annotated[int, typer.Option(min=1, help="With a camera, six hours a day.")] = 20,
    days: Annotated[int, typer.Option(min=1, help="Of work; 250 are a year.")] = 250,
    as_json: AsJson = False,
) -> None:
    """A year of one county in the database: how large, and how long its questions take."""
    from deploy.bench_county import County, bench_county  # noqa: PLC0415 - only where needed

    with expected_failures():
        table = bench_county(County(road_km=road_km, vehicles=vehicles, days=days), say)
    show(table, as_json=as_json)


def councils(
    count: Annotated[int, typer.Option("--councils", min=10, help="In one database.")] = 150,
    as_json: AsJson = False,
) -> None:
    """Many councils in one database: how long the clock's questions take as they grow."""
    from deploy.bench_councils import bench_councils  # noqa: PLC0415 - only where needed

    with expected_failures():
        table = bench_councils(count, say)
    show(table, as_json=as_json)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (batch, upload, cards, gate, faults, workers, catalogue, county, councils):
        app.command()(command)
    app.command("round")(bin_round)
