"""Search over numbers and structure of a configuration: spaces, trials, their journal, and what came of them."""

from .candidates import Candidates, candidates_of
from .checking import check_space
from .dimensions import Dimension, label_of
from .execution import Concluded, SearchCallbacks, begin_search, carry_out_search, check_goes_on
from .files import NAME, RESULTS, Written, read_search
from .journal import Journal, require_optuna
from .listing import COMPARISON, OWN, SEARCH, check_search, is_search, read_results, what_is
from .problem import Search
from .results import Trial, trials_of
from .scoring import Goal, goal_of
from .settings import Settings
from .shipped import SHIPPED, fitted
from .space import TUNE, Space, held_at, space_of
from .work import work
from .workers import Workers, started_by

__all__ = [
    "COMPARISON",
    "NAME",
    "OWN",
    "RESULTS",
    "SEARCH",
    "SHIPPED",
    "TUNE",
    "Candidates",
    "Concluded",
    "Dimension",
    "Goal",
    "Journal",
    "Search",
    "SearchCallbacks",
    "Settings",
    "Space",
    "Trial",
    "Workers",
    "Written",
    "begin_search",
    "candidates_of",
    "carry_out_search",
    "check_goes_on",
    "check_search",
    "check_space",
    "fitted",
    "goal_of",
    "held_at",
    "is_search",
    "label_of",
    "read_results",
    "read_search",
    "require_optuna",
    "space_of",
    "started_by",
    "trials_of",
    "what_is",
    "work",
]
