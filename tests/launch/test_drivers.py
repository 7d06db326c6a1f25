"""What the drivers of Ray and Slurm make of what comes back, without either: tasks run in this process, or are lost."""

import contextlib
from types import SimpleNamespace

import pytest

from wgbench import runs
from wgbench.errors import LaunchFailed, WorkerDied
from wgbench.launch import node
from wgbench.launch.base import Call

ray, submitit = pytest.importorskip("ray"), pytest.importorskip("submitit")

from ray import exceptions  # noqa: E402 - Ray is there

from wgbench.launch import ray as launch_ray  # noqa: E402
from wgbench.launch import ray_cluster, slurm  # noqa: E402 - both are there
from wgbench.launch.slurm_array import Options as SlurmOptions  # noqa: E402


class Cluster:
    """As much of Ray as the driver asks for; `losses` are raised in place of the first parcels."""

    runtime_env = SimpleNamespace(RuntimeEnv=lambda env_vars: env_vars)

    def __init__(self, losses=()):
        self.losses, self.asked, self.cancelled, self.stored = list(losses), [], [], []

    def is_initialized(self):
        return True

    def remote(self, **_):
        return lambda function: SimpleNamespace(options=lambda **given: self._task(function, given))

    def _task(self, function, given):
        def remote(*arguments):
            self.asked.append(given)
            return self._parcels(function, arguments)

        return SimpleNamespace(remote=remote)

    def _parcels(self, function, arguments):
        if self.losses:
            raise self.losses.pop(0)
        yield from function(*arguments)

    def wait(self, streams, **_):
        return streams, []

    def get(self, parcel):
        return parcel

    def put(self, content):
        self.stored.append(content)
        return content

    def cancel(self, stream, force):
        self.cancelled.append(stream)

    def nodes(self):
        return [{"Alive": True, "NodeID": "here", "Resources": {"CPU": 2.0}}]

    def cluster_resources(self):
        return {"CPU": 2.0}

    def get_runtime_context(self):
        return SimpleNamespace(get_node_id=lambda: "here")


@pytest.fixture
def on_ray(monkeypatch):
    """A launcher on such a cluster, the cluster, and what the launcher says."""

    def make(*losses):
        cluster, said = Cluster(losses), []
        for module in (launch_ray, ray_cluster):
            monkeypatch.setattr(module, "ray", cluster)
        monkeypatch.setattr(launch_ray, "PAUSE", 0.01)
        return launch_ray.RayTasks(None, 1, {}, launch_ray.Options(), said.append), cluster, said

    return make


def ended(launcher, jobs):
    """Run jobs; how each ended, by its algorithm's name."""
    found = {}
    with launcher:
        launcher.run(jobs, lambda _: None, lambda job, problem: found.update({job.cell.algorithm.name: problem}) or ())
    return found


def test_ray_brings_home_what_one_process_makes(on_ray, toy_cell, twins, outcome):
    cells = [toy_cell("gdro", seed=1), toy_cell("jtt", seed=2)]
    here, there = twins(cells)
    launcher, cluster, said = on_ray()
    seen = []
    with launcher:
        launcher.run(there, seen.append)
    assert [outcome(one) for one in there] == [outcome(one) for one in here]
    assert {(p.cell, p.epoch) for p in seen} >= {(c.id, e) for c in cells for e in range(1, 25)}
    assert not list(there[0].store.rglob("*.safetensors")), "checkpoints go on completion"
    assert [(g["num_cpus"], g["num_gpus"]) for g in cluster.asked] == [(1, 0)] * 2
    assert cluster.asked[0]["runtime_env"]["OMP_NUM_THREADS"]
    assert not said


