"""A real device over ssh: it needs Python, NumPy and a runtime, and keeps nothing afterwards.

``ssh@NAME`` is the device of that name under ``edge.devices``.
"""

import json
import sys
from pathlib import Path

from qa_assets.core.errors import InputRefused
from qa_assets.edge import remote
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import FAMILIES, EdgeTarget


def ssh(name: str, settings: EdgeSettings) -> EdgeTarget:
    """The declared device.

    Raises:
        InputRefused: ``CONF_UNKNOWN``: there is none of that name.
    """
    if name not in settings.devices:
        known = f"There are: {', '.join(settings.devices) or 'none'}."
        raise InputRefused.of("CONF_UNKNOWN", f"edge.devices.{name}", "is not declared.", known)
    device = settings.devices[name]
    told = device.model_dump(mode="json") | {"timeout_s": settings.timeout_s}
    told["most_mib"] = settings.max_output_mib
    command = (sys.executable, "-I", str(Path(remote.__file__)), json.dumps(told))
    return EdgeTarget(interpreter=command, decoder=device.decoder, variant=device.variant)


FAMILIES.add("ssh", ssh)
