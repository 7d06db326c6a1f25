"""Names and plug-ins, with real distributions on sys.path."""

import pickle
import subprocess
import sys
from dataclasses import dataclass

import pytest

from wgbench.errors import BadOption, BrokenPlugin, NameTaken, UnknownName
from wgbench.registry import Registry

MODULE = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Good:
    strength: float = 1.0
not_a_class = 3
"""


@dataclass(frozen=True)
class Mine:
    """Mine, all mine."""

    name: str = ""


def registry():
    return Registry(
        "algorithms",
        {
            "erm": (f"{__name__}:Mine", "the mean"),
            "gdro": (f"{__name__}:Mine", "groups"),
            "timm:<name>": ("x:Y", "models"),
        },
        {"short": "timm:Long_Name"},
    )


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with entry points on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name, points, module=MODULE, version="1.2"):
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        header = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: What {name} does.\n"
        (info / "METADATA").write_text(header)
        lines = "".join(f"{k} = {v}\n" for k, v in points.items())
        (info / "entry_points.txt").write_text(f"[wgbench.algorithms]\n{lines}")
        (tmp_path / f"{name}_module.py").write_text(module)
        monkeypatch.delitem(sys.modules, f"{name}_module", raising=False)

    return make


def test_an_installed_plugin_is_listed_without_being_imported_and_made_by_name(install):
    install("alpha", {"Good_One": "alpha_module:Good"})
    r = registry()
    assert r.names() == ["erm", "gdro", "timm:<name>", "good-one"]
    assert (r.info("good-one").summary, r.info("good-one").owner) == ("What alpha does.", "alpha 1.2")
    assert "alpha_module" not in sys.modules
    assert r.make("GOOD_one", strength="2.5").strength == 2.5


def test_a_broken_plugin_is_named_and_the_others_work(install):
    install("broken", {"bad": "broken_module:Good"}, module="raise RuntimeError('half written')")
    install("alpha", {"good": "alpha_module:Good"})
    r = registry()
    assert {"bad", "good", "erm"} <= set(r.names())
    assert r.make("good").strength == 1.0
    with pytest.raises(BrokenPlugin, match=r"'bad' of broken 1\.2.*RuntimeError: half written.*uninstall that package"):
        r.make("bad")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("alpha_module:not_a_class", "is no class"),
        ("alpha_module:Absent", "AttributeError"),
        ("nowhere:X", "ModuleNot"),
    ],
)
def test_targets_that_are_no_class_or_not_there(install, target, said):
    install("alpha", {"odd": target})
    with pytest.raises(BrokenPlugin, match=said):
        registry().make("odd")


def test_a_taken_name_is_refused_when_it_is_used_naming_both(install):
    install("shadow", {"gdro": "shadow_module:Good"})
    r = registry()
    assert r.make("erm") == Mine()
    assert r.names().count("gdro") == 1
    with pytest.raises(NameTaken, match=r"claimed by shadow 1\.2 and wgbench; uninstall one, or set WGBENCH_PLUGINS=0"):
        r.make("gdro")


def test_two_packages_that_claim_one_name(install):
    install("alpha", {"new": "alpha_module:Good"})
    install("beta", {"new": "beta_module:Good"})
    with pytest.raises(NameTaken, match=r"alpha 1\.2 and beta 1\.2"):
        registry().find("new")


def test_the_pristine_suite(install, monkeypatch):
    install("shadow", {"gdro": "shadow_module:Good", "other": "shadow_module:Good"})
    monkeypatch.setenv("WGBENCH_PLUGINS", "0")
    r = registry()
    assert r.names() == ["erm", "gdro", "timm:<name>"]
    assert r.make("gdro") == Mine()


def test_names_ignore_case_and_dashes_up_to_the_colon():
    r = Registry("backbones", {"some-nets:<name>": (f"{__name__}:Mine", "")}, {"short": "some-nets:Long_Name"})
    assert r.make("SOME_Nets:Res_Net-18.A").name == "Res_Net-18.A"
    assert r.find("Some_nets:X_y").name == "some-nets:X_y"
    assert r.find("short").name == "some-nets:Long_Name"
    with pytest.raises(UnknownName, match="a name belongs after the colon; write some-nets:<name>"):
        r.make("some-nets")


def test_unknown_names_get_a_suggestion_or_the_list():
    with pytest.raises(UnknownName, match="did you mean gdro"):
        registry().make("grdo")
    with pytest.raises(UnknownName, match=r"there are short, erm, gdro, timm:<name>"):
        registry().make("zzzzzz")
    with pytest.raises(UnknownName, match="nothing belongs after the name; write erm"):
        registry().make("erm:x")


def test_patterns():
    assert registry().names("*r*") == ["erm", "gdro"]


def test_registering_by_hand():
    r = registry()
    r.register("Mine_Too", Mine)
    assert r.make("mine-too") == Mine()
    assert r.info("mine-too").summary == "Mine, all mine."
    assert r.registered() == {"mine-too": Mine}
    r.register("mine-too", Mine)  # the same again is no conflict
    with pytest.raises(NameTaken, match="wgbench has that name"):
        r.register("ERM", Mine)


def test_unknown_options_and_values():
    with pytest.raises(BadOption, match=r"no option 'nme'; did you mean name\?"):
        registry().make("erm", nme=1)
    with pytest.raises(BadOption, match=r"give a value of type str"):
        registry().make("erm", name=[1])


def test_errors_cross_process_borders():
    with pytest.raises(UnknownName) as caught:
        registry().make("grdo")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (UnknownName, str(caught.value))


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, wgbench\n"
        "for kind in ('algorithms', 'losses', 'datasets', 'backbones'):\n"
        "    module = getattr(wgbench, kind)\n"
        "    [module.registry.listing(n) for n in module.names()]\n"
        "print(*({'torch', 'timm', 'torchvision', 'sklearn', 'PIL', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
