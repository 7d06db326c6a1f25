"""What the tests of the engine share."""

import pytest
import torch


@pytest.fixture
def one_thread():
    """Sums in one order: the number of threads is part of what repeats bit for bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
