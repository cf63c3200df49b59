"""Published experiments that anybody can repeat: what is run, the number that is known, and how near one must come."""

from .base import Finding, Recipe, Runner, Verdict
from .digits import DIGITS
from .drawn import DRAWN
from .mnist import MNIST

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (*DIGITS, *DRAWN, *MNIST)}

__all__ = ["RECIPES", "Finding", "Recipe", "Runner", "Verdict"]
