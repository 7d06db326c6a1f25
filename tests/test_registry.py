"""Names and plug-ins, with real distributions on sys.path."""

import importlib
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from wgbench import errors
from wgbench.checks import CheckFailed
from wgbench.errors import BadOption, BrokenPlugin, NameTaken, UnknownName, WgbenchError
from wgbench.registry import Registry

MODULE = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Good:
    strength: float = 1.0
class Outer:
    Inner = Good
class Plain:
    pass
not_a_class = 3
"""


@dataclass(frozen=True)
class Mine:
    """Mine, all mine.

    The rest is not for listings.
    """

    name: str = ""


def registry():
    return Registry(
        "algorithms",
        {
            "erm": (f"{__name__}:Mine", "the mean"),
            "gdro": (f"{__name__}:Mine", "groups"),
            "timm:<name>": (f"{__name__}:Mine", "models"),
        },
        {"short": "timm:Long_Name"},
    )


BUILT_IN = registry().names()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with entry points and one module on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name, points, module=MODULE, version="1.2"):
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        header = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: What {name} does.\n"
        lines = "".join(f"{k} = {v}\n" for k, v in points.items())
        (info / "METADATA").write_text(header)
        (info / "entry_points.txt").write_text(f"[wgbench.algorithms]\n{lines}")
        (info / "RECORD").write_text(
            "".join(f"{info.name}/{f},,\n" for f in ("METADATA", "entry_points.txt", "RECORD"))
        )
        (tmp_path / f"{name}_module.py").write_text(module)
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, f"{name}_module", raising=False)
        return info

    return make


def outside(code, *paths, **environment):
    """What a fresh interpreter prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# Installed packages


def test_an_installed_plugin_is_listed_without_being_imported_and_made_by_name(install):
    install("alpha", {"Good_One": "alpha_module:Good"})
    r = registry()
    assert r.names() == [*BUILT_IN, "good-one"]
    assert (r.info("good-one").summary, r.info("good-one").owner) == ("What alpha does.", "alpha 1.2")
    assert "alpha_module" not in sys.modules
    assert r.make("GOOD_one", strength="2.5").strength == 2.5
    assert r.find("good_One").name == "good-one"


def test_the_built_in_registries_find_installed_plugins(install, tmp_path):
    install("alpha", {"mine": "alpha_module:Good", "gdro": "alpha_module:Good"})
    code = """
import sys
from wgbench import algorithms, errors
assert "mine" in algorithms.names(), algorithms.names()
assert algorithms.info("mine").owner == "alpha 1.2"
assert "alpha_module" not in sys.modules
print(algorithms.make("mine", strength=2))
try:
    algorithms.make("gdro")
except errors.NameTaken as problem:
    print(problem)
"""
    assert outside(code, tmp_path).splitlines() == [
        "Good(strength=2.0)",
        "algorithm 'gdro': claimed by alpha 1.2 and wgbench; uninstall one, or set WGBENCH_PLUGINS=0",
    ]
    pristine = "from wgbench import algorithms\nprint('mine' in algorithms.names(), algorithms.make('gdro').nu > 0)"
    assert outside(pristine, tmp_path, WGBENCH_PLUGINS="0") == "False True"


@pytest.mark.parametrize(
    ("module", "cause"),
    [
        ("raise RuntimeError('half written')", "RuntimeError: half written"),
        ("import sys\nsys.exit('no licence')", "SystemExit: no licence"),
        ("def f(:", "SyntaxError"),
        ("import absent_package", "ModuleNotFoundError: No module named 'absent_package'"),
    ],
)
def test_a_broken_plugin_is_named_and_the_others_work(install, module, cause):
    install("broken", {"bad": "broken_module:Good"}, module=module)
    install("alpha", {"good": "alpha_module:Good"})
    r = registry()
    assert sorted(r.names()) == sorted([*BUILT_IN, "bad", "good"])
    assert r.info("bad").owner == "broken 1.2"
    with pytest.raises(BrokenPlugin) as caught:
        r.make("bad")
    said = str(caught.value)
    assert said.startswith("algorithm 'bad' of broken 1.2: broken_module:Good cannot be loaded")
    assert cause in said
    assert "uninstall that package" in said
    assert caught.value.__cause__ is not None
    assert r.make("good").strength == 1.0
    assert r.make("erm") == Mine()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("alpha_module:not_a_class", "alpha_module:not_a_class is no dataclass; .*name a frozen dataclass"),
        ("alpha_module:Plain", "alpha_module:Plain is no dataclass"),
        ("alpha_module:Absent", "AttributeError: .*'Absent'"),
        ("alpha_module", "AttributeError"),
        ("nowhere:X", "ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_targets_that_are_no_dataclass_or_not_there(install, target, said):
    install("alpha", {"odd": target})
    with pytest.raises(BrokenPlugin, match=rf"^algorithm 'odd' of alpha 1\.2: .*{said}"):
        registry().make("odd")


def test_an_entry_point_may_name_an_inner_class(install):
    install("alpha", {"inner": "alpha_module:Outer.Inner"})
    assert registry().make("inner").strength == 1.0


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"Name: \xff\xfe")]
)
def test_a_package_with_torn_metadata_disturbs_nobody(install, damage):
    # What an interrupted uninstallation or a full disk leaves.
    damage(install("torn", {"rest": "torn_module:Good"}) / "METADATA")
    importlib.invalidate_caches()
    r = registry()
    assert r.names() == [*BUILT_IN, "rest"]
    assert (r.info("rest").owner, r.info("rest").summary) == ("an unnamed package", "")


