"""The command ``ims-airflow``.

Each subcommand imports what it needs when it runs: ``--help`` answers at once, and only tasks import Airflow.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ims_airflow import __version__
from ims_airflow.exceptions import ImsAirflowError

CONN_ID = "huaweicloud_ims_default"
Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 failed, 2 wrong usage, 130 after Ctrl-C.

    :param arguments: without the command's own name; those of the process when left out.
    """
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except (ImsAirflowError, OSError) as error:
        print(f"ims-airflow: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    about = "Bring disk images from OBS into Huawei Cloud IMS with Apache Airflow."
    parser = argparse.ArgumentParser(prog="ims-airflow", description=about)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_emulator(commands)
    _add_inspect(commands)
    _add_doctor(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "run the example DAG in a real Airflow, against an emulated cloud"
    demo = commands.add_parser("demo", help=about, description=f"{about.capitalize()}.")
    demo.add_argument(
        "--file", type=Path, metavar="PATH", help="image file to bring in (default: a small one of its own)"
    )
    demo.add_argument(
        "--ui", action="store_true", help="keep Airflow running afterwards and print the address of its UI"
    )
    demo.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="new or empty directory for logs and databases, which are kept (default: none is left)",
    )
    demo.set_defaults(command=_demo)


def _add_emulator(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "serve an emulated IMS, IAM and OBS on one port"
    emulator = commands.add_parser("emulator", help=about, description=f"{about.capitalize()}.")
    emulator.add_argument("--port", type=_port, required=True, help="0 for a free one")
    emulator.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s); any but loopback needs --public",
    )
    emulator.add_argument(
        "--public",
        action="store_true",
        help="listen where other machines reach it; anybody who does controls the emulator",
    )
    emulator.add_argument(
        "--ak", help="access key that is let in (default: a made-up one, printed at the start)"
    )
    emulator.add_argument("--sk", help="its secret key (default: likewise)")
    emulator.add_argument("--project-id", metavar="ID", help="the project of the region")
    emulator.add_argument("--region", help="the region that it plays")
    emulator.add_argument(
        "--bucket",
        action="append",
        dest="buckets",
        metavar="NAME",
        help="there from the start (repeatable; default: image-test)",
    )
    emulator.add_argument("--job-seconds", type=_seconds, metavar="S", help="how long a job takes")
    emulator.set_defaults(command=_emulator)


def _add_inspect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "look into an image file and tell what IMS would make of it"
    inspect = commands.add_parser("inspect", help=about, description=f"{about.capitalize()}.")
    inspect.add_argument("target", metavar="PATH|bucket:key", help="a local file, or an object in OBS")
    inspect.add_argument("--min-disk", type=int, metavar="N", help="GB that are going to be asked for")
    inspect.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")
    inspect.add_argument(
        "--conn-id",
        default=CONN_ID,
        metavar="ID",
        help="Connection to read OBS with (default: %(default)s)",
    )
    inspect.set_defaults(command=_inspect)


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "tell what works with a Connection and what does not"
    doctor = commands.add_parser(
        "doctor",
        help=about,
        description=f"T{about[1:]}: endpoints, TLS, clock, keys, region, project, permissions, "
        "quota. Nothing is created or changed, and wrong keys are sent once. The exit status is 1 when a "
        "check fails.",
        epilog="The Connection is AIRFLOW_CONN_<ID> or one that Airflow knows. Without --conn-id and "
        f"AIRFLOW_CONN_{CONN_ID.upper()}, the variables HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK, "
        "HUAWEICLOUD_SDK_SECURITY_TOKEN, HUAWEICLOUD_SDK_PROJECT_ID or HW_ACCESS_KEY, HW_SECRET_KEY, "
        "HW_SECURITY_TOKEN, HW_PROJECT_ID stand in for it, with HW_REGION_NAME or HUAWEICLOUD_REGION.",
    )
    doctor.add_argument(
        "--conn-id", metavar="ID", help=f"Connection to examine (default: {CONN_ID}, or plain variables)"
    )
    doctor.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")
    doctor.set_defaults(command=_doctor)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _demo(options: argparse.Namespace) -> int:
    from ims_airflow.demo.demo import run_demo  # noqa: PLC0415

    return run_demo(options.file, keep_running=options.ui, directory=options.directory)


def _emulator(options: argparse.Namespace) -> int:
    from ims_airflow.emulator import Settings, connection, serve  # noqa: PLC0415

    names = ("ak", "sk", "project_id", "region", "buckets", "job_seconds")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    settings = Settings().changed(given)

    def announce(url: str) -> None:
        print(f"IMS, IAM, OBS and ECS metadata emulated on {url}", flush=True)  # noqa: T201
        if options.sk is None:  # the emulator's own key is made up; a given one is nobody's to print
            variable = f"AIRFLOW_CONN_{CONN_ID.upper()}"
            print(f"export {variable}='{json.dumps(connection(settings, url))}'", flush=True)  # noqa: T201

    try:
        serve(settings, options.host, options.port, announce, allow_public=options.public)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"--port {options.port}: cannot listen on {options.host}: {reason}") from error
    return 0


def _inspect(options: argparse.Namespace) -> int:
    from ims_airflow.inspection.command import run_inspect  # noqa: PLC0415

    return run_inspect(
        options.target, min_disk=options.min_disk, as_json=options.as_json, conn_id=options.conn_id
    )


def _doctor(options: argparse.Namespace) -> int:
    from ims_airflow.doctor.command import run_doctor  # noqa: PLC0415

    return run_doctor(options.conn_id, as_json=options.as_json)
