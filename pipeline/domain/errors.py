"""The errors, sorted by what to do about them. Pure.

RoadwearError
├── InputError   set the item aside, count it, go on with the rest
├── RuleError    tell the person, in a sentence, what is not allowed and why
└── OutageError  something outside is not answering: try again later

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
