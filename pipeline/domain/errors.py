"""The errors, sorted by what to do about them. Pure.

RoadwearError
├── InputError   set the item aside, count it, go on with the rest
│   └── NotThereError  there is nothing of that name, for whoever asks
├── RuleError    tell the person, in a sentence, what is not allowed and why
└── OutageError  something outside is not answering: try again later
    └── NoRoomError    the disk or the quota is full: make room first

Anything else that is raised is a bug and stays loud.
"""


class RoadwearError(Exception):
    """Base of every expected failure; the message is a sentence for a person."""


class InputError(RoadwearError):
    """What was handed in cannot be used; the message says what and what to do."""


class RuleError(RoadwearError):
    """A rule of the trade forbids the move; the message names the rule."""


class OutageError(RoadwearError):
    """A service outside (database, store, disk) failed; the same call may work later."""


class NotThereError(InputError):
    """There is nothing of that name, or it is not theirs who ask."""


class NoRoomError(OutageError):
    """There is no room for more; the same call may work when some was made."""
