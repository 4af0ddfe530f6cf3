"""`livestills demo`."""

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from cli.options import Common, common, common_options, output
from cli.output import Output
from cli.progress import drawing
from cli.texts import human_bytes, shown
from indexer.errors import ConfigError, ExitStatus
from indexer.model import rfc3339


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, readable=False),
    default=Path("livestills-demo"),
    show_default=True,
    help="Where to make it; replaced if an earlier demo made it.",
)
@common_options
def demo(folder: Path) -> None:
    """Build a small world without any server, sync it and look around in it."""
    from indexer import config
    from indexer.jobs import demo as job

    if names := config.variables(os.environ, sections=("catalog", "sources", "derivatives")):
        raise ConfigError(f"the demo would use {', '.join(names)} of the environment too; unset that first")
    out = output()
    out.note("drawing the screenshots of four recorded calls ...")
    with drawing(common()) as progress:
        world = job.set_up(folder, now=datetime.now(UTC), progress=progress)
    bucket, file = shown(str(folder / "bucket")), str(folder / job.CONFIG)
    out.line(
        f"{bucket} is now what Agora would leave in a bucket: {world.shots} screenshots, {world.recordings} "
        f"recording files and {world.foreign} files of something else, {human_bytes(world.size)}."
    )
    _run(out, file, "sync")
    _run(out, file, "sessions", "list")
    _run(out, file, "timeline", world.uid)
    off, lost = world.camera_off, world.failover
    _run(out, file, "gaps", "--session", lost.sid)
    out.line()
    out.line(
        f"User {world.uid} is {world.people[off.cname, world.uid]}.  On {lost.cname} a recorder failed, and bak0 took "
        f"over at {lost.until:%H:%M:%S}; on {off.cname} the camera was off from {off.since:%H:%M:%S} on."
    )
    _run(out, file, "thumbs", expected=ExitStatus.PARTIAL)
    out.line("One picture breaks off in its middle, as some do: it is named, and the status is 3.")
    _run(out, file, "sheet", "--user", world.uid, "--channel", off.cname, "--to", str(folder / "sheets"))
    out.line(
        f"Thumbnails are in {shown(str(folder / 'derived'))}, the contact sheet is in {shown(str(folder / 'sheets'))}."
    )
    out.line()
    out.line("Try next:")
    for arguments in (
        ("timeline", world.uid, "--since", rfc3339(off.since)[:16] + "Z", "--shots", "--limit", "5"),
        ("sessions", "show", lost.sid),
        ("sheet", "--session", lost.sid, "--every", "1m", "--format", "html", "--to", str(folder / "sheets")),
        ("storyboard", "--session", lost.sid, "--to", str(folder / "storyboards")),
        ("scenes", world.uid),
        ("users", "show", world.shared_uid),
        ("parse", world.corrupt_key),
        ("stats",),
        ("doctor",),
    ):
        out.line(f"  {_command(file, *arguments)}")


def _run(out: Output, file: str, *arguments: str, expected: ExitStatus = ExitStatus.DONE) -> None:
    """Show a command and carry it out as if it had been typed."""
    from cli.livestills import livestills

    out.line()
    out.line(f"$ {_command(file, *arguments)}")
    # Its own options: those of the demo, such as another catalog, are not meant for the steps.
    status = livestills.main(["-c", file, *arguments], prog_name="livestills", standalone_mode=False, obj=Common())
    if isinstance(status, int) and status not in {ExitStatus.DONE, expected}:
        raise click.exceptions.Exit(status)


def _command(file: str, *arguments: str) -> str:
    return shlex.join(["livestills", "-c", file, *arguments])
