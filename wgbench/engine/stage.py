"""One stage of training: the loop over epochs, resumable after each of them."""

import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wgbench.algorithms.base import Algorithm, Refit
from wgbench.backbones.base import Network
from wgbench.config import Cell, Recipe
from wgbench.engine import state, stream
from wgbench.engine.best import Best
from wgbench.engine.crops import Crops
from wgbench.engine.evaluate import Counted, Evaluator
from wgbench.engine.optimizer import Optimizer
from wgbench.engine.prepared import Prepared
from wgbench.engine.sink import Checkpoint, Line, Sink, Tensors
from wgbench.engine.stream import For
from wgbench.engine.update import Update
from wgbench.engine.watch import Watch
from wgbench.errors import AlgorithmFailed
from wgbench.evaluation.metrics import predict
from wgbench.losses.base import Loss
from wgbench.types import Batch, Sampling, State, Tokens

ONLINE = "online_predictions"
SMALL = 64  # tensors of an algorithm's state up to this size go into the curves


class Stage:
    """Networks, optimiser, algorithm state and records of one stage."""

    def __init__(
        self,
        number: int,
        cell: Cell,
        recipe: Recipe,
        algorithm: Algorithm,
        loss: Loss,
        networks: nn.ModuleList,
        prepared: Prepared,
        sampling: Sampling | None,
        device: torch.device,
        record: Sequence[str] = (),
        refit: Refit | None = None,
    ) -> None:
        self.number, self.cell, self.recipe, self.algorithm, self.loss = number, cell, recipe, algorithm, loss
        self.networks, self.prepared, self.device = networks, prepared, device
        train = prepared.splits["train"]
        self.batch_size = min(recipe.batch_size, len(train))
        self.given = sampling
        self.sampling = sampling or self._sampling()
        self.steps = max(1, _size(self.sampling) // self.batch_size)
        self.recorded: Tensors = {name: self._blank(name) for name in record}
        self.loss_state = {k: v.to(device) for k, v in loss.init(train).items()}
        fused = cell.mode.pipeline == "fast"
        self.optimizer = Optimizer(list(networks.parameters()), recipe, self.steps, fused=fused)
        states = ({k: v.to(device) for k, v in algorithm.init(train).items()}, self.loss_state)
        same = not isinstance(train.x, Tokens)  # texts are padded batch by batch
        self.update = Update(networks, algorithm, loss, self.optimizer, cell.mode, states, same_shapes=same)
        compiled = self.update.evaluation
        self.evaluator = Evaluator(cell, number, recipe.epochs, prepared, loss, self.loss_state, refit, compiled)
        self.initial = {k: v.clone() for k, v in self.state.items() if v.numel() <= SMALL}
        self.watch = Watch(train.group, train.n_groups, recipe.epochs, self.batch_size, device)
        self.best = Best()
        self.diverged_at: int | None = None
        self.last_predicted: list[int] = []

    @property
    def state(self) -> State:
        """The algorithm's state."""
        return self.update.state

    @state.setter
    def state(self, value: State) -> None:
        self.update.state = value

    @property
    def network(self) -> Network:
        """The last member: the result."""
        network = self.networks[-1]
        assert isinstance(network, Network)
        return network

    def run(self, sink: Sink, resumed: Checkpoint | None) -> None:
        """Train to the horizon, or from a checkpoint on; stops early only where training diverges."""
        if resumed is not None:
            self.load(resumed)
        for epoch in range(resumed.epoch + 1 if resumed else 1, self.recipe.epochs + 1):
            started = time.perf_counter()
            weights = self._train(epoch)
            self.close(epoch, weights, time.perf_counter() - started, sink)
            if self.diverged_at is not None:
                break
            if sink.due():
                sink.save(self.checkpoint(epoch))
        sink.stage_done(self.checkpoint(self.recipe.epochs))

    def close(
        self, epoch: int, weights: dict[str, Any], seconds: float, sink: Sink, counted: Counted | None = None
    ) -> None:
        """Evaluate after an epoch that took `seconds`, unless that is done; write its line if it has not diverged."""
        started = time.perf_counter()
        line: Line = {"stage": self.number, "epoch": epoch, **self._evaluate(epoch, counted)}
        line |= {"weights": weights, "state": self._small_state()}
        evaluation = time.perf_counter() - started + (counted.seconds if counted else 0.0)
        line["seconds"] = {"train": seconds, "eval": evaluation}
        if self.diverged_at is None:
            sink.epoch(state.finite(line))

    def visits(self, epoch: int) -> tuple[Tensor, Crops | None]:
        """The examples that an epoch trains on, in order, and how their images are cropped."""
        key = (self.cell.seed, self.number, epoch)
        torch.manual_seed(stream.torch_seed(*key, For.TORCH))  # dropout
        if self.sampling.redraw and epoch > 1:
            self.sampling = self.given or self._sampling(epoch)
        visits = stream.order(self.sampling, self.steps * self.batch_size, *key, For.ORDER)
        return visits, self.prepared.inputs["train"].crops(visits, *key, For.CROPS)

    def _train(self, epoch: int) -> dict[str, Any]:
        """One epoch of steps; a summary of the weights. The only host syncs are at its end."""
        visits, crops = self.visits(epoch)
        inputs, targets = self.prepared.inputs["train"], self.prepared.tallies["train"]
        index = visits.to(self.device)
        label, group = targets.label[index], targets.group[index]
        self.networks.train()
        all_losses, all_weights = [], []
        for step, x in enumerate(inputs.training(visits, crops, self.batch_size)):
            part = slice(step * self.batch_size, (step + 1) * self.batch_size)
            batch = Batch(index[part], label[part], group[part])
            losses, weights, logits = self.update(x, batch, epoch, (epoch - 1) * self.steps + step)
            self.record(epoch, batch.index, logits)
            all_losses.append(losses)
            all_weights.append(weights)
        return self.seen(epoch, index.view(self.steps, -1), torch.stack(all_losses), torch.stack(all_weights))

    def record(self, epoch: int, index: Tensor, logits: Tensor) -> None:
        """Keep what was predicted in training mode for a batch, if that was asked for: in the last epoch."""
        if self.recorded and epoch == self.recipe.epochs:
            self.recorded[ONLINE][index] = predict(logits.detach())

    def seen(self, epoch: int, index: Tensor, losses: Tensor, weights: Tensor) -> dict[str, Any]:
        """Summary of an epoch: examples (S, B), losses and weights (S, B) or (S, members, B) of its steps."""
        if weights.dim() == 3:  # several members: the last is the result
            weights = weights[:, -1]
        if not bool(torch.isfinite(losses).all()):
            self.diverged_at = epoch
        seen = self.watch.epoch(epoch, self.sampling.probability, index, weights)
        return seen | {"loss": losses.mean().item()}

    def _evaluate(self, epoch: int, counted: Counted | None) -> dict[str, Any]:
        """Counts on every split; keeps test predictions where the protocol wants them, or notes a divergence."""
        lines, predicted = self.evaluator(self.network, epoch, counted)
        if predicted is None:
            return lines
        if not all(math.isfinite(loss) for line in lines.values() for loss in line["loss"]):
            self.diverged_at = epoch
        if self.diverged_at is None:
            self.best.keep(epoch, lines["val"], self.evaluator.tallies["val"].totals()["total"], predicted)
            self.last_predicted = lines["test"]["predicted"]
        return lines

    def checkpoint(self, epoch: int) -> Checkpoint:
        """Everything that later epochs depend on."""
        tensors = {
            **state.prefixed("networks", self.networks.state_dict()),
            **state.prefixed("optimizer", state.optimizer_tensors(self.optimizer.inner)),
            **state.prefixed("algorithm", self.state),
            **state.prefixed("kept", self.best.kept),
            **state.prefixed("recorded", self.recorded),
            **state.prefixed("head", self.evaluator.head),
            "watch": self.watch.sums.cpu().clone(),
        }
        info = {
            "best": [self.best.value, self.best.epoch],
            "diverged_at": self.diverged_at,
            "last_predicted": self.last_predicted,
        }
        return Checkpoint(self.number, epoch, tensors, info)

    def load(self, saved: Checkpoint) -> None:
        """Go back to the end of the epoch of a checkpoint."""
        state.load_module(self.networks, state.under("networks", saved.tensors))
        state.load_optimizer(self.optimizer.inner, state.under("optimizer", saved.tensors))
        self.state = {k: v.to(self.device) for k, v in state.under("algorithm", saved.tensors).items()}
        value, epoch = saved.info["best"]
        self.best = Best(value, epoch, state.under("kept", saved.tensors))
        self.recorded = {k: v.to(self.device) for k, v in state.under("recorded", saved.tensors).items()}
        self.evaluator.head = state.under("head", saved.tensors)
        self.watch.sums.copy_(saved.tensors["watch"])
        self.diverged_at, self.last_predicted = saved.info["diverged_at"], saved.info["last_predicted"]

    def predictions(self) -> Tensors:
        """Class per test example at the early window's end, the selected and the last epoch; -1 after a divergence."""
        none = torch.full((len(self.prepared.splits["test"]),), -1, dtype=torch.int16)
        kept = dict(self.best.kept)
        if self.diverged_at is not None:
            kept["final"] = none
        return kept

    def summary(self) -> dict[str, Any]:
        """How the stage ended, as JSON values."""
        return {
            "epochs": self.recipe.epochs,
            "steps_per_epoch": self.steps,
            "batch_size": self.batch_size,
            "diverged_at": self.diverged_at,
            "collapsed": sum(n > 0 for n in self.last_predicted) == 1,
            "selected_epoch": self.best.epoch or None,
            "parameters": sum(p.numel() for p in self.network.parameters()),
            "weights_settle": self.watch.settles(),
            "model": state.digest(self.network.state_dict()),
        }

    def _sampling(self, epoch: int = 0) -> Sampling:
        rng = stream.generator(self.cell.seed, self.number, epoch, For.SAMPLING)
        return self.algorithm.sampling(self.prepared.splits["train"], rng)

    def _blank(self, name: str) -> Tensor:
        """Room for a record: a class per training example, -1 where the last epoch did not visit it."""
        if name != ONLINE:
            raise AlgorithmFailed(
                f"fit(record=({name!r},))", "nothing is recorded under that name", f"write {ONLINE!r}"
            )
        return torch.full((len(self.prepared.splits["train"]),), -1, device=self.device)

    def _small_state(self) -> dict[str, Any]:
        """What changes of the algorithm's state and is small: group weights, running means."""
        small = {k: v for k, v in self.state.items() if v.numel() <= SMALL}
        return {k: state.json_numbers(v) for k, v in small.items() if not torch.equal(v, self.initial[k])}


def _size(sampling: Sampling) -> int:
    """Examples in an epoch: those of the training set, or of the multiset where an algorithm counts its own epochs."""
    own = sampling.own_epochs and not sampling.weight.is_floating_point()
    return int(sampling.weight.sum()) if own else len(sampling.weight)