def test_a_taken_name_is_refused_when_it_is_used_naming_both(install):
    install("shadow", {"GDRO": "shadow_module:Good", "own": "shadow_module:Good"})
    r = registry()
    assert r.names() == [*BUILT_IN, "own"]
    assert r.make("erm") == Mine()
    assert r.make("own").strength == 1.0
    for use in (r.make, r.find, r.info):
        with pytest.raises(NameTaken, match=r"'gdro': claimed by shadow 1\.2 and wgbench; .* set WGBENCH_PLUGINS=0"):
            use("gdro")
    assert "shadow_module" in sys.modules  # for `own`


@pytest.mark.parametrize(("claimed", "used"), [("short", "short"), ("timm", "timm:x"), ("timm", "short")])
def test_aliases_and_prefixes_are_taken_names_too(install, claimed, used):
    install("shadow", {claimed: "shadow_module:Good"})
    with pytest.raises(NameTaken, match=r"claimed by shadow 1\.2 and wgbench"):
        registry().make(used)


def test_two_packages_that_claim_one_name(install):
    install("alpha", {"new": "alpha_module:Good"})
    install("beta", {"New": "beta_module:Good", "other": "beta_module:Good"})
    r = registry()
    assert r.names() == [*BUILT_IN, "new", "other"] or r.names() == [*BUILT_IN, "other", "new"]
    with pytest.raises(NameTaken, match=r"alpha 1\.2 and beta 1\.2"):
        r.find("new")
    assert r.make("other").strength == 1.0


def test_a_package_that_claims_one_name_twice(install):
    install("alpha", {"my-way": "alpha_module:Good", "My_Way": "alpha_module:Plain"})
    with pytest.raises(NameTaken, match=r"claimed by alpha 1\.2 and alpha 1\.2"):
        registry().find("my-way")


def test_the_pristine_suite(install, monkeypatch):
    install("shadow", {"gdro": "shadow_module:Good", "other": "shadow_module:Good"})
    monkeypatch.setenv("WGBENCH_PLUGINS", "0")
    r = registry()
    assert r.names() == BUILT_IN
    assert r.make("gdro") == Mine()
    with pytest.raises(UnknownName):
        r.make("other")


# Names


def test_names_ignore_case_and_dashes_up_to_the_colon():
    r = Registry("backbones", {"some-nets:<name>": (f"{__name__}:Mine", "")}, {"short-cut": "some-nets:Long_Name"})
    assert r.make("SOME_Nets:Res_Net-18.A").name == "Res_Net-18.A"
    assert r.make(" some-nets:a:b").name == "a:b"
    assert r.find("Some_nets:X_y").name == "some-nets:X_y"
    assert r.find("Short_Cut").name == "some-nets:Long_Name"


def test_the_part_after_the_colon_is_asked_for_and_refused_where_it_does_not_belong():
    for name in ("timm", "timm:"):
        with pytest.raises(UnknownName, match="a name belongs after the colon; write timm:<name>"):
            registry().make(name)
    with pytest.raises(UnknownName, match="nothing belongs after the name; write erm"):
        registry().make("erm:x")


def test_a_name_that_carries_an_option_does_not_take_another_value_for_it():
    assert registry().make("timm:a", name="a").name == "a"
    with pytest.raises(BadOption, match="its name is also given as 'b'; write it once, as timm:<name>"):
        registry().make("timm:a", name="b")
    with pytest.raises(BadOption, match="its name is also given as 'b'"):
        registry().make("short", name="b")


def test_unknown_names_get_a_suggestion_or_the_list():
    with pytest.raises(UnknownName, match=r"algorithm 'grdo': no such name; did you mean gdro\? \(`wgbench ls algo"):
        registry().make("grdo")
    with pytest.raises(UnknownName, match="did you mean timm:<name>"):
        registry().make("tim:resnet50")
    with pytest.raises(UnknownName, match="did you mean short"):
        registry().make("shrot")
    for name in ("zzzzzz", "", ":"):
        with pytest.raises(UnknownName, match="there are short, erm, gdro, timm:<name>"):
            registry().make(name)


