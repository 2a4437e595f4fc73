"""`convops new-provider`: the package of a provider, working from the first minute."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path, PurePosixPath

import click
from attrs import frozen

from convops._cli._options import examples, json_option
from convops._cli._say import printable, say, say_json
from convops._registry import installed_names
from convops.errors import ConfigError

NAME = re.compile("(?=.{2,30}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""A name of a provider that is also good for a package, a module and, capitalised, a class."""

TEMPLATE = "_template"
PACKAGE = "convops_NAME"
SUFFIX = ".tmpl"


@frozen
class Names:
    """What the new provider is called.

    Attributes:
        name: the provider's short name.

    Raises:
        ConfigError: it cannot be that of a new provider.
    """

    name: str

    def __attrs_post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ConfigError(
                f"{self.name!r} cannot be a provider's name: it takes 2 to 30 lower-case letters and "
                "digits, with single dashes inside, and begins with a letter"
            )
        if iskeyword(self.name):
            raise ConfigError(f"{self.name!r} is a word of Python; take another name")
        for other in installed_names():
            if _module(other) == self.module:
                raise ConfigError(f"a provider called {other!r} is installed already; take another name")

    @property
    def module(self) -> str:
        """The name to import."""
        return _module(self.name)

    @property
    def words(self) -> Mapping[str, str]:
        """What stands in a template, and what takes its place."""
        parts = [part.capitalize() for part in self.name.split("-")]
        return {
            "%NAME%": self.name,
            "%MODULE%": self.module,
            "%CLASS%": "".join(parts),
            "%TITLE%": " ".join(parts),
            "%VERSION%": version("convops"),
        }


def _module(name: str) -> str:
    return f"convops_{name.replace('-', '_')}"


def render(names: Names) -> dict[PurePosixPath, str]:
    """Return the text of every file, by its path inside the package."""
    rendered = {}
    for path, template in _templates(files("convops._cli") / TEMPLATE, PurePosixPath()):
        text = template.read_text("utf-8")
        for word, replacement in names.words.items():
            text = text.replace(word, replacement)
        rendered[_named(path, names)] = text
    return dict(sorted(rendered.items()))


def _templates(folder: Traversable, at: PurePosixPath) -> list[tuple[PurePosixPath, Traversable]]:
    found = []
    for entry in folder.iterdir():
        path = at / entry.name
        if entry.is_dir():
            found += _templates(entry, path)
        elif path.suffix == SUFFIX:
            found.append((path.with_suffix(""), entry))
    return found


def _named(path: PurePosixPath, names: Names) -> PurePosixPath:
    return PurePosixPath(*(names.module if part == PACKAGE else part for part in path.parts))


def write(directory: Path, rendered: Mapping[PurePosixPath, str]) -> None:
    """Write every file below a directory that does not exist yet, or is empty.

    Raises:
        ConfigError: it holds something, or cannot be written; what was written is gone again.
    """
    if directory.is_symlink() and not directory.exists():
        raise ConfigError(f"{directory} is a link that leads nowhere")
    if directory.exists() and not directory.is_dir():
        raise ConfigError(f"{directory} is no directory; name a new or an empty one")
    made: list[Path] = []
    try:
        if directory.is_dir() and any(directory.iterdir()):
            raise ConfigError(f"{directory} is not empty; name a new or an empty directory")
        for path, text in rendered.items():
            _make_folder((directory / path).parent, made)
            made.append(directory / path)
            (directory / path).write_text(text, "utf-8")
    except OSError as error:
        _unmake(made)
        raise ConfigError(
            f"{directory} cannot be written: {error.strerror or type(error).__name__}"
        ) from None


def _make_folder(folder: Path, made: list[Path]) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir()
        made.append(one)


def _unmake(made: list[Path]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()


def next_commands(name: str, directory: Path) -> list[str]:
    """Return what to run next."""
    place = shlex.quote(str(directory))
    installer = "python -m pip" if find_spec("pip") else "uv pip"
    return [
        f"{installer} install -e {shlex.quote(f'{directory}[test]')}",
        f"python -m pytest {place}",
        f"convops conformance {name}",
    ]


@click.command("new-provider", epilog=examples("convops new-provider parley ./convops-parley"))
@click.argument("name", metavar="NAME")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@json_option
def new_provider(*, name: str, directory: Path, as_json: bool) -> None:
    """Write the package of a new provider, working and tested.

    It holds a made-up vendor, and a mark `WRITE:` wherever yours goes. DIR must be new or empty.
    """
    names = Names(name)
    rendered = render(names)
    write(directory, rendered)
    commands = next_commands(name, directory)
    paths = [str(path) for path in rendered]
    if as_json:
        document = {"name": name, "module": names.module, "directory": str(directory), "files": paths}
        say_json({**document, "next": commands}, indent=2)
        return
    say(f"Wrote {printable(str(directory))}:")
    for path in paths:
        say(f"  {path}")
    say("\nNext:")
    for command in commands:
        say(f"  {printable(command)}")
