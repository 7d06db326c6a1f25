"""A function of tensors as one CUDA graph: what the processor would ask for kernel by kernel is asked for at once.

Small images leave a GPU waiting for its next kernel; a whole training step or evaluation batch, replayed, does not.
Away from CUDA devices the function is called as it is.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

WARM_UP = 3  # calls before the capture: kernels are chosen, buffers of optimisers made

Function = Callable[..., tuple[Tensor, ...]]


class Captured:
    """A function captured at its first call and replayed from then on; shapes must stay what they are then.

    Arguments are copied into fixed memory. Results lie in fixed memory too: they hold until the next call. `held` gives
    the tensors that the function changes in place; what they were before the first call is put back after warming up,
    and those that were not there yet are zeroed.
    """

    def __init__(self, function: Function, held: Callable[[], Mapping[str, Tensor]] = dict) -> None:
        self.function, self.held = function, held
        self.graph: torch.cuda.CUDAGraph | None = None
        self.fixed: list[Tensor] = []
        self.results: tuple[Tensor, ...] = ()

    def __call__(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The results, valid until the next call."""
        if given[0].device.type != "cuda":
            return self.function(*given)
        return self._replayed(given)

    def _replayed(self, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:  # pragma: no cover - on a GPU only
        if self.graph is None:
            self._capture(given)
        assert self.graph is not None
        for fixed, tensor in zip(self.fixed, given, strict=True):
            fixed.copy_(tensor)
        self.graph.replay()
        return self.results

    def _capture(self, given: tuple[Tensor, ...]) -> None:  # pragma: no cover - on a GPU only
        self.fixed = [tensor.clone() for tensor in given]
        warmed_up(lambda: self.function(*self.fixed), self.held)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.results = self.function(*self.fixed)
        self.graph = graph


def warmed_up(call: Callable[[], object], held: Callable[[], Mapping[str, Tensor]]) -> None:
    """Call a function some times and leave no trace: neither in what it holds nor in the random numbers to come."""
    before = {name: tensor.clone() for name, tensor in held().items()}
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        if devices:  # pragma: no cover - on a GPU only
            # A graph wants to have been run on another stream than the default one.
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    call()
            torch.cuda.current_stream().wait_stream(stream)
        else:
            for _ in range(WARM_UP):
                call()
    with torch.no_grad():
        for name, tensor in held().items():
            tensor.copy_(before[name]) if name in before else tensor.zero_()
