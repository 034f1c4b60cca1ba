"""The whole line: load, think, save, written against ports only.

A drive is prepared once (its track, its clips, where they lie in time). Each piece of it is then
surveyed by itself: frames are read, judged, looked at, placed, and the few pictures worth keeping
are redacted before anything else happens to them. Gathering takes the observations of many
pieces and makes defects of them.
"""

from pipeline.line.calibrating import (
    calibrate_drive,
    calibrate_once,
    is_worth_calibrating,
    with_camera,
    with_stored_camera,
)
from pipeline.line.gathering import Gathered, conditions_of, gather_defects, rank_defects
from pipeline.line.identity import follow_word
from pipeline.line.keep import (
    gather_anew,
    gather_drive,
    place_on_roads,
    process_piece,
    refresh_queue,
)
from pipeline.line.prepare import (
    PlacedClip,
    PreparedDrive,
    pieces_of,
    prepare_drive,
    read_clip,
)
from pipeline.line.private import AllPrivateError, CutDrive, Parts, cut_drive
from pipeline.line.receive import (
    CardFile,
    CardRules,
    ReadCard,
    judge_clips,
    manifest_of,
    paths_of,
    read_card,
)
from pipeline.line.roads import RoadsFound, match_track, places_on_roads
from pipeline.line.sections import SURE, standings, whole_of
from pipeline.line.settings import LineSettings
from pipeline.line.sharing import (
    authorities_on,
    for_authority,
    pieces_in,
    share_once,
    with_stored_shares,
)
from pipeline.line.studies import look_at_pictures, study_piece
from pipeline.line.survey import Means, survey_piece

__all__ = [
    "SURE",
    "AllPrivateError",
    "CardFile",
    "CardRules",
    "CutDrive",
    "Gathered",
    "LineSettings",
    "Means",
    "Parts",
    "PlacedClip",
    "PreparedDrive",
    "ReadCard",
    "RoadsFound",
    "authorities_on",
    "calibrate_drive",
    "calibrate_once",
    "conditions_of",
    "cut_drive",
    "follow_word",
    "for_authority",
    "gather_anew",
    "gather_defects",
    "gather_drive",
    "is_worth_calibrating",
    "judge_clips",
    "look_at_pictures",
    "manifest_of",
    "match_track",
    "paths_of",
    "pieces_in",
    "pieces_of",
    "place_on_roads",
    "places_on_roads",
    "prepare_drive",
    "process_piece",
    "rank_defects",
    "read_card",
    "read_clip",
    "refresh_queue",
    "share_once",
    "standings",
    "study_piece",
    "survey_piece",
    "whole_of",
    "with_camera",
    "with_stored_camera",
    "with_stored_shares",
]
