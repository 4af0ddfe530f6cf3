"""`livestills demo`."""

import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from cli.options import Common, common, common_options, output
from cli.output import Output, human_bytes
from cli.progress import drawing
from indexer.jobs import demo as job
from indexer.model import rfc3339


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("livestills-demo"),
    show_default=True,
    help="Where to make it; replaced if an earlier demo made it.",
)
@common_options
def demo(folder: Path) -> None:
    """Build a small world without any server, sync it and look around in it."""
    out = output()
    out.note("drawing the screenshots of four recorded calls ...")
    with drawing(common()) as progress:
        world = job.set_up(folder, now=datetime.now(UTC), progress=progress)
    out.line(
        f"{folder / 'bucket'} is now what Agora would leave in a bucket: {world.shots} screenshots, {world.recordings} "
        f"recording files and {world.foreign} files of something else, {human_bytes(world.size)}."
    )
    config = str(folder / job.CONFIG)
    _run(out, config, "sync")
    _run(out, config, "sessions", "list")
    _run(out, config, "timeline", world.uid)
    off, lost = world.camera_off, world.failover
    out.line(
        f"User {world.uid} is {world.people[off.cname, world.uid]}.  On {lost.cname} a recorder failed, and bak0 took "
        f"over at {lost.until:%H:%M:%S}; on {off.cname} the camera was off from {off.since:%H:%M:%S} on."
    )
    out.line()
    out.line("Try next:")
    for arguments in (
        ("timeline", world.uid, "--since", rfc3339(off.since)[:16] + "Z", "--shots", "--limit", "5"),
        ("sessions", "show", lost.sid),
        ("users", "show", world.shared_uid),
        ("parse", world.corrupt_key),
        ("stats",),
        ("doctor",),
    ):
        out.line(f"  {_command(config, *arguments)}")


def _run(out: Output, config: str, *arguments: str) -> None:
    """Show a command and carry it out as if it had been typed."""
    from cli.livestills import livestills

    out.line()
    out.line(f"$ {_command(config, *arguments)}")
    # Its own options: those of the demo, such as another catalog, are not meant for the steps.
    livestills.main(["-c", config, *arguments], prog_name="livestills", standalone_mode=False, obj=Common())


def _command(config: str, *arguments: str) -> str:
    return shlex.join(["livestills", "-c", config, *arguments])
