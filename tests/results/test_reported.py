"""The paper's table, as it was printed."""

from wgbench.results.reported import rows


def test_the_papers_table_has_its_cells():
    assert len(rows()) == 24
    (row,) = [r for r in rows() if (r.dataset, r.algorithm, r.weight_decay, r.early) == ("celeba", "gdro", 0.1, False)]
    assert (row.train_acc, row.train_acc_half, row.wga, row.wga_half, row.n) == (0.751, 0.095, 0.506, 0.159, 5)
    early = {(r.dataset, r.algorithm): r.wga for r in rows() if r.early}
    assert early["waterbirds", "iw"] == 0.837
    assert [r.weight_decay for r in rows() if r.inferred] == [0.001, 0.001]


def test_erm_was_reported_without_weight_decay_only():
    assert {(r.dataset, r.weight_decay) for r in rows() if r.algorithm == "erm"} == {("waterbirds", 0), ("celeba", 0)}
