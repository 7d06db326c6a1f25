"""The systems that `throughput.py` compares. Each lives in a process of its own and trains an epoch when it is asked.

S0    the field's loop: a DataLoader with 4 workers decodes and crops every JPEG in every epoch, fp32 NCHW, train, val
      and test evaluated every epoch, loss and accuracy of every group read after every batch
S1    the same with one worker per core, counts read once per epoch, and the precision that the library defaults to
S2    a tuned loader: more prefetching, pinned memory, channels_last, bf16, fused SGD, large evaluation
      batches
S3-S5 wgbench in fp32, tf32 (on a GPU), bf16; S5c compiled (on a GPU a step is one CUDA graph)
S6    as S5 (on a GPU S5c), several cells at once in processes of their own: one per core, or some on the GPU
Sinf  training and evaluation steps of S5 alone (on a GPU compiled), on random images that lie ready

Workers persist in all loops: with the few images of a measurement on a CPU, starting them in every epoch, as scripts of
the field do, would count too much. All but Sinf start from the same weights and see the same crops of the same pixels
in the same order. Where the machine computes bf16 in software, S2, S6 and Sinf take fp32, and S5 is left out.
"""

import itertools
import os
import queue
import resource
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import active_children
from multiprocessing.connection import Connection
from pathlib import Path

import images
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from wgbench import algorithms, backbones, datasets, losses
from wgbench.checks.toy import Memory
from wgbench.config import Cell, Mode, Plugin, Recipe
from wgbench.datasets.base import SPLITS
from wgbench.engine import fit, precision, stream
from wgbench.engine.crops import drawn
from wgbench.engine.pil import eval_view, training_view
from wgbench.engine.stream import For
from wgbench.options import dump
from wgbench.types import Sampling, Spec

SEED, STAGE = 2002, 1
LR = 1e-5  # at 1e-3 rounding grows 50-fold with every step of a batch of 8, and losses could not be compared
MEAN, STD = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


@dataclass(frozen=True)
class Setting:
    """One system on one size."""

    system: str
    size: images.Size
    folder: Path
    cache: Path
    device: str
    threads: int
    precision: str = "bf16"  # of the systems that take the best of the machine
    backbone: str = "resnet18"
    algorithm: str = "erm"


def serve(pipe: Connection, setting: Setting) -> None:
    """Answer "epoch" with what it took and what came out, until the pipe is closed."""
    torch.set_num_threads(setting.threads)
    reads = count_reads()
    started = time.perf_counter()
    made = SYSTEMS[setting.system[:2]](setting)
    prepared = time.perf_counter() - started
    try:
        while pipe.recv() == "epoch":
            before, started, cpu = reads[0], time.perf_counter(), cpu_seconds()
            loss = next(made)
            if setting.device != "cpu":
                torch.cuda.synchronize()
            pipe.send(
                {
                    "seconds": time.perf_counter() - started,
                    "cpu_seconds": cpu_seconds() - cpu,
                    "loss": loss,
                    "reads": reads[0] - before,
                    "prepared": prepared,
                    "memory": peak(setting.device),
                }
            )
    except EOFError:
        pass
    os._exit(0)  # engines wait in their threads


def cpu_seconds() -> float:
    """Of this process and of its workers."""
    total = sum(os.times()[:4])
    if sys.platform == "linux":
        for worker in active_children():
            user, system = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            total += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return total


