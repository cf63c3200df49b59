"""Writes old configurations with what they mean, to be read for ever after.

``fixtures/presets`` has the presets as they were shipped, ``fixtures/schema`` files that together use every key and
every word that there was, and beside both ``expected.json`` with the whole configuration that each file stands for.
The set that is committed was written by the version of commit 3ca7d91, with

    PYTHONPATH=tests python -m compatibility.write_configurations

and is never written again.
"""

import json
from collections import Counter

import tomli_w

from compatibility.old_files import FIXTURES, gpunet, meaning

DEEPEST = 7  # levels at which words that hold others are still chosen
# Values that must go with others.
GIVEN = {
    ("Config", "name"): ["every-key_1"],
    ("DataConfig", "source"): ["digits", "some/folder"],
    ("DataConfig", "label"): ["species", 2],
    ("TrainingConfig", "epochs"): [40],
    ("join", "epochs"): [[3.5], [2, 60.5]],
    ("one_cycle", "epochs"): [100.5],
    ("one_cycle", "rise"): [0.3],
    ("piecewise", "values"): [[0.5, 0.25, 0.125]],
    ("piecewise", "boundaries"): [[3.5, 7]],
    ("swa", "start"): [7],
    ("tempered", "temperatures"): [[1, 0.75, 0.25], 6],
    ("tempered", "mean_field"): [False],
}
SHORT = """# Words that stand for more: names for tables, numbers for chains, switches, lists for sequences.
model = {short_model}
optimizer = "sgd"
loss = "huber"

[data]
preprocess = {preprocess}

[augmentation]
shift = true
rotate = false
"""


class Examples:
    """Configurations out of the schema: each choice takes what was chosen least before.

    Args:
        bare: leave out whatever has a default, but for the choice of words.
    """

    def __init__(self, bare=False):
        self.bare = bare
        self.schema = json.loads(gpunet("config", "schema"))
        self.chosen, self.used = Counter(), 0

    def section(self, name, depth=0):
        """A table with a value for every key, other than its default where there is a choice."""
        properties = self.schema["$defs"][name]["properties"] if name != "Config" else self.schema["properties"]
        place = name.rpartition("__")[0].rpartition("__")[2] if name.startswith("gpunet__") else name
        required = (self.schema["$defs"][name] if name != "Config" else self.schema).get("required", ())
        found = {}
        for key, about in properties.items():
            if self.bare and key not in ("name", *required) and not (self._holds_words(about) and depth < 2):
                continue
            given = GIVEN.get((place, key))
            where = (name, key)
            value = self._least(where, given) if given else self.value(about, where, depth + 1)
            found[key] = value
        return found

    def value(self, about, where, depth):
        """A value that a schema allows."""
        if "$ref" in about:
            return self.section(about["$ref"].rpartition("/")[2], depth)
        if "const" in about:
            return about["const"]
        if "enum" in about:
            return self._least(where, about["enum"])
        for several in ("anyOf", "oneOf"):
            if several in about:
                options = [option for option in about[several] if option.get("type") != "null"]
                if depth > DEEPEST:  # nothing more that holds words of its own
                    options = [o for o in options if not self._holds_words(o)] or options[:1]
                if self.bare:  # no number where there are words
                    options = [o for o in options if o.keys() & {"$ref", "oneOf", "anyOf"}] or options
                place = json.dumps(options) if self.bare else (*where, several)  # words of a family take turns
                return self.value(self._least(place, options), where, depth)
        if about["type"] == "array":
            items = about["items"]
            count = len(items["oneOf"]) if "oneOf" in items and depth <= 4 and where[0] != "join" else 2
            return [self.value(items, where, depth + 1) for _ in range(count)]
        if about["type"] == "boolean":
            return self._least(where, [not about.get("default", False), about.get("default", False)])
        return self._number(about) if about["type"] in ("number", "integer") else "text"

    def _number(self, about):
        """Another number each time, inside its bounds."""
        self.used += 1
        low = about.get("minimum", about.get("exclusiveMinimum", 0))
        if about["type"] == "integer":
            return int(low) + 2 + self.used % 7
        high = about.get("maximum", about.get("exclusiveMaximum", low + 2))
        return round(low + (high - low) * (0.05 + 0.9 * (self.used * 0.6180339887 % 1)), 6)

    def _least(self, where, options):
        number = min(range(len(options)), key=lambda i: self.chosen[where, i])
        self.chosen[where, number] += 1
        return options[number]

    def _holds_words(self, option):
        name = option.get("$ref", "").rpartition("/")[2]
        inside = json.dumps(self.schema["$defs"].get(name, option) if name else option)
        return "$ref" in inside


def uses(document, key=""):
    """Every key of every word with the kind of its value, and every text and switch."""
    if isinstance(document, dict):
        name = document.get("name", key) if key else key
        yield name
        for inner, value in document.items():
            yield name, inner, type(value).__name__, value if isinstance(value, str | bool) else ""
            yield from uses(value, inner)
    elif isinstance(document, list):
        for value in document:
            yield from uses(value, key)


def write_examples(folder, kind, examples):
    """Files until another one would use nothing new; returns what each stands for."""
    seen, expected, idle = set(), {}, 0
    while idle < 12:
        document = examples.section("Config")
        new = set(uses(document)) - seen
        idle = 0 if new else idle + 1
        if new:
            seen |= new
            name = f"{kind}-{len(expected):02d}.toml"
            (folder / name).write_text(tomli_w.dumps(document))
            expected[name] = meaning(folder / name)
    return expected


def write_schema():
    """Every key and word with values of their own, every word with its defaults, and what stands for more."""
    folder, examples = FIXTURES / "schema", Examples()
    folder.mkdir(parents=True)
    expected = write_examples(folder, "full", examples) | write_examples(folder, "bare", Examples(bare=True))
    models = ('"mlp"', '{ name = "rbm", chains = 100, sparsity = {} }', '{ name = "mlp", batch_norm = true }')
    models += ('{ name = "layers", layers = ["relu", { name = "residual", body = ["tanh", "linear"] }] }',)
    ways = ('"none"', '"auto"', '"scale"', '["scale", { name = "pca" }]')
    for number, (model, way) in enumerate(zip(models, ways)):
        name = f"short-{number}.toml"
        (folder / name).write_text(SHORT.format(short_model=model, preprocess=way))
        expected[name] = meaning(folder / name)
    words = {key for name, about in examples.schema["$defs"].items() for key in about.get("properties", {})}
    names = {
        about["properties"]["name"]["const"]
        for about in examples.schema["$defs"].values()
        if "name" in about.get("properties", {})
    }
    words |= names
    for kind in ("full", "bare"):
        texts = "".join(path.read_text() for path in folder.glob(f"{kind}*.toml"))
        wanted = words if kind == "full" else names
        assert not (missing := sorted(word for word in wanted if word not in texts)), f"no {kind} file uses {missing}"
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


def write_presets():
    """The presets as they are."""
    folder, expected = FIXTURES / "presets", {}
    folder.mkdir(parents=True)
    for line in gpunet("presets", "ls").splitlines():
        name = f"{line.split()[0]}.toml"
        gpunet("presets", "copy", line.split()[0], folder / name)
        expected[name] = meaning(folder / name)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    write_presets()
    write_schema()