def test_patterns():
    assert registry().names("*R*") == ["erm", "gdro"]
    assert registry().names("TIMM:*") == ["timm:<name>"]
    assert registry().names("nothing*") == []


def test_unknown_options_and_values():
    with pytest.raises(BadOption, match=r"^algorithm erm: no option 'nme'; did you mean name\?"):
        registry().make("erm", nme=1)
    with pytest.raises(BadOption, match=r"give a value of type str"):
        registry().make("erm", name=[1])


# By hand


def test_registering_by_hand():
    r = registry()
    r.register("Mine_Too", Mine)
    assert r.names() == [*BUILT_IN, "mine-too"]
    assert r.make("mine-too", name="x") == Mine("x")
    assert r.info("mine-too").summary == "Mine, all mine."
    assert r.registered() == {"mine-too": Mine}
    r.register("mine-too", Mine)  # the same again is no conflict
    r.register("written", f"{__name__}:Mine")
    assert r.make("written") == Mine()


@pytest.mark.parametrize("name", ["ERM", "timm:x", "short", "timm"])
@pytest.mark.parametrize("target", [Mine, f"{__name__}:Mine"])
def test_registering_a_built_in_name_is_refused_and_changes_nothing(name, target):
    r = registry()
    with pytest.raises(NameTaken, match=rf"register algorithm '{name}': wgbench has that name; choose another name"):
        r.register(name, target)
    assert r.names() == BUILT_IN
    assert r.make("erm") == r.make("gdro") == Mine()
    assert r.make("short") == Mine("Long_Name")


def test_registering_the_name_of_a_package_or_of_another_class_is_refused(install):
    install("alpha", {"new": "alpha_module:Good"})
    r = registry()
    with pytest.raises(NameTaken, match=r"alpha 1\.2 has that name"):
        r.register("new", Mine)
    r.register("mine", Mine)
    with pytest.raises(NameTaken, match="this program has that name"):
        r.register("mine", "elsewhere:Mine")
    assert r.registered() == {"mine": Mine}


def cell(rule="2 * losses", head="", version=1):
    """What running a notebook's cell defines."""
    names = {"__name__": "__main__"}
    exec(f"{head}class Twice:\n    version = {version}\n    def weigh(self, losses):\n        return {rule}\n", names)
    return dataclass(frozen=True)(names["Twice"])


def test_a_program_replaces_what_it_registered_itself(recwarn):
    r, first, again = registry(), cell(), cell(head="\n\n")
    r.register("twice", first)
    r.register("twice", again)
    assert first is not again
    assert r.registered() == {"twice": again}
    assert isinstance(r.make("twice"), again)
    r.register("twice", cell("3 * losses", version=2))
    assert not recwarn.list


@pytest.mark.parametrize("rule", ["3 * losses", "2 * labels", "[2 * x for x in losses]"])
def test_other_code_under_the_same_version_is_said_to_find_finished_runs(rule):
    r = registry()
    r.register("twice", cell())
    said = r"^register algorithm 'twice': its code is another under the same version; .*: raise `version` in the class"
    with pytest.warns(UserWarning, match=said):
        r.register("twice", cell(rule))
    assert r.make("twice") is not None


# Borders


@pytest.mark.parametrize(
    "kind", [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, WgbenchError)] + [CheckFailed]
)
def test_errors_cross_process_borders(kind):
    again = pickle.loads(pickle.dumps(kind("what was asked", "what is\n wrong", "what to do")))
    assert type(again) is kind
    assert str(again) == "what was asked: what is wrong; what to do"
    assert (again.asked, again.wrong, again.remedy) == ("what was asked", "what is\n wrong", "what to do")


def test_the_error_of_a_broken_plugin_crosses_although_its_cause_may_not(install):
    class_of_its_own = (
        "class Odd(Exception):\n    def __init__(self, a, b): super().__init__(a)\nraise Odd('x', lambda: 0)"
    )
    install("broken", {"bad": "broken_module:Good"}, module=class_of_its_own)
    with pytest.raises(BrokenPlugin, match="Odd: x") as caught:
        registry().make("bad")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_listing_imports_nothing_heavy():
    code = """
import sys, wgbench
for kind in ("algorithms", "losses", "datasets", "backbones"):
    module = getattr(wgbench, kind)
    assert [module.registry.listing(name) for name in module.names()]
assert wgbench.datasets.info("waterbirds").name == "waterbirds"
heavy = {"torch", "timm", "torchvision", "sklearn", "scipy", "PIL", "numpy", "pyarrow", "datasets", "matplotlib"}
print(*sorted(heavy & sys.modules.keys()))
print(*sorted(name for name in sys.modules if name.startswith("wgbench.") and name.endswith(".base")))
"""
    assert outside(code) == ""
