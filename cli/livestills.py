"""The command `livestills`: the group of all commands, and the border where errors become a line and a status."""

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final, NoReturn

import click
from click.shell_completion import CompletionItem

from cli.notes import LogFormat, complain, in_json, use
from cli.options import Common, common_options
from cli.streams import discard_stdout, prepare_streams
from indexer import __version__
from indexer.errors import ExitStatus, InterruptedRunError, LivestillsError

COMMANDS: Final[Mapping[str, str]] = {
    "init": "Write a commented livestills.toml.",
    "doctor": "Check configuration, storage and catalog.",
    "parse": "Decode object keys: who, where and when.",
    "sync": "Bring the catalog up to date with the storage.",
    "sessions": "Recorded sessions: list them, or look at one.",
    "users": "Users by uid: list them, or look at one.",
    "timeline": "Show when a user was seen, by channel and session.",
    "gaps": "List where users have no shots, and why.",
    "scenes": "Fold what a user showed: still, moving, black, covered.",
    "shots": "Fetch the original pictures.",
    "export": "Write shots or gaps to a file: ndjson, CSV or Parquet.",
    "thumbs": "Make the thumbnails that shots lack.",
    "sheet": "Draw contact sheets of a user, a session or a channel.",
    "storyboard": "Make sprites and WebVTT of a user or a session, for players.",
    "stats": "Show what the catalog holds, by source, day, channel or user.",
    "request": "Bodies of requests to Agora: check them before they are sent.",
    "capture": "Take screenshots of a channel: acquire, start, query and stop.",
    "emulate": "Play Agora's screenshot capture here, to try and to test.",
    "events": "Notification callbacks: take them from files, or receive them.",
    "db": "The catalog's database: upgrade it, check it.",
    "demo": "Build a small world without any server, and look around in it.",
    "completion": "Print the script that completes commands in a shell.",
}
"""What the help lists.  Each is a module of `cli.commands` with a command of its name."""

STATUSES: Final[Mapping[ExitStatus, str]] = {
    ExitStatus.DONE: "done",
    ExitStatus.ERROR: "an error that none of the others describes",
    ExitStatus.USAGE: "wrong usage or configuration",
    ExitStatus.PARTIAL: "done in part: a source failed, the others are done",
    ExitStatus.DENIED: "credentials or a permission are missing",
    ExitStatus.TEMPORARY: "temporary: try again later",
    ExitStatus.NOT_FOUND: "the bucket, folder, catalog or recording does not exist",
    ExitStatus.LOCKED: "another sync of the source is running",
    ExitStatus.SCHEMA: "the catalog has the schema of another version",
    ExitStatus.CHECK_FAILED: "a check failed, or too much is gone to be removed unasked",
    ExitStatus.INTERRUPTED: "interrupted; the next run goes on",
    ExitStatus.TERMINATED: "terminated; the next run goes on",
}


class ReaderGoneError(Exception):
    """Whoever read our answer, such as `head`, has seen enough."""


class Commands(click.Group):
    """Imports a command when it is used, and only then: starting up is part of every answer's time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """All names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"cli.commands.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click, which knows no names to suggest of commands that are not imported."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as exc:
            raise click.exceptions.NoSuchCommand(exc.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands, and what an exit status means."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status.value), text) for status, text in STATUSES.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, or an option."""
        names = [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if incomplete and name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """As click.  `--help` and `--version` are answered in here."""
        with _before_click():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:  # whatever the command returns
        """Carry out the command and see its answer written."""
        with _before_click():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


@contextmanager
def _before_click() -> Iterator[None]:
    """Take what click would answer in its own way: a broken pipe with status 1, Ctrl-C with an empty line."""
    try:
        yield
    except BrokenPipeError as exc:
        raise ReaderGoneError from exc
    except KeyboardInterrupt as exc:
        raise InterruptedRunError("interrupted") from exc


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="livestills")
@common_options
def livestills() -> None:
    """Catalog the screenshots of Agora Cloud Recording in your bucket, and look up who showed what, when."""


def main() -> NoReturn:
    """Run the command line and exit with the documented status."""
    prepare_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Carry out one command line; errors are one line on stderr.  Returns the exit status."""
    common = Common()
    use(LogFormat.TEXT)
    try:
        result = livestills.main(arguments, prog_name="livestills", standalone_mode=False, obj=common)
    except LivestillsError as exc:
        return _fail(common, str(exc), exc.status)
    except click.exceptions.NoArgsIsHelpError as exc:
        if in_json():
            return _fail(common, f"no command was said; see `{exc.ctx.command_path} --help`", ExitStatus.USAGE)
        exc.show()
        return ExitStatus.USAGE
    except click.ClickException as exc:
        if _says_json(arguments):  # click asks for no option before it has understood all of them
            use(LogFormat.JSON)
        return _fail(common, _usage(exc), ExitStatus.USAGE)
    except KeyboardInterrupt:
        return _fail(common, "interrupted", ExitStatus.INTERRUPTED)
    except ReaderGoneError:
        discard_stdout()
        return ExitStatus.DONE
    except OSError as exc:
        if exc.filename is None:
            discard_stdout()
        what = exc.filename or "reading the input or writing the answer failed"
        return _fail(common, f"{what}: {exc.strerror or exc}", ExitStatus.ERROR)
    except Exception as exc:  # noqa: BLE001  # the outermost border: a mistake of ours is one line too, -v has the rest
        return _fail(
            common,
            f"internal error: {type(exc).__name__}: {exc}; please report it with the output of -v",
            ExitStatus.ERROR,
        )
    return result if isinstance(result, int) else ExitStatus.DONE


def _usage(error: click.ClickException) -> str:
    """What click found wrong, and where to read how it is right."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = "livestills" if context is None else context.command_path
    text = error.format_message().rstrip(".")
    return f"{text}{'' if text.endswith('?') else ';'} see `{command} --help`"


def _says_json(arguments: list[str]) -> bool:
    said = " ".join(arguments).lower().replace("=", " ")
    return f"--log-format {LogFormat.JSON}" in said


def _fail(common: Common, text: str, status: ExitStatus) -> int:
    trace = traceback.format_exc() if common.verbose else None
    complain(" ".join(text.split()), trace=trace, status=int(status))
    return status


if __name__ == "__main__":
    main()
