"""Reweighting algorithms by name: `make`, `names`, `info`, `register`."""

from typing import TYPE_CHECKING

from wgbench.registry import Registry

if TYPE_CHECKING:
    from wgbench.algorithms.base import Algorithm

registry: "Registry[Algorithm]" = Registry(
    "algorithms",
    {
        "erm": ("wgbench.algorithms.erm:ERM", "empirical risk minimisation: the mean loss"),
        "iw": ("wgbench.algorithms.iw:ImportanceWeighting", "importance weighting by sampling groups equally often"),
        "iw-loss": ("wgbench.algorithms.iw_loss:ImportanceWeightedLoss", "importance weighting by weights on losses"),
        "gdro": ("wgbench.algorithms.gdro:GroupDRO", "Group DRO: group weights follow group losses"),
        "gdro-balanced": (
            "wgbench.algorithms.gdro_balanced:BalancedGroupDRO",
            "Group DRO on group-balanced batches, as its authors run it",
        ),
        "cvar": ("wgbench.algorithms.cvar:CVaR", "the mean of the worst share of each batch"),
        "chi2": ("wgbench.algorithms.chi2:Chi2", "DRO over a chi2 ball: weights grow with the loss"),
        "cvar-doro": ("wgbench.algorithms.cvar_doro:CVaRDORO", "CVaR after dropping the largest losses as outliers"),
        "chi2-doro": (
            "wgbench.algorithms.chi2_doro:Chi2DORO",
            "chi2-DRO after dropping the largest losses as outliers",
        ),
        "label-cvar": ("wgbench.algorithms.label_cvar:LabelCVaR", "CVaR over classes"),
        "jtt": ("wgbench.algorithms.jtt:JTT", "just train twice: repeat what a short ERM run gets wrong"),
        "subg": ("wgbench.algorithms.subsampling:SUBG", "groups cut to the smallest group's size"),
        "suby": ("wgbench.algorithms.subsampling:SUBY", "classes cut to the smallest class's size"),
        "rwg": ("wgbench.algorithms.resampling:RWG", "groups drawn equally often: `iw` under another name"),
        "rwy": ("wgbench.algorithms.resampling:RWY", "classes drawn equally often"),
        "lff": ("wgbench.algorithms.lff:LfF", "learning from failure: weights from a biased network beside it"),
        "dfr": ("wgbench.algorithms.dfr:DFR", "ERM, then the last layer refitted on group-balanced validation data"),
    },
)
make, names, info, register = registry.make, registry.names, registry.info, registry.register