def peak(device: str) -> int:
    """Megabytes: of this process, or of the GPU."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated() >> 20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def count_reads() -> list[int]:
    """A counter of reads out of tensors on a GPU: each waits for all that was asked before."""
    seen = [0]

    def counted(function):
        def call(self, *given):
            seen[0] += self.is_cuda
            return function(self, *given)

        return call

    for method in ("item", "__bool__", "__float__", "__int__", "tolist"):
        setattr(torch.Tensor, method, counted(getattr(torch.Tensor, method)))
    return seen


# The field's loops


class Files(Dataset):
    """JPEG files, decoded and transformed whenever they are asked for."""

    def __init__(self, setting: Setting, split: str) -> None:
        self.group = np.load(setting.folder / f"{split}.npy")
        self.paths = [setting.folder / images.name(split, i) for i in range(len(self.group))]
        self.views = setting.size.views

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, asked: int | tuple[int, int, int]):
        """An evaluation view, or the training view of (image, epoch, place in its order)."""
        i, *visit = asked if isinstance(asked, tuple) else (asked,)
        image = np.asarray(Image.open(self.paths[i]).convert("RGB"))
        if visit:
            epoch, k = visit
            view = training_view(image, crops_of(self.views, len(self), epoch), k, self.views.size)
        else:
            view = eval_view(image, self.views)
        x = torch.from_numpy(np.array(view)).permute(2, 0, 1).contiguous().float().div_(255)
        return (x - MEAN) / STD, int(self.group[i] // 2), int(self.group[i])


@lru_cache(maxsize=1)
def crops_of(views, n: int, epoch: int):
    """The crops of an epoch of at most n visits: a function of the key alone, so that every worker makes its own."""
    pixels = np.full(n, images.PIXELS)
    return drawn(pixels, pixels, views, SEED, STAGE, epoch, For.CROPS)


class Order:
    """A sampler: what (image, epoch, place) the next epoch visits."""

    def __init__(self, n: int, visited: int) -> None:
        self.everyone, self.visited, self.epoch = Sampling(torch.ones(n, dtype=torch.int64)), visited, 0

    def __len__(self) -> int:
        return self.visited

    def __iter__(self):
        visits = stream.order(self.everyone, self.visited, SEED, STAGE, self.epoch, For.ORDER).tolist()
        return iter([(i, self.epoch, k) for k, i in enumerate(visits)])


@dataclass(frozen=True)
class Loop:
    """What tells S0, S1 and S2 apart."""

    workers: int
    tuned: bool
    reads_groups: bool
    tf32: bool


class Field:
    """A loop of the field: what it holds, and how it trains and evaluates."""

    def __init__(self, setting: Setting, loop: Loop) -> None:
        self.setting, self.loop, self.size = setting, loop, setting.size
        self.device, self.cuda = torch.device(setting.device), setting.device != "cpu"
        torch.backends.cudnn.allow_tf32 = loop.tf32
        self.network = build(setting).to(self.device)
        if loop.tuned:
            self.network = self.network.to(memory_format=torch.channels_last)
        fused = True if loop.tuned else None
        self.optimizer = torch.optim.SGD(self.network.parameters(), LR, momentum=0.9, fused=fused)
        own = {"num_workers": loop.workers, "pin_memory": loop.tuned and self.cuda}
        if loop.workers:
            own |= {"persistent_workers": True, "prefetch_factor": 4 if loop.tuned else 2}
        if loop.workers and sys.platform == "linux":
            # What a script gets there. This process was spawned, and so would its workers be: seconds each.
            own["multiprocessing_context"] = "fork"
        files = {s: Files(setting, s) for s in SPLITS}
        self.order = Order(len(files["train"]), len(files["train"]) // self.size.batch * self.size.batch)
        self.training = DataLoader(files["train"], self.size.batch, sampler=self.order, **own)
        at_once = self.size.batch * (8 if loop.tuned and self.cuda else 1)
        self.evaluating = {s: DataLoader(files[s], at_once, **own) for s in SPLITS}

    def batches(self, loader):
        """Images, labels and groups on the device."""
        for x, y, g in loader:
            x = x.to(self.device, non_blocking=True)
            x = x.to(memory_format=torch.channels_last) if self.loop.tuned else x
            yield x, y.to(self.device, non_blocking=True), g.to(self.device, non_blocking=True)

    def losses(self, x, y):
        """Logits and the loss of each example."""
        bf16 = self.loop.tuned and self.setting.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            logits = self.network(x)
        return logits, torch.nn.functional.cross_entropy(logits.float(), y, reduction="none")

    def train(self, epoch: int) -> float:
        """The mean loss of an epoch."""
        self.order.epoch = epoch
        self.network.train()
        seen = []
        for x, y, g in self.batches(self.training):
            each = self.losses(x, y)[1]
            each.mean().backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            seen.append(each.detach().mean())
            if self.loop.reads_groups:
                for k in range(self.size.groups):
                    if (g == k).any():
                        each[g == k].mean().item()
        return torch.stack(seen).mean().item()

    @torch.inference_mode()
    def evaluate(self, split: str) -> list[list[float]]:
        """Hits and summed losses of all groups."""
        self.network.eval()
        totals = torch.zeros(2, self.size.groups, device=self.device)
        for x, y, g in self.batches(self.evaluating[split]):
            logits, each = self.losses(x, y)
            for k in range(self.size.groups):
                hit, loss = (logits.argmax(1) == y)[g == k].sum(), each[g == k].sum()
                totals[:, k] += torch.stack([hit.float(), loss])
                if self.loop.reads_groups:
                    hit.item(), loss.item()
        return totals.tolist()


def field(setting: Setting, loop: Loop) -> Iterator[float]:
    """Loss of training, epoch by epoch."""
    made = Field(setting, loop)
    for epoch in itertools.count(1):
        loss = made.train(epoch)
        for split in SPLITS:
            made.evaluate(split)
        yield loss


def build(setting: Setting):
    """The network at theta(0), as the engine draws it."""
    torch.manual_seed(stream.torch_seed(SEED, 0, For.INIT))
    return backbones.make(setting.backbone).build(Spec((3, setting.size.side, setting.size.side), 2))


# wgbench


class Paced(Memory):
    """A sink that lets the engine go on when an epoch is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.done = queue.Queue(), queue.Queue()
        self.stop = self._next  # called at the end of every epoch

    def _next(self, line) -> bool:
        self.done.put(line)
        self.asked.get()
        return False

    def due(self) -> bool:
        return False


