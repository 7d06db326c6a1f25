"""Every exception a user can see: what was asked, what is wrong, what to do, in one line."""


class WgbenchError(Exception):
    """A problem that the user can mend; `str()` is one line."""

    def __init__(self, asked: str, wrong: str, remedy: str) -> None:
        # All three go to args: an error raised in a worker process arrives whole.
        super().__init__(asked, wrong, remedy)
        self.asked, self.wrong, self.remedy = asked, wrong, remedy

    def __str__(self) -> str:
        return " ".join(f"{self.asked}: {self.wrong}; {self.remedy}".split())


class UnknownName(WgbenchError):
    """No plug-in has this name."""


class BrokenPlugin(WgbenchError):
    """A plug-in cannot be imported or is not what its registry holds."""


class NameTaken(WgbenchError):
    """Two plug-ins claim one name."""


class BadOption(WgbenchError):
    """An option does not exist or its value does not fit."""


class MissingData(WgbenchError):
    """A dataset's files are not where they were looked for."""


class BadData(WgbenchError):
    """A dataset's files are there and wrong: truncated, unreadable, other counts."""


class DownloadFailed(WgbenchError):
    """No mirror delivered the expected bytes."""


class MissingWeights(WgbenchError):
    """Pretrained weights can neither be found nor fetched."""


class MissingExtra(WgbenchError):
    """Something needs packages that are optional; the remedy names the extra that brings them."""


class StoreFailed(WgbenchError):
    """A run folder cannot be read or written: full disk, a file where a folder belongs."""


class BadEntry(WgbenchError):
    """A leaderboard entry is not what it says."""


class BadPredictions(WgbenchError):
    """A file of predictions lacks a column or an example, or holds what is none."""


class BadSuite(WgbenchError):
    """A suite's file is not to be found or not what a suite is."""


class SuiteFailed(WgbenchError):
    """Some entries of a suite cannot be run."""


class SubmitFailed(WgbenchError):
    """An entry cannot be handed in: no git, no access, or a review that is under way."""


class NotComparable(WgbenchError):
    """Two entries do not measure the same thing."""


class DeviceFailed(WgbenchError):
    """The device or precision that was asked for is not to be had, or its memory does not suffice."""


class AlgorithmFailed(WgbenchError):
    """An algorithm broke its contract or cannot go on with this data."""


class LaunchFailed(WgbenchError):
    """What jobs were to be run on cannot be reached, or refuses them."""


class WorkerDied(WgbenchError):
    """A worker process was killed from outside."""
