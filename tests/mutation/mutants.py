"""Every mutant of a module: what is changed where, and the text that comes of it."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from tests.mutation.operators import operators
from tests.mutation.page import Identity

ROOT = Path(__file__).parents[2]


@frozen
class Mutant:
    """One change.

    Attributes:
        path: of the module, from the project's root.
        function: where it stands, outermost first; empty at module level.
        is_inside: whether it stands inside that function's body, and can be put in while it lives.
        line: where.
        lines: the lines of its statement, which a test must run to notice.
        operator: what made it.
        before: the lines as they are.
        after: the lines as they would be.
        source: the whole module.
    """

    path: str
    function: str
    is_inside: bool
    line: int
    lines: range
    operator: str
    before: str
    after: str
    source: str

    @property
    def module(self) -> str:
        """The name it is imported by."""
        return self.path.removeprefix("plugins/").removesuffix(".py").replace("/", ".")

    @property
    def identity(self) -> Identity:
        """What stays when lines move."""
        return self.path, self.function, self.before, self.after


def mutants(path: str) -> Iterator[Mutant]:
    """Make every mutant of a module: changes that mean the same as it does, or as another, are none."""
    source = (ROOT / path).read_text("utf-8")
    tree = ast.parse(source)
    nodes = list(ast_nodes(get_ast(source)))
    seen = {_meaning(source), None}
    for name, make in operators().items():
        operator = make()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, ((line, _), _) in enumerate(places):
            changed = mutate_code(source, operator, occurrence)
            meaning = _meaning(changed)
            if meaning in seen or not _is_sound(name, source, changed):
                continue
            seen.add(meaning)
            function, is_inside = _function(tree, line)
            lines = _statement(tree, line)
            yield Mutant(path, function, is_inside, line, lines, name, *_difference(source, changed), changed)


def _difference(source: str, changed: str) -> tuple[str, str]:
    lines = [line for line in difflib.ndiff(source.splitlines(), changed.splitlines()) if line[0] in "+-"]
    before, after = (
        " ".join(" ".join(line[2:].split()) for line in lines if line[0] == sign) for sign in "-+"
    )
    # cosmic-ray puts a space before what it writes.
    return before, after.replace("( ", "(").replace("[ ", "[").replace(",)", ")")


# --- What a mutant means ------------------------------------------------------------------------------


def _meaning(source: str) -> str | None:
    """Return what tells a module from others that mean the same; None where it means nothing."""
    try:
        return ast.dump(_Plain().visit(ast.parse(source)))
    except SyntaxError:
        return None


class _Plain(ast.NodeTransformer):
    """Drops annotations, which are never evaluated, and says `not` in one way."""

    turned: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
        ast.Is: ast.IsNot,
        ast.IsNot: ast.Is,
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
        ast.In: ast.NotIn,
        ast.NotIn: ast.In,
    }

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                setattr(node, name, ast.Constant(None))
        return super().generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        inner = node.operand
        if not isinstance(node.op, ast.Not):
            return node
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not):
            return inner.operand
        if isinstance(inner, ast.Compare) and len(inner.ops) == 1 and type(inner.ops[0]) in self.turned:
            return ast.Compare(inner.left, [self.turned[type(inner.ops[0])]()], inner.comparators)
        return node


def _is_sound(operator: str, source: str, changed: str) -> bool:
    """Whether it was an operation that became another, and not the star of a parameter."""
    if not operator.startswith("ReplaceBinaryOperator"):
        return True
    before, after = (ast.dump(_Summed().visit(ast.parse(text))) for text in (source, changed))
    return before == after


class _Summed(ast.NodeTransformer):
    """Makes every operation a sum."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return ast.BinOp(node.left, ast.Add(), node.right)


# --- Where it stands ----------------------------------------------------------------------------------


def _function(tree: ast.AST, line: int, above: str = "") -> tuple[str, bool]:
    """Return the outermost function around a line, and whether the line is in its body."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        if not first <= line <= (node.end_lineno or first):
            continue
        if isinstance(node, ast.ClassDef):
            return _function(node, line, f"{above}{node.name}.")
        return f"{above}{node.name}", line >= node.body[0].lineno
    return above.removesuffix("."), False


def _statement(tree: ast.AST, line: int) -> range:
    """Return the lines of the innermost statement; of one that holds others, those of its head."""
    found = range(line, line + 1)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            lines = range(node.lineno, max(last, node.lineno) + 1)
            found = lines if line in lines else found
    return found
