"""Prompt templates: the repository's own in `.cdock/templates`, else the ones that ship with cdock."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cdock.core.errors import Misconfigured

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment


def template_directories(repository: Path | None) -> tuple[Path, ...]:
    """Where templates are looked for, first match wins: the repository, the installed wheel, the checkout."""
    package = Path(__file__).resolve().parent.parent
    shipped = (package / "_templates", package.parent / "templates")
    own = (repository / ".cdock" / "templates",) if repository else ()
    return (*own, *(path for path in shipped if path.is_dir()))


def template_file(name: str, *, repository: Path | None = None) -> Path:
    """The file of a template.

    Raises:
        Misconfigured: no directory has it.
    """
    directories = template_directories(repository)
    for directory in directories:
        if (directory / name).is_file():
            return directory / name
    raise Misconfigured(
        f"no template {name}",
        code="CD412",
        tried=", ".join(str(directory) for directory in directories),
        fix="reinstall cdock",
    )


class TemplatePrompts:
    """See `cdock.ports.Prompts`. Templates are sandboxed, and a value that is missing is an error."""

    def __init__(self, repository: Path | None) -> None:
        self._repository = repository

    def fill(self, name: str, values: Mapping[str, object]) -> str:
        """See `Prompts`."""
        path = template_file(f"prompts/{name}.md", repository=self._repository)
        try:
            return _environment().from_string(path.read_text(encoding="utf-8")).render(values)
        except Exception as error:  # a template is a program and fails in as many ways
            raise Misconfigured(
                f"the template {path} is broken: {error}",
                code="CD413",
                tried=f"filling in {', '.join(sorted(values))}",
                fix="mend the template, or remove it to use the one that ships with cdock",
            ) from error


def _environment() -> "SandboxedEnvironment":
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    # These are prompts, not pages: escaping for HTML would only garble them.
    return SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=True)
