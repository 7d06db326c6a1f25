"""The hub is asked quietly, and not waited for where there is no network."""

import logging
import socketserver
from http.server import BaseHTTPRequestHandler
from threading import Thread

import pytest
from huggingface_hub import constants

from wgbench import hub


@pytest.fixture(autouse=True)
def _online(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def test_a_hub_that_does_not_answer_is_not_asked_again(monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with hub.asking():
        assert constants.HF_HUB_OFFLINE
        assert datasets.config.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE
    assert not datasets.config.HF_HUB_OFFLINE


def test_a_hub_that_answers_is_asked_silently(monkeypatch):
    monkeypatch.setattr(hub, "_answers", lambda address: address == constants.ENDPOINT)
    with hub.asking():
        assert not constants.HF_HUB_OFFLINE
        assert not logging.getLogger("huggingface_hub.utils._http").isEnabledFor(logging.ERROR)


def _fails():
    with hub.asking():
        raise KeyError


def test_the_switch_is_set_back_after_an_error(monkeypatch):
    monkeypatch.setattr(hub, "_answers", lambda _: False)
    with pytest.raises(KeyError):
        _fails()
    assert not constants.HF_HUB_OFFLINE


def test_an_address_that_is_none_is_no_answer():
    assert not hub._answers("nonsense")


def test_whatever_answers_is_an_answer():
    with socketserver.TCPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:  # says 501 to everything
        Thread(target=server.handle_request, daemon=True).start()
        assert hub._answers(f"http://127.0.0.1:{server.server_address[1]}")
