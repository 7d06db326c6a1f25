"""The Hugging Face hub, asked quietly: its client would tell every retry, and wait for a network that is not there.

Whoever asks says in one line what came of it.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

from wgbench import network

SECONDS = 5.0  # for the hub to give a sign of life


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """Within it the hub's client is silent and, where the hub cannot be reached, answers at once, from its cache."""
    from huggingface_hub import constants

    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    # `datasets` copies the client's switch when it is imported.
    switches: list[Any] = [constants, *(sys.modules[m] for m in ("datasets.config",) if m in sys.modules)]
    before = [switch.HF_HUB_OFFLINE for switch in switches]
    offline = network.is_closed() or constants.HF_HUB_OFFLINE or not _answers(constants.ENDPOINT)
    try:
        for switch in switches:
            switch.HF_HUB_OFFLINE = offline
        yield
    finally:
        for switch, was in zip(switches, before, strict=True):
            switch.HF_HUB_OFFLINE = was


def _answers(address: str) -> bool:
    import httpx

    try:
        httpx.head(address, timeout=SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return True
