"""How a line is changed: a choice of cosmic-ray's operators, and a few it lacks."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import cosmic_ray.plugins
from cosmic_ray.operators.operator import Operator
from parso.python.tree import Name

Place = tuple[tuple[int, int], tuple[int, int]]

# Each comparison becomes its neighbour and its opposite, each sum a difference. The others of
# cosmic-ray's are left out: `x is None` made `x < None` dies of a TypeError and proves nothing, and
# `==` for `is` is the same wherever it stands here.
CHOSEN = re.compile(
    r"""core/(
    ReplaceComparisonOperator_(
        Lt_LtE | Lt_GtE | LtE_Lt | LtE_Gt | Gt_GtE | Gt_LtE | GtE_Gt | GtE_Lt
        | Eq_NotEq | NotEq_Eq | Is_IsNot | IsNot_Is
    )
    | ReplaceBinaryOperator_(Add_Sub | Sub_Add | Mul_Div | Div_Mul | Pow_Mul | BitOr_BitAnd | BitAnd_BitOr)
    | ReplaceUnaryOperator_(Delete_Not | USub_UAdd)
    | AddNot | ReplaceTrueWithFalse | ReplaceFalseWithTrue | ReplaceAndWithOr | ReplaceOrWithAnd
    | ReplaceBreakWithContinue | ReplaceContinueWithBreak | ZeroIterationForLoop
    | ExceptionReplacer | NumberReplacer | RemoveDecorator
    )""",
    re.VERBOSE,
)

MESSAGES = re.compile(r"\w*Error|Caveat|bug|plugin|checked|TypeVar")
"""Calls whose text is for people."""


class _Replacing(Operator):
    """Replaces a node by what `changed` makes of its code."""

    @abstractmethod
    def fits(self, node: Any) -> bool:
        """Whether a node is one to replace."""

    @abstractmethod
    def changed(self, code: str) -> str:
        """Return the code in its place."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        if self.fits(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        code = self.changed(node.get_code(include_prefix=False))
        return Name(code, node.start_pos, node.get_first_leaf().prefix)

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


class StatementRemoved(_Replacing):
    """A call, a yield or an assignment to a member that is left out."""

    def fits(self, node: Any) -> bool:
        if node.parent is None or node.parent.type not in ("simple_stmt", "suite"):
            return False
        if node.type == "expr_stmt":
            target, assigned = node.children[:2]
            is_added_to = assigned.type == "operator" and assigned.value != "="
            return target.type in ("atom_expr", "power") or is_added_to
        return node.type in ("atom_expr", "power", "yield_expr", "del_stmt")

    def changed(self, code: str) -> str:
        return "pass"


class NoneReturned(_Replacing):
    """A value that is not returned."""

    def fits(self, node: Any) -> bool:
        return node.type == "return_stmt"

    def changed(self, code: str) -> str:
        return "return None"


class MembershipTurned(_Replacing):
    """`in` for `not in`, and the reverse."""

    def fits(self, node: Any) -> bool:
        if node.parent is None or node.parent.type != "comparison":
            return False
        return node.get_code(include_prefix=False).split() in (["in"], ["not", "in"])

    def changed(self, code: str) -> str:
        return "in" if code.startswith("not") else "not in"


class TextChanged(_Replacing):
    """A name, a value or a pattern that is another; not what is said to people, nor a link."""

    def fits(self, node: Any) -> bool:
        return node.type == "string" and not _is_prose(node) and not node.value.startswith('"https:')

    def changed(self, code: str) -> str:
        return re.sub(r"^(\w*(?:\"\"\"|\"|'))", r"\1X", code)


class KeywordRemoved(Operator):
    """An argument given by name that is left to its default."""

    def mutation_positions(self, node: Any) -> list[Place]:
        return [(child.start_pos, child.end_pos) for _, child in self._places(node)]

    def mutate(self, node: Any, index: int) -> Any:
        place, _ = self._places(node)[index]
        with_comma = node.type == "arglist"
        del node.children[place : place + 1 + with_comma]
        return node

    def _places(self, node: Any) -> list[tuple[int, Any]]:
        if node.type not in ("arglist", "trailer"):
            return []
        return [
            (place, child)
            for place, child in enumerate(node.children)
            if child.type == "argument"
            and child.children[0].type == "name"
            and child.children[1].value == "="
        ]

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def _is_prose(node: Any) -> bool:
    """Whether a text is a docstring, or stands in an error, a caveat or the like."""
    if node.parent.type in ("simple_stmt", "file_input"):
        return True
    while node.parent is not None and node.type not in ("funcdef", "classdef"):
        if node.type == "raise_stmt":
            return True
        if node.type == "trailer":
            callee = node.get_previous_sibling().get_code().strip(" .")
            if MESSAGES.fullmatch(callee):
                return True
        node = node.parent
    return False


def operators() -> dict[str, Callable[[], Operator]]:
    """Return every operator by its name."""
    chosen = (name for name in cosmic_ray.plugins.operator_names() if CHOSEN.fullmatch(name))
    ours = (StatementRemoved, NoneReturned, MembershipTurned, TextChanged, KeywordRemoved)
    return {
        **{name.removeprefix("core/"): cosmic_ray.plugins.get_operator(name) for name in chosen},
        **{operator.__name__: operator for operator in ours},
    }
