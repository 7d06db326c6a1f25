"""Every exception a user can see: what was asked, what is wrong, what to do, in one line."""

LONGEST = 2000  # characters of each part of a message: what somebody else wrote may be quoted in it


def plain(text: str) -> str:
    """Text in one line that a terminal shows and does not obey: what cannot be printed is written as an escape."""
    if not text.isascii() or not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


class WgbenchError(Exception):
    """A problem that the user can mend; `str()` is one line."""

    def __init__(self, asked: str, wrong: str, remedy: str) -> None:
        # All three go to args: an error raised in a worker process arrives whole.
        super().__init__(asked, wrong, remedy)
        self.asked, self.wrong, self.remedy = asked, wrong, remedy

    def __str__(self) -> str:
        asked, wrong, remedy = (plain(part) for part in (self.asked, self.wrong, self.remedy))
        return " ".join(f"{asked}: {wrong}; {remedy}".split())


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


class Untrusted(WgbenchError):
    """Code of another package would run, and nobody has said that it may."""


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
