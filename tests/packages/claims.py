"""Claims that hold or do not, counted. One that does not hold shows what was seen, and the rest goes on."""

import sys
import time
import traceback

from shown import shown

passed = 0
failed = 0
_begun = time.monotonic()


def claim(holds, text, seen=""):
    """Counts a claim; `seen` is shown when it does not hold."""
    global passed, failed
    if holds:
        passed += 1
        print(f"ok      {text}", flush=True)
    else:
        failed += 1
        print(f"FAILED  {text}", flush=True)
        for line in shown(str(seen)).rstrip().splitlines()[-60:]:
            print(f"        | {line}", flush=True)
    return bool(holds)


def seconds():
    """Since the run, or the scene, began."""
    return time.monotonic() - _begun


def chapter(title):
    """A heading, with the time so far."""
    print(f"\n== {title}  ({seconds():.0f} s)", flush=True)


def attempt(function, *words):
    """Runs a chapter. An error in it is one failed claim, not the end."""
    try:
        return function(*words)
    except Exception as error:  # pylint: disable=broad-except
        frame = traceback.extract_tb(sys.exc_info()[2])[-1]
        claim(False, f"{function.__name__} runs to its end", f"{error!r} at {frame.filename}:{frame.lineno}\n{traceback.format_exc()}")
        return None
