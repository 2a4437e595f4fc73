"""What the code never does: each rule is shown what it must catch, then held against every file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("convops", "plugins") for path in (ROOT / folder).rglob("*.py"))

# The one place where chance and the wall clock come in.
DRIVERS = "convops/_drivers.py"

# URLs that are put together all the same, and why; `ast.unparse` of the expression.
ALLOWED = {
    (
        "convops/_signing.py",
        "f'{parts.scheme}://{parts.netloc}'",
    ): "the origin of a base URL that was checked",
    (
        "convops/testing/_server.py",
        "f'http://{HOST}:{self._socket.getsockname()[1]}'",
    ): "the address of a socket that was just opened",
}

# Where a module is named for another reason than its use.
NAMED = {
    ("convops/testing/_forbidden.py", "random"): "it is barred there",
    ("convops/testing/_scanner.py", "pickle"): "what it writes is searched for secrets, and never read back",
}

SCHEMES = ("http://", "https://")
URL_WORDS = {"base_url", "origin", "url"}
URL_TAKERS = {"URL", "Request", "build_request", "urlopen"}
UNSAFE_MODULES = {"dill", "marshal", "pickle", "shelve", "yaml"}
CHANCE_MODULES = {"random", "secrets", "uuid"}


# --- The rules: each returns the nodes that break it ---------------------------------------------------


def called(node):
    """Return the last word of what a call calls."""
    if not isinstance(node, ast.Call):
        return None
    return word_of(node.func)


def word_of(node):
    """Return `c` for `a.b.c` and for `c`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def is_dotted(node, *words):
    """Whether a node is `words[0].words[1]`."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == words[1]
        and isinstance(node.value, ast.Name)
        and node.value.id == words[0]
    )


def imports(tree):
    """Return every import, with the module and each name that is taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name.partition(".")[0], None
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, (node.module or "").partition(".")[0], alias.name


def statuses_that_raise(tree, _):
    """`raise_for_status` raises with the signed URL in its message."""
    return [node for node in ast.walk(tree) if word_of(node) == "raise_for_status"]


def replies_parsed_unguarded(tree, _):
    """`.json()` accepts NaN, duplicate keys and any depth; the guard does not."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "json"
    ]


def starts_like_a_url(node, constants):
    """Whether an expression is the beginning of a URL."""
    match node:
        case ast.Constant(value=str() as text):
            return text.lower().startswith(SCHEMES)
        # `account.origin.rstrip("/")` is still an origin.
        case (
            ast.FormattedValue(value=inner)
            | ast.BinOp(left=inner, op=ast.Add() | ast.Mod())
            | ast.Call(func=ast.Attribute(value=inner))
        ):
            return starts_like_a_url(inner, constants)
        case ast.Name(id=word) | ast.Attribute(attr=word):
            return word.lower() in URL_WORDS or word in constants
        case ast.JoinedStr(values=[_, *_]):
            return is_joined_url(node, constants)
    return False


def is_joined_url(node, constants):
    first, rest = node.values[0], node.values[1:]
    follows = rest[0].value if rest and isinstance(rest[0], ast.Constant) else ""
    if isinstance(first, ast.FormattedValue) and follows.startswith("://"):
        return word_of(first.value) == "scheme"
    if isinstance(first, ast.FormattedValue) and word_of(first.value) not in constants:
        return follows.startswith(("/", "?")) and starts_like_a_url(first, constants)
    return starts_like_a_url(first, constants)


def is_put_together(node):
    """Whether an expression pastes values into text."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(value, ast.FormattedValue) for value in node.values)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod)
    return called(node) in ("format", "urljoin")


def is_encoded_by_the_core(node):
    """Whether an expression joins an origin to the target that `Call.target` encoded."""
    if not isinstance(node, ast.BinOp):
        return False
    return word_of(node.right) == "target" or called(node.right) == "target"


def is_of_constants(node):
    """Whether all that an expression puts together is constants, as doc links are."""
    values = [found for found in ast.walk(node) if isinstance(found, ast.Name | ast.Attribute | ast.Call)]
    return all(isinstance(value, ast.Name) and value.id.isupper() for value in values)


