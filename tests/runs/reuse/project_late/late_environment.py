"""Variables of the environment that are read only while the model trains."""

import os
import string
import threading
from os import environ, getenv


def prefixed():
    found = {name: value for name, value in os.environ.items() if name.startswith("TUNE_")}
    return sum(float(value) for value in found.values())


def in_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(os.environ.get("LATE_THREAD", "0.1")))
    thread.start()
    thread.join()
    return float(found[0])


def caught():
    try:
        return float(os.environ["LATE_MISSING"])
    except KeyError:
        return 0.15


READ = {
    "item": lambda: float(os.environ["LATE_ITEM"]),
    "get": lambda: float(os.environ.get("LATE_GET", "0.1")),
    "getenv": lambda: float(os.getenv("LATE_GETENV", "0.1")),
    "imported": lambda: float(environ.get("LATE_IMPORTED", "0.1")),
    "imported_getenv": lambda: float(getenv("LATE_IMPORTED_GETENV", "0.1")),
    "copy": lambda: float(os.environ.copy().get("LATE_COPY", "0.1")),
    "dict": lambda: float(dict(os.environ).get("LATE_DICT", "0.1")),
    "merged": lambda: float({"LATE_MERGED": "0.1", **os.environ}["LATE_MERGED"]),
    "union": lambda: float(({"LATE_UNION": "0.1"} | os.environ)["LATE_UNION"]),
    "contains": lambda: 0.1 if "LATE_CONTAINS" in os.environ else 0.2,
    "expandvars": lambda: float(os.path.expandvars("$LATE_EXPAND")),
    "bytes": lambda: float(os.environb.get(b"LATE_BYTES", b"0.1")),
    "getenvb": lambda: float(os.getenvb(b"LATE_GETENVB", b"0.1")),
    "prefixed": prefixed,
    "keys": lambda: sum(name.startswith("COUNTED_") for name in os.environ.keys()) / 10,
    "template": lambda: float(string.Template("$LATE_TEMPLATE").substitute(os.environ)),
    "format": lambda: float("{LATE_FORMAT}".format_map(os.environ)),
    "setdefault": lambda: float(os.environ.setdefault("LATE_SETDEFAULT", "0.1")),
    "caught": caught,
    "in_thread": in_thread,
}
