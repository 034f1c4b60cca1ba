"""`roadwear queue`: the queue as table, JSON, CSV or GeoJSON."""

import csv
import io
import json
import sys
from collections.abc import Mapping
from enum import StrEnum

from rich.console import Console
from rich.table import Table

from deploy.doors import say
from pipeline import wiring
from pipeline.adapters.csv_cells import harmless
from pipeline.adapters.export_geojson import queue_geojson, queue_rows
from pipeline.adapters.postgres.defects import load_evidence
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId, organisation_id
from pipeline.domain.queue import QueueEntry
from pipeline.domain.roads import RoadFacts


class QueueFormat(StrEnum):
    """How the queue is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    GEOJSON = "geojson"


Queue = tuple[tuple[QueueEntry, Defect], ...]
Roads = Mapping[DefectId, RoadFacts]


def print_queue(authority: str, output: QueueFormat) -> None:
    """Print an authority's queue, the most urgent first.

    Raises:
        OutageError: The database does not answer.
    """
    settings = wiring.Settings.from_env()
    with wiring.database(settings).acting_for(organisation_id(authority)) as connection:
        queue = load_queue(connection, organisation_id(authority))
        names = [entry.defect_id for entry, _ in queue]
        stills = load_evidence(connection, names)
        roads = load_road_facts(connection, organisation_id(authority), names)
    evidence = {name: [s["blob_key"] for s in found] for name, found in stills.items()}
    if output is QueueFormat.JSON:
        print(json.dumps(queue_rows(queue, evidence, roads), ensure_ascii=False, indent=1))
    elif output is QueueFormat.GEOJSON:
        print(queue_geojson(queue, evidence, roads, wiring.grid_now()).decode())
    elif output is QueueFormat.CSV:
        sys.stdout.write(queue_csv(queue, evidence, roads))
    else:
        print_table(queue, roads, authority)


def queue_csv(queue: Queue, evidence: dict[DefectId, list[str]], roads: Roads) -> str:
    """Return the queue as CSV; a cell that a spreadsheet would take for a formula is disarmed."""
    rows = queue_rows(queue, evidence, roads)
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def print_table(queue: Queue, roads: Roads, authority: str) -> None:
    """Print the queue for reading."""
    if not queue:
        say(f"Nothing waits in the queue of “{authority}”.")
        return
    table = Table(
        title=f"Possible defects waiting for an engineer of “{authority}”", show_lines=True
    )
    for name in ("#", "Category", "Possible defect", "Place", "Why"):
        table.add_column(name, overflow="fold")
    for place, (entry, defect) in enumerate(queue, 1):
        table.add_row(
            str(place),
            f"{entry.category}\n{entry.impact} × {entry.likelihood}",
            f"{defect.kind.words}\n{defect.width_m.value:.2f} × {defect.length_m.value:.2f} m\n"
            f"{str(entry.defect_id)[:8]}",
            f"{_street(roads, defect)}{defect.at.easting_m:.1f}\n{defect.at.northing_m:.1f}\n"
            f"± {2 * defect.error.sigma_m:.1f} m",
            " ".join(entry.reasons[1:]),
        )
    Console().print(table)


def _street(roads: Roads, defect: Defect) -> str:
    road = roads.get(defect.defect_id)
    return f"{road.street}\n" if road else ""


def _cell(value: object) -> object:
    text = " | ".join(str(part) for part in value) if isinstance(value, list) else value
    return harmless(text)