def url_constants(tree):
    """Return the names of a module's constants that are URLs, or may be, being imported."""
    found = {
        name for _, _, name in imports(tree) if name is not None and name.endswith(("DOCS", "HOST", "URL"))
    }
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if starts_like_a_url(node.value, found):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def urls_put_together(tree, path):
    """An id pasted into a URL becomes path, query or host; the core encodes instead."""
    constants = url_constants(tree)
    found = [
        node
        for node in ast.walk(tree)
        if is_put_together(node) and is_a_url_made_at_run_time(node, constants)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = [keyword.value for keyword in node.keywords if keyword.arg in URL_WORDS]
            given += node.args if called(node) in URL_TAKERS else []
            found += [
                value for value in given if is_put_together(value) and not is_encoded_by_the_core(value)
            ]
    kept = {id(node): node for node in found if (path, ast.unparse(node)) not in ALLOWED}
    return [node for node in kept.values() if not is_of_constants(node)]


def is_a_url_made_at_run_time(node, constants):
    if is_encoded_by_the_core(node):
        return False
    return called(node) == "urljoin" or starts_like_a_url(node, constants)


def chance_from_elsewhere(tree, path):
    """`random` can be predicted; chance comes in with the drivers, from the system."""
    allowed = {("random", "SystemRandom"), ("secrets", None)} if path == DRIVERS else set()
    found = [
        node
        for node, module, name in imports(tree)
        if (
            (module in CHANCE_MODULES and (module, name) not in allowed)
            or (module, name) == ("os", "urandom")
        )
        and (path, module) not in NAMED
    ]
    return found + [node for node in ast.walk(tree) if is_dotted(node, "os", "urandom")]


def wall_clocks_read(tree, _):
    """The wall clock jumps, so no duration is measured by it; it is handed over, as `now=` is."""
    handed = {id(value) for value in defaults(tree)}
    found = [node for node in ast.walk(tree) if is_dotted(node, "time", "time") and id(node) not in handed]
    found += [
        node for node, module, name in imports(tree) if (module, name) in {("time", "time"), ("time", "*")}
    ]
    found += [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and is_now(node.left, node.right)
    ]
    return found


def defaults(tree):
    """Return what is handed over: the defaults of arguments, and keyword arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            yield from (value for value in (*node.defaults, *node.kw_defaults) if value is not None)
        elif isinstance(node, ast.keyword):
            yield node.value


def is_now(*nodes):
    return any(
        isinstance(node, ast.Call) and word_of(node.func) in ("now", "utcnow") and is_class(node)
        for node in nodes
    )


def is_class(node):
    # `datetime.now()`, not an injected `self.now()`.
    return isinstance(node.func, ast.Attribute) and word_of(node.func.value) in ("datetime", "date")


def text_run_as_code(tree, path):
    """What executes text, or builds objects from bytes, does what a stranger says."""
    found = [
        node for node, module, _ in imports(tree) if module in UNSAFE_MODULES and (path, module) not in NAMED
    ]
    found += [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in ("eval", "exec", "__import__")
    ]
    return found + [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_builtin(node)]


def is_builtin(node):
    return word_of(node.value) == "builtins" and node.attr in ("eval", "exec", "__import__")


RULES = (
    statuses_that_raise,
    replies_parsed_unguarded,
    urls_put_together,
    chance_from_elsewhere,
    wall_clocks_read,
    text_run_as_code,
)


def broken_rules(source, path="convops/some.py"):
    """Return the names of the rules that a source breaks."""
    tree = ast.parse(source)
    return {rule.__name__ for rule in RULES if rule(tree, path)}


# --- What each rule catches, and what it lets be --------------------------------------------------------

CAUGHT = {
    statuses_that_raise: [
        "reply.raise_for_status()",
        "check = reply.raise_for_status",
        "client.get(target).raise_for_status().text",
    ],
    replies_parsed_unguarded: [
        "document = reply.json()",
        "document = client.get(target).json()",
        "async def f():\n    return (await client.get(target)).json()",
    ],
    urls_put_together: [
        "def f(user):\n    return f'https://vendor.example/{user}'",
        "def f(user):\n    return f'HTTP://vendor.example/{user}'",
        "def f(user):\n    return 'https://vendor.example/' + user",
        "def f(user):\n    return 'https://vendor.example/' + 'v4/' + user",
        "def f(user):\n    return 'https://vendor.example/%s' % user",
        "def f(user):\n    return 'https://vendor.example/{}'.format(user)",
        "def f(region):\n    return f'https://{region}.vendor.example'",
        "def f(parts):\n    return f'{parts.scheme}://{parts.netloc}'",
        "def f(account, user):\n    return f'{account.origin}/v4/{user}'",
        "def f(account, user):\n    return f'{account.base_url}?user={user}'",
        "def f(account, user):\n    return account.origin.rstrip('/') + '/v4/' + user",
        "ROOT = 'https://vendor.example'\ndef f(user):\n    return f'{ROOT}/{user}'",
        "ROOT = 'https://vendor.example'\ndef f(user):\n    return ROOT + user",
        "ROOT = 'https://vendor.example'\nV4 = f'{ROOT}/v4'\ndef f(user):\n    return f'{V4}/{user}'",
        "from codes import DOCS\ndef f(user):\n    return f'{DOCS}/{user}'",
        "USER = read()\nPAGE = f'https://vendor.example/{read()}'",
        "httpx.get(url=f'{scheme_and_host}/{user}')",
        "httpx.get(url='%s/users' % host)",
        "httpx.URL(host + '/users/' + user)",
        "connect('zego', base_url=f'{host}:{port}')",
        "def f(user):\n    return urljoin(ROOT, user)",
    ],
    chance_from_elsewhere: [
        "import random",
        "import random as dice",
        "from random import randint",
        "from random import SystemRandom",
        "import secrets",
        "from secrets import token_bytes",
        "from os import urandom",
        "nonce = os.urandom(8)",
        "import uuid",
        "def f():\n    from random import choice",
    ],
    wall_clocks_read: [
        "started = time.time()",
        "def f():\n    return time.time() - started",
        "clock = time.time",
        "from time import time",
        "from time import *",
        "took = datetime.now(UTC) - started",
        "took = later - datetime.datetime.utcnow()",
    ],
    text_run_as_code: [
        "eval(text)",
        "exec(text)",
        "run = eval",
        "builtins.exec(text)",
        "__import__(name)",
        "import pickle",
        "from pickle import loads",
        "import marshal",
        "import yaml",
        "from yaml import safe_load",
        "import shelve",
        "def f():\n    import pickle",
    ],
}

LET_BE = [
    "json.loads(reply.body)",
    "document['json']",
    "DOCS = 'https://vendor.example/docs'\nPAGE = f'{DOCS}/codes'",
    "from codes import DOCS\nPAGE = f'{DOCS}/codes'",
    "DOCS = 'https://vendor.example/docs'\nPAGE = DOCS + '/codes'",
    "HOSTS = {'east': 'https://east.vendor.example'}",
    "def f(account):\n    return account.base_url or HOSTS.get(account.region)",
    "def f(attempt):\n    return attempt.origin + attempt.target",
    "def f(origin, call):\n    return {'url': origin + call.target()}",
    "def f(name):\n    raise ConfigError(f'{name} must be an https URL')",
    "def f(url):\n    raise ConfigError(f'{url} is not one')",
    "def f(host, port):\n    return f'{host}:{port}'",
    "Caveat(text='x' + y, link='https://vendor.example')",
    "def f(*, now=time.time): ...",
    "REAL = Environment(time=time.time, monotonic=time.monotonic)",
    "took = time.monotonic() - started",
    "age = self.now() - started",
    "moment = datetime.now(UTC)",
    "def f(random):\n    return random * 2",
    "re.compile('x')",
    "model.eval",
]

PLANTED = [(rule.__name__, source) for rule, sources in CAUGHT.items() for source in sources]


@pytest.mark.parametrize(("rule", "source"), PLANTED)
def test_a_rule_catches_what_was_planted(rule, source):
    assert rule in broken_rules(source)


def test_every_rule_has_something_planted():
    assert set(CAUGHT) == set(RULES)


@pytest.mark.parametrize("source", LET_BE)
def test_what_is_fine_is_let_be(source):
    assert broken_rules(source) == set()


@pytest.mark.parametrize("source", ["from random import SystemRandom", "import secrets"])
def test_the_drivers_may_bring_chance_in(source):
    assert broken_rules(source, DRIVERS) == set()


@pytest.mark.parametrize(
    "source", ["import random", "from random import random", "from secrets import choice"]
)
def test_the_drivers_may_not_bring_in_just_any_chance(source):
    assert broken_rules(source, DRIVERS) == {"chance_from_elsewhere"}


# --- The code itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_a_file_breaks_no_rule(path):
    tree, name = ast.parse(path.read_text("utf-8")), path.relative_to(ROOT).as_posix()
    found = [f"line {node.lineno}: {rule.__name__}" for rule in RULES for node in rule(tree, name)]
    assert found == []


@pytest.mark.parametrize(("path", "expression"), ALLOWED)
def test_what_is_allowed_is_still_there(path, expression):
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert expression in {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}


def test_there_is_something_to_look_at():
    assert len(FILES) > 50
