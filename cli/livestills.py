"""The command `livestills`: the group of all commands, and the border where errors become a line and a status."""

import os
import sys
import traceback
from importlib import import_module
from typing import Final, NoReturn

import click

from cli.options import Common, common_options
from cli.output import note, shown
from indexer import __version__
from indexer.errors import ExitStatus, LivestillsError

_COMMANDS: Final = (
    "init",
    "doctor",
    "parse",
    "sync",
    "sessions",
    "users",
    "timeline",
    "stats",
    "db",
    "demo",
    "completion",
)
"""In the order of the help: each is a module of `cli.commands` with a command of its name."""


class Commands(click.Group):
    """Imports a command when it is used: starting up is part of every answer's time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """All names, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"cli.commands.{cmd_name}"), cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="livestills")
@common_options
def livestills() -> None:
    """Catalog the screenshots of Agora Cloud Recording in your bucket, and look up who showed what, when."""


def main() -> NoReturn:
    """Run the command line and exit with the documented status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Carry out one command line; errors are one line on stderr.  Returns the exit status."""
    common = Common()
    try:
        result = livestills.main(arguments, prog_name="livestills", standalone_mode=False, obj=common)
        sys.stdout.flush()
    except LivestillsError as exc:
        return _fail(common, str(exc), exc.status)
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _fail(common, "interrupted", ExitStatus.INTERRUPTED)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough.  Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.DONE
    except Exception as exc:  # noqa: BLE001  # the outermost border: a mistake of ours is one line too, -v has the rest
        return _fail(
            common,
            f"internal error: {type(exc).__name__}: {exc}; please report it with the output of -v",
            ExitStatus.ERROR,
        )
    return result if isinstance(result, int) else ExitStatus.DONE


def _fail(common: Common, text: str, status: ExitStatus) -> int:
    if common.verbose:
        traceback.print_exc()
    note(f"livestills: {shown(' '.join(text.split()))}")
    return status