def engine(setting: Setting) -> Iterator[float]:
    """Loss of training, epoch by epoch, of the engine in a thread."""
    kind = {"S3": "fp32", "S4": "tf32"}.get(setting.system, setting.precision)
    several_on_gpu = setting.system == "S6" and setting.device != "cpu"
    mode = Mode(precision=kind, compiled=setting.system.endswith("c") or several_on_gpu)
    cell = made_cell(setting, mode)
    precision.prepare(mode, setting.threads, deterministic=False)
    precision.keep_freed_memory()
    parts = fit.Parts(
        algorithms.make(setting.algorithm),
        backbones.make(setting.backbone),
        losses.make("cross-entropy"),
        images.splits(setting.folder, setting.cache / "store", setting.size),
        Spec((3, setting.size.side, setting.size.side), 2),
        setting.cache,
    )
    sink = Paced()

    def run() -> None:
        try:
            fit.train(cell, parts, torch.device(setting.device), sink)
        except BaseException as problem:
            sink.done.put(problem)

    thread = None
    while True:
        if thread is None:
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
        else:
            sink.asked.put("go on")
        line = sink.done.get()
        if isinstance(line, BaseException):
            raise line
        yield line["weights"]["loss"]


def made_cell(setting: Setting, mode: Mode) -> Cell:
    def plugin(registry, name):
        found = registry.find(name)
        return Plugin(name=found.name, version=found.target.version, options=dump(registry.make(name)))

    recipe = Recipe(epochs=10_000, batch_size=setting.size.batch, lr=LR, views=setting.size.views)
    return Cell(
        dataset=plugin(datasets.registry, "waterbirds-synthetic"),
        backbone=plugin(backbones.registry, setting.backbone),
        algorithm=plugin(algorithms.registry, setting.algorithm),
        loss=plugin(losses.registry, "cross-entropy"),
        recipe=recipe,
        seed=SEED,
        mode=mode,
    )


def bare(setting: Setting) -> Iterator[float]:
    """The same numbers of training and evaluation steps on images that lie ready, normalised."""
    device, side, bf16 = torch.device(setting.device), setting.size.side, setting.precision == "bf16"
    precision.keep_freed_memory()
    network = build(setting).to(device, memory_format=torch.channels_last)
    compute = torch.compile(network) if setting.device != "cpu" else network
    optimizer = torch.optim.SGD(network.parameters(), LR, momentum=0.9, fused=True)
    n = {s: len(np.load(setting.folder / f"{s}.npy")) for s in SPLITS}
    batch = setting.size.batch
    eval_batch = 1024 if setting.device != "cpu" else max(1, (1 << 20) // side**2)
    x = {
        b: torch.randn(b, 3, side, side, device=device).to(memory_format=torch.channels_last)
        for b in (batch, eval_batch)
    }
    y = torch.zeros(batch, dtype=torch.int64, device=device)
    while True:
        network.train()
        for _ in range(n["train"] // batch):
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                out = compute(x[batch])
            loss = torch.nn.functional.cross_entropy(out.float(), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        network.eval()
        for s in SPLITS:
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                for start in range(0, n[s], eval_batch):
                    compute(x[eval_batch][: n[s] - start])
        yield loss.item()


SYSTEMS = {
    "S0": lambda s: field(s, Loop(4, tuned=False, reads_groups=True, tf32=False)),
    "S1": lambda s: field(s, Loop(os.cpu_count() or 1, tuned=False, reads_groups=False, tf32=True)),
    "S2": lambda s: field(s, Loop(os.cpu_count() or 1, tuned=True, reads_groups=False, tf32=True)),
    **dict.fromkeys(("S3", "S4", "S5", "S6"), engine),
    "Si": bare,
}
