"""What is run: frozen records with canonical JSON and a content hash. No torch here."""

import hashlib
import json
import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from wgbench.errors import BadOption
from wgbench.options import complaint, suggestion

RULES = "1.0"
EARLY = (11, 20)  # the paper's window for early stopping, first and last epoch
LAST = 10  # the final scores are means over so many last epochs
IDENTITY = {"for": "ids"}  # the context in which records are serialised to be hashed
SEEDS = (2002, 2022, 2042, 2062, 2082)  # the paper's

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# -0.0 equals 0.0 and is written otherwise: adding 0.0 leaves one zero, so that equal records have equal ids.
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(lambda value: value + 0.0)]
Fraction = Annotated[NonNegative, Field(lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Record(BaseModel):
    """A frozen record without unknown fields.

    `later` names the fields that came after ids were published: at their default they are in no id, so that every id
    of an older record stays what it was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    later: ClassVar[frozenset[str]] = frozenset()

    def canonical(self) -> str:
        """JSON with sorted keys and no spaces: equal records give equal bytes."""
        content = self.model_dump(mode="json", context=IDENTITY)
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @model_serializer(mode="wrap")
    def _serialized(self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        content: dict[str, Any] = serialize(self)
        if info.context is IDENTITY:
            fields = type(self).model_fields
            content = {k: v for k, v in content.items() if k not in self.later or getattr(self, k) != fields[k].default}
        return content

    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:16]


class Views(Record):
    """Geometry of images: what the network sees in training and in evaluation.

    Training: RandomResizedCrop to `size` with area `scale` and aspect `ratio` (none where `scale` is None), then a
    horizontal flip with probability one half, then brightness, contrast and saturation, in this order, times factors
    from [1 - jitter, 1 + jitter]. Evaluation: `eval`, steps in order; `resize` squashes to a square. Interpolation is
    bilinear with antialiasing, as PIL's.
    """

    later: ClassVar[frozenset[str]] = frozenset({"jitter"})

    size: int = Field(gt=0)
    scale: tuple[Positive, Positive] | None = (0.7, 1.0)
    ratio: tuple[Positive, Positive] = (3 / 4, 4 / 3)
    flip: bool = True
    jitter: Fraction = 0.0
    eval: tuple[tuple[Literal["resize", "crop"], Annotated[int, Field(gt=0)]], ...]

    @model_validator(mode="after")
    def _ends_at_size(self) -> Self:
        if not self.eval or self.eval[-1][1] != self.size:
            raise ValueError(f"the last step of eval must end at size {self.size}")
        return self


class Recipe(Record):
    """How one model is trained. Weight decay and `l2_to_init` act on all parameters, biases and norms too."""

    model_config = ConfigDict(allow_inf_nan=False)  # reaches into loss_options, where JSON would make NaN a null

    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    lr: Positive
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: Fraction = 0.9
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    clip_norm: Positive | None = None
    weight_decay: NonNegative = 0.0
    l2_to_init: NonNegative = 0.0  # mu of the paper's Eq. 12: mu/2 |theta - theta(0)|^2
    loss: str = "cross-entropy"
    loss_options: dict[str, JsonValue] = {}
    label_smoothing: Fraction = 0.0
    views: Views | None = None
    pretrained: bool = False


class Protocol(Record):
    """What is measured: seeds, the grid of weight decays, the early window and the last epochs."""

    rules: str = RULES
    seeds: tuple[Seed, ...] = SEEDS
    weight_decays: tuple[NonNegative, ...] = (0.0,)
    early: tuple[int, int] = EARLY
    last: Annotated[int, Field(ge=1)] = LAST

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for name, values in (("seeds", self.seeds), ("weight decays", self.weight_decays)):
            if not values or len(set(values)) != len(values):
                raise ValueError(f"{name} must be given, each once")
        if not 1 <= self.early[0] <= self.early[1]:
            raise ValueError("the early window must be a range of epochs from 1")
        return self


class Plugin(Record):
    """A plug-in by name, with its version and its complete options."""

    model_config = ConfigDict(allow_inf_nan=False)

    name: str
    version: int
    options: dict[str, JsonValue] = {}


class Mode(Record):
    """How the numbers are computed: changes rounding, so it is part of every cell's id."""

    later: ClassVar[frozenset[str]] = frozenset({"pipeline", "vectorized", "compiled"})

    precision: Literal["fp64", "fp32", "tf32", "bf16"] = "fp32"
    pipeline: Literal["fast", "reference"] = "fast"
    vectorized: bool = False  # trained together with other cells, in one program
    compiled: bool = False  # torch.compile, and on a GPU a CUDA graph of the whole step


class Cell(Record):
    """One training run. `recipe.weight_decay` is the grid's value, `loss` what the recipe's loss comes down to.

    `data` is the fingerprint of data that name and version do not pin down (a subset, a folder of one's own);
    `weights` the SHA-256 of initial weights that were given as a file.
    """

    dataset: Plugin
    backbone: Plugin
    algorithm: Plugin
    loss: Plugin
    recipe: Recipe
    seed: Seed
    mode: Mode = Mode()
    data: str | None = None
    weights: str | None = None

    @property
    def id(self) -> str:
        """Identity of the run: everything that changes its result, nothing that does not."""
        return self.digest()

    @property
    def weight_decay(self) -> float:
        """The grid's value that this cell was trained with."""
        return self.recipe.weight_decay

    def beside(self, seed: int, weight_decay: float) -> "Cell":
        """The cell of the same entry at another seed and weight decay."""
        recipe = self.recipe.model_copy(update={"weight_decay": weight_decay})
        return self.model_copy(update={"seed": seed, "recipe": recipe})


def place(dataset: Plugin, backbone: Plugin, algorithm: Plugin) -> str:
    """The folder of all runs of one combination, relative to the store."""
    return f"{slug(dataset.name)}-v{dataset.version}/{slug(backbone.name)}/{slug(algorithm.name)}"


def slug(name: str) -> str:
    """A name as a folder's name on any system; names that need changing keep apart by a short hash.

    Lower case, since some file systems ignore case; a name that looks like one with a hash gets one of its own.
    """
    if re.fullmatch(r"[a-z0-9]([a-z0-9._-]{0,78}[a-z0-9_-])?", name) and not re.search(r"(^|-)[0-9a-f]{8}$", name):
        return name
    plain = re.sub(r"[^a-z0-9._-]+", "-", name.lower())[:60].strip("-.")
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


def replaced(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """A recipe with fields changed; dotted names reach inside (`views.size`). BadOption names what does not fit.

    A size by itself takes the steps of evaluation along: resize 256, crop 224 is resize 73, crop 64 at size 64.
    """
    data = recipe.model_dump()
    if recipe.views is not None and isinstance(size := changes.get("views.size"), int) and "views.eval" not in changes:
        steps, before = recipe.views.eval, recipe.views.size
        data["views"]["eval"] = [(step, max(1, round(n * size / before))) for step, n in steps]
    for dotted, value in changes.items():
        *path, name = dotted.split(".")
        inner = data
        for part in path:
            inner = _inside(inner, part, dotted)
        if name not in inner and path != ["loss_options"]:  # those are the loss's own: it refuses what it does not know
            raise _no_option(dotted, name, inner)
        inner[name] = value
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        where, value, said = complaint(error)
        whole = "" if isinstance(value, dict | list | tuple) else f"={value}"
        asked = f"recipe.{where}{whole}" if where else "recipe"
        raise BadOption(asked, said, "see `wgbench info` of the dataset for its recipe") from None


def _inside(data: dict[str, Any], name: str, dotted: str) -> dict[str, Any]:
    inner = data.get(name)
    if isinstance(inner, dict):
        return inner
    if name in data:
        raise BadOption("recipe", f"no option {dotted!r}", f"{name} is {inner!r} here and has no parts: set it whole")
    raise _no_option(dotted, name, data)


def _no_option(dotted: str, name: str, known: dict[str, Any]) -> BadOption:
    return BadOption("recipe", f"no option {dotted!r}", suggestion(name, set(known)))