def test_a_task_that_ray_lost_is_given_out_again_and_at_last_given_up(on_ray, toy_cell, job):
    launcher, cluster, said = on_ray(exceptions.WorkerCrashedError(), exceptions.OutOfMemoryError("much"))
    assert ended(launcher, [job(toy_cell("erm"))]) == {"erm": None}
    name = f"the worker of cell {toy_cell('erm').id} was lost"
    assert said == [
        f"{name} (its process was killed): it is run again, afresh",
        f"{name} (its node ran out of memory): it is run again, afresh",
    ]
    assert len(cluster.asked) == 3
    launcher, cluster, said = on_ray(*[exceptions.NodeDiedError("gone")] * 5)
    (problem,) = ended(launcher, [job(toy_cell("erm"), "other")]).values()
    assert "lost 5 times without its getting any further (its node is gone)" in str(problem)
    assert len(said) == 4


def test_an_error_in_a_task_of_rays_is_shown_and_named(on_ray, toy_cell, job, capsys):
    launcher, _, _ = on_ray(exceptions.RayTaskError("train", "", ZeroDivisionError("by nothing")))
    found = ended(launcher, [job(toy_cell("erm")), job(toy_cell("iw"))])
    assert isinstance(found["erm"], WorkerDied)
    assert "its worker failed, as shown above" in str(found["erm"])
    assert found["iw"] is None, "the others go on"
    assert "by nothing" in capsys.readouterr().err


def test_a_node_that_cannot_prepare_workers_is_named_and_what_flies_is_cancelled(on_ray, toy_cell, job):
    launcher, cluster, _ = on_ray(exceptions.RuntimeEnvSetupError("no room\nat all"))
    with pytest.raises(LaunchFailed, match=r"a node cannot prepare workers \(.*; see the logs of that node"), launcher:
        launcher.run([job(toy_cell("erm"))], lambda _: None)
    assert len(cluster.cancelled) == 1
    path = runs.folder(job(toy_cell("erm")).store, toy_cell("erm"))
    with runs.RunFolder(path, toy_cell("erm")).locked(pytest.fail):  # its folder is free again
        pass


def test_errors_of_training_come_home_and_calls_have_their_turn(on_ray, toy_cell, job):
    called, found = [], []

    def follow(one, problem):
        found.append(problem)
        return [Call("wgbench.launch.losses:where", (one,), called.append)]

    impossible = job(toy_cell("erm", pretrained=True))
    launcher, _, said = on_ray()
    with launcher:
        launcher.run([impossible], lambda _: None, follow)
    (problem,) = found
    assert "pretrained" in str(problem)
    assert not isinstance(problem, WorkerDied)
    assert called == ["afresh"]
    assert not said


def test_a_cell_that_another_driver_trains_is_waited_for_on_ray(on_ray, ends_beside_another_driver):
    launcher, _, _ = on_ray()
    assert ends_beside_another_driver(launcher) == [2, 1]


def test_a_file_of_weights_goes_to_rays_cluster_once(on_ray, toy_cell, job, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"weights")
    jobs = [job(toy_cell(seed=seed), weights=tmp_path / "w.safetensors") for seed in (1, 2)]
    launcher, cluster, _ = on_ray()
    assert [launcher.device(asked) for asked in ("auto", "cuda:1", "cpu")] == ["cpu", "cuda", "cpu"]
    with launcher:
        for one in jobs:
            launcher._given_out(one)
    assert cluster.stored == [b"weights"]


