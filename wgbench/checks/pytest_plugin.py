"""The pytest plug-in: `@pytest.mark.wgbench(kind, name)` on a test that takes `wgbench_check`."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "wgbench(kind, name): run the conformance checks of a registered plug-in")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per check."""
    if "wgbench_check" not in metafunc.fixturenames:
        return
    from wgbench.checks import checks

    found = [c for mark in metafunc.definition.iter_markers("wgbench") for c in checks(*mark.args)]
    metafunc.parametrize("wgbench_check", found, ids=str)
