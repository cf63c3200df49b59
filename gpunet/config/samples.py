"""The section about data: where samples come from, and how they are divided and prepared."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ..fields import Count, NonNegative, Positive
from ..vocabulary import PreparationWord, Section, expand_preparations

Part = Annotated[float, Field(ge=0, lt=1)] | Annotated[int, Field(ge=0)]


Columns = tuple[str | int, ...]
FillWord = Literal["auto", "median", "mean", "most_frequent", "flag", "refuse"]
CategoriesWord = Literal["one_hot", "ordinal"]


def _listed(value: Any) -> Any:
    """A single name or number stands for a list of it."""
    return (value,) if isinstance(value, str | int) and not isinstance(value, bool) else value


def _place(value: str) -> str:
    """A folder, or a word in its place."""
    if not value.strip():
        raise ValueError("must be auto, none or the path of a folder")
    return value


class DataConfig(Section):
    """Where samples come from and how they are divided and prepared."""

    source: str = Field("digits", description="digits, or the path of a file or folder")
    target: str | int | Columns | None = Field(
        None,
        description="name or number of the target column of a table, or several, [] for none; by default label, "
        "target, class or y, else the last",
    )
    task: Literal["auto", "classification", "multilabel", "regression"] = Field(
        "auto", description="what the targets are"
    )
    features: Annotated[
        Columns | dict[str, Literal["number", "category", "text", "image"]] | None, BeforeValidator(_listed)
    ] = Field(None, description="columns that are features, all others are then left out; or the kinds of some by name")
    ignore: Annotated[Columns, BeforeValidator(_listed)] = Field((), description="columns that are left out")
    id: Annotated[Columns, BeforeValidator(_listed)] = Field(
        (), description="columns that name the samples, and come back beside predictions"
    )
    weight: str | int | None = Field(
        None, description="column, or name of the array of an NPZ or HDF5 file, that says how much each sample counts"
    )
    weights: str | None = Field(
        None, description="path of a file that says how much each sample counts: a number on each line, or .npy"
    )
    alphabet: str = Field(
        "auto",
        description="letters of sequences in FASTA files: protein (21), rna or dna (5, with the gap), or letters of "
        "one's own, each once",
    )
    identity: Annotated[float, Field(gt=0, le=1)] | Literal["auto", "none"] = Field(
        "auto",
        description="share of equal sites from which sequences count as one: each weighs 1 / how many do; auto is 0.8 "
        "for sequences without other weights, none lets all count alike",
    )
    header: bool | None = Field(None, description="whether a table has a header row; found out by default")
    delimiter: str | None = Field(None, description="one character, tab or space; found out by default")
    decimal: Literal[".", ","] | None = Field(None, description="decimal sign of a table; found out by default")
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        None, description="sign between groups of three digits; found out where only one way of reading is possible"
    )
    missing: Annotated[tuple[str, ...] | None, BeforeValidator(_listed)] = Field(
        None, description="texts of missing cells; empty ones by default, and NA, ?, null and the like between numbers"
    )
    fill: FillWord | dict[str, FillWord] = Field(
        "auto",
        description="what missing cells of features become, for all or by name of column, * for the others; auto is "
        "the median of columns that have some",
    )
    categories: CategoriesWord | dict[str, CategoriesWord | tuple[str, ...]] = Field(
        "one_hot", description="how categories become features, or their order by name of column"
    )
    unseen: Literal["ignore", "refuse"] = Field("ignore", description="categories that training has not seen")
    rare: NonNegative = Field(0, description="fold categories with fewer samples, or a smaller share of them")
    words: Count = Field(1000, description="most frequent words of a text beside other features that become features")
    scale_target: Literal["auto"] | bool = Field(
        "auto", description="standardise targets of regression; auto does for squared, absolute and Huber loss"
    )
    x: str | None = Field(None, description="name of the array of features in an NPZ or HDF5 file")
    y: str | None = Field(None, description="name of the array of targets")
    channels: Literal["first", "last"] | None = Field(
        None, description="where the channels of arrays of images are; found out by default"
    )
    transposed: bool | None = Field(
        None,
        description="whether rows and columns of arrays of images are exchanged; by default those of IDX files named "
        "emnist-... are",
    )
    resize: tuple[Count, Count] | None = Field(
        None, description="height and width of images in files; by default all must have one size"
    )
    resize_by: Literal["crop", "pad", "stretch"] = Field("crop", description="how images get that size")
    cache: Annotated[str, AfterValidator(_place)] = Field(
        "auto",
        description="folder that keeps decoded images, so that folders of them are decoded once; auto is the folder "
        "cache beside the run, none keeps nothing",
    )
    memory: Positive | None = Field(
        None,
        description="megabytes that features may take; where they would take more they stream from IDX, HDF5 or "
        "uncompressed NPZ files, or from decoded images, window by window; by default all are loaded",
    )
    background: int = Field(
        255, ge=0, le=255, description="grey level behind transparent images, and around padded ones"
    )
    validation: Part = Field(0.15, description="part for model selection: a fraction or a count")
    test: Part = Field(0.15, description="part for the final figure, unless the files fix one")
    labels: Count | None = Field(
        None, description="samples of the training part that have labels, drawn by the seed; all by default"
    )
    split: Literal["stratified", "tail", "group", "date", "column"] = Field(
        "stratified", description="random within classes, the last samples, or by split_column"
    )
    split_column: str | int | None = Field(
        None, description="column whose groups stay together, whose latest dates are the test, or that names the parts"
    )
    split_seed: int = Field(0, ge=0, description="seed of the split; the same for all members")
    preprocess: Annotated[tuple[PreparationWord, ...] | None, BeforeValidator(expand_preparations)] = Field(
        None, description="in this order; none for nothing; auto scales images to 0..1 and standardises everything else"
    )