def test_a_node_has_its_own_places_for_data_cache_and_weights(toy_cell, job, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("WGBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WGBENCH_DATA", str(tmp_path / "data"))
    given = job(toy_cell(), data=tmp_path / "not-here", weights=tmp_path / "elsewhere" / "w.safetensors")
    placed = node.placed(given, tmp_path, b"content")
    assert (placed.cache, placed.data, placed.store) == (tmp_path / "cache", tmp_path / "data", tmp_path / "runs")
    assert placed.weights == tmp_path / "w.safetensors"
    assert placed.weights.read_bytes() == b"content"
    assert placed.cell == given.cell


def lost(_):
    raise submitit.core.utils.UncompletedJobError("the element is gone")


def failed(_):
    raise submitit.core.utils.FailedJobError("its code raised")


@pytest.fixture
def on_slurm(monkeypatch, tmp_path):
    """A launcher whose elements run in this process, except the first ones, which end as said; what it says."""

    def make(*ends, refused=None):
        endings, shares, said = list(ends), [], []

        class Handle:
            job_id = "7"

            def __init__(self, share):
                names = ("submitted_pickle", "result_pickle", "stdout", "stderr", "submission_file", "folder")
                self.paths = SimpleNamespace(**{name: tmp_path / "logs" / name for name in names})
                self.share, self.end = share, endings.pop(0) if endings else None

            def done(self):
                return True

            def result(self):
                return (self.end or type(self.share).__call__)(self.share)

            def wait(self):
                pass

            def cancel(self, check):
                pass

        def submit(share):
            shares.append(share)
            return Handle(share)

        @contextlib.contextmanager
        def batch():
            yield
            if refused is not None:
                raise refused

        monkeypatch.setattr(slurm, "executor", lambda *_: SimpleNamespace(batch=batch, submit=submit))
        monkeypatch.setattr(slurm, "LOOK", 0.0)
        return slurm.SlurmJobs(1, 1, {}, SlurmOptions(cluster="local"), said.append), shares, said

    return make


def test_elements_do_their_shares(on_slurm, toy_cell, twins, outcome):
    cells = [toy_cell("gdro", seed=1), toy_cell("jtt", seed=2)]
    here, there = twins(cells)
    launcher, shares, said = on_slurm()
    assert ended(launcher, there) == {"gdro": None, "jtt": None}
    assert [outcome(one) for one in there] == [outcome(one) for one in here]
    assert [len(share.jobs) for share in shares] == [2], "one element, since one at once is run here"
    assert not said


def test_a_lost_element_is_submitted_again_with_what_it_has_not_done_and_at_last_given_up(on_slurm, toy_cell, job):
    jobs = [job(toy_cell("erm")), job(toy_cell("iw"))]
    launcher, shares, said = on_slurm(lost, lost)
    assert ended(launcher, jobs) == {"erm": None, "iw": None}
    assert [len(share.jobs) for share in shares] == [2, 2, 2]
    assert [line.partition(" (see ")[0] for line in said] == [f"the worker of cell {jobs[0].cell.id} was lost"] * 2
    assert all(line.endswith("it is run again, afresh") for line in said)
    launcher, _, _ = on_slurm(*[lost] * 5)
    (problem,) = ended(launcher, [job(toy_cell("erm"), "other")]).values()
    assert "lost 5 times without its getting any further (see " in str(problem)


def test_an_element_that_failed_leads_to_its_log(on_slurm, toy_cell, job, tmp_path):
    launcher, _, said = on_slurm(failed)
    (problem,) = ended(launcher, [job(toy_cell("erm"))]).values()
    assert isinstance(problem, WorkerDied)
    assert f"its worker failed (see {tmp_path / 'logs' / 'stderr'})" in str(problem)
    assert not said


def test_errors_of_training_come_back_from_slurm(on_slurm, toy_cell, job):
    launcher, _, _ = on_slurm()
    found = ended(launcher, [job(toy_cell("erm", pretrained=True)), job(toy_cell("iw"))])
    assert "pretrained" in str(found["erm"])
    assert found["iw"] is None


def test_an_array_that_sbatch_refuses_is_named(on_slurm, toy_cell, job):
    said = "sbatch: error: invalid partition specified: gpus\n------\n"
    launcher, _, _ = on_slurm(refused=submitit.core.utils.FailedJobError(said))
    with pytest.raises(LaunchFailed, match=r"refused \(sbatch: error: invalid partition specified: gpus\); mend"):
        ended(launcher, [job(toy_cell("erm"))])


def test_without_slurm_it_is_said_where_to_go(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with (
        pytest.raises(LaunchFailed, match=r"there is no Slurm here \(no srun\); go to a login node"),
        slurm.SlurmJobs(None, 1, {}, SlurmOptions(), print),
    ):
        pass
    launcher = slurm.SlurmJobs(None, 1, {}, SlurmOptions(gpus=1), print)
    assert [launcher.device(asked) for asked in ("auto", "cuda:1", "cpu")] == ["cuda", "cuda", "cpu"]
    assert slurm.SlurmJobs(None, 1, {}, SlurmOptions(), print).device("auto") == "cpu"
