"""Code that is imported, or read, only while the model trains."""

import importlib
import importlib.util
import pickle
import runpy
import sys
from pathlib import Path

import sourceless

HERE = Path(__file__).parent
sys.path.append(str(HERE / "vendor"))
sys.path.append(str(HERE / "vendor" / "packed.zip"))


def statement():
    import late_statement

    return late_statement.AMOUNT


def of_package():
    from box.inner import amount

    return amount()


def by_path():
    found = importlib.util.spec_from_file_location("by_path", HERE / "plugins" / "by_path.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.AMOUNT


def optional():
    try:
        from optional_rules import AMOUNT
    except ImportError:
        return 0.14
    return AMOUNT


def shadowed():
    import vendored

    return vendored.AMOUNT


def plugins():
    """All plugins that lie in the folder."""
    return sum(runpy.run_path(str(path))["AMOUNT"] for path in sorted((HERE / "plugins").glob("plugin_*.py")))


def executed():
    space = {}
    exec((HERE / "plugins" / "executed.py").read_text(), space)
    return space["AMOUNT"]


def pickled():
    """The class is found by its name."""
    return pickle.loads(b"clate_pickled\nKept\n.").AMOUNT


READ = {
    "statement": statement,
    "of_package": of_package,
    "by_name": lambda: importlib.import_module("late_by_name").AMOUNT,
    "by_path": by_path,
    "optional": optional,
    "find_spec": lambda: 0.1 if importlib.util.find_spec("optional_found") else 0.2,
    "shadowed": shadowed,
    "plugins": plugins,
    "executed": executed,
    "pickled": pickled,
    "zipped": lambda: importlib.import_module("zipped").AMOUNT,
    "sourceless": lambda: sourceless.amount(),
    "late_sourceless": lambda: importlib.import_module("late_sourceless").amount(),
}
