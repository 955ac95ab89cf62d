"""Runs the worker on another machine over ssh: the folder goes there, its answers come back.

A script of its own: ``remote.py DEVICE worker.py job.json`` stands where Python stands for a local
target. If the device cannot be reached it says nothing, which is no answer.
"""

import io
import json
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

_OUT, _ERRORS, _STATUS = "out.json", "errors.txt", "status"
_UNREACHED = 255


def there(python: str, words: list[str], timeout_s: float) -> str:
    """The command for the device's shell: unpack, run bounded, send back, leave nothing."""
    run = " ".join(map(shlex.quote, [python, *words]))
    bound = f"$(command -v timeout >/dev/null && echo timeout -s KILL {timeout_s:.0f})"
    return (
        'd=$(mktemp -d) && cd "$d" && tar xf - && '
        f"{{ export ORT_DISABLE_TELEMETRY=1; {bound} {run} >{_OUT} 2>{_ERRORS};"
        f" echo $? >{_STATUS};"
        f' tar cf - {_OUT} {_ERRORS} {_STATUS} $(ls | grep "\\.npy$");'
        ' cd /; rm -rf "$d"; }; exit $?'
    )


def main(arguments: list[str]) -> int:
    """Run it there; the status, the output and the arrays are as if it had run here."""
    device, words = json.loads(arguments[0]), arguments[1:]
    sent = io.BytesIO()
    with tarfile.open(fileobj=sent, mode="w") as pack:
        for path in sorted(Path().iterdir()):
            if path.suffix != ".log":
                pack.add(path)
    options = ["BatchMode=yes", f"ConnectTimeout={max(1, int(device['timeout_s'] / 4))}"]
    options += [f"UserKnownHostsFile={device['known_hosts']}"] if device["known_hosts"] else []
    command = ["ssh", "-p", str(device["port"]), *(p for o in options for p in ("-o", o))]
    command += ["-i", device["identity"]] if device["identity"] else []
    command += ["--", device["host"], there(device["python"], words, device["timeout_s"])]
    ended = subprocess.run(command, input=sent.getvalue(), capture_output=True, check=False)
    if ended.returncode:
        sys.stderr.write(ended.stderr.decode(errors="replace"))
        return 0 if ended.returncode == _UNREACHED else ended.returncode
    return unpack(ended.stdout, device["most_mib"] << 20)


def unpack(answer: bytes, most: int) -> int:
    """Put what came back beside us: flat names of ours, plain files, no more than ``most`` bytes.

    Returns:
        The exit status of the worker.
    """
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(answer)) as pack:
        for member in pack:
            plain = member.isfile() and member.name == Path(member.name).name
            wanted = member.name in (_OUT, _ERRORS, _STATUS) or member.name.endswith(".npy")
            if plain and wanted and member.size <= most:
                stream = pack.extractfile(member)
                found[member.name] = stream.read() if stream else b""
    for name, body in found.items():
        if name.endswith(".npy"):
            Path(name).write_bytes(body)
    sys.stderr.write(found.get(_ERRORS, b"").decode(errors="replace"))
    sys.stdout.write(found.get(_OUT, b"").decode(errors="replace"))
    status = int(found.get(_STATUS, b"1") or b"1")
    return status if status < 128 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
