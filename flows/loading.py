"""What the flows' work needs: a drive as it stands in the ledger, and a detector."""

from functools import lru_cache

from models import Runtime, load_detector
from pipeline import wiring
from pipeline.domain.ids import DriveId, OrganisationId
from pipeline.domain.ports import Detector
from pipeline.line import PreparedDrive, with_stored_camera, with_stored_shares


def prepared_drive(
    organisation: OrganisationId, drive_id: DriveId, settings: wiring.Settings
) -> PreparedDrive:
    """Return the drive with what is stored of its camera and its roads.

    Raises:
        InputError: There is no such drive.
        OutageError: The database does not answer.
    """
    ledger = wiring.ledger(settings)
    prepared = wiring.prepare(ledger.load_drive(organisation, drive_id), settings.line())
    return with_stored_shares(with_stored_camera(prepared, ledger), ledger)


def detector_of(settings: wiring.Settings, model: str | None = None) -> Detector:
    """Return a detector, loaded once a process.

    Args:
        settings: What runs it, and on what.
        model: Another model than the one that is set.

    Raises:
        InputError: There is no such model, or its files are not its card's.
    """
    return _loaded(settings.model if model is None else model, settings.runtime, settings.device)


@lru_cache(maxsize=2)
def _loaded(model: str, runtime: str, device: str) -> Detector:
    return load_detector(model, runtime=Runtime(runtime), device=device)
