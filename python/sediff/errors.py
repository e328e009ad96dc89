"""The kinds of failure and the exit code each one ends the command with."""


class SediffError(Exception):
    """A failure a user can act on: the message says what, where we looked, and what to do next."""

    exit_code = 1


class StepFailed(SediffError):
    """A step stopped; its log and its .FAIL file tell where."""

    exit_code = 1


class BadUsage(SediffError):
    """A wrong flag or value on the command line or in an rc file."""

    exit_code = 2


class BadInput(SediffError):
    """An input is missing or cannot be read."""

    exit_code = 3


class BadData(SediffError):
    """The data were read but cannot be used; trying again will not help."""

    exit_code = 4


class Temporary(SediffError):
    """Something outside is busy or away for now (a lock, a server); try again."""

    exit_code = 75
