"""The table of cases: @case in the files cases_*.py fills it."""
import importlib
import pathlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    number: int
    title: str
    seconds: int  # about how long it takes
    quick: bool  # a part of the two-minute choice
    alone: bool  # measures time: nothing else runs beside it
    beside: bool  # takes long and little: runs beside the others, in addition
    world: str  # the class of its world: World or Supervised
    run: object


CASES = {}


def case(number, title, seconds, quick=False, alone=False, beside=False, world="World"):
    def register(function):
        assert number not in CASES, number
        CASES[number] = Case(number, title, seconds, quick, alone, beside, world, function)
        return function

    return register


def load_all():
    for path in sorted(pathlib.Path(__file__).parent.glob("cases_*.py")):
        importlib.import_module(path.stem)
    return CASES
