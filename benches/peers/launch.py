"""Runs commands and says how long each took and how much memory: a peer's protocol, see protocol.py.

`{"command": [..]}` gives `{"seconds": .., "memory_mib": ..}`, the largest resident set. It imports nothing large, as a
process starts with the resident set of the one that started it.
"""

import json
import os
import subprocess
import sys
import time

UNIT = 1024**2 if sys.platform == "darwin" else 1024


def launch(command):
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        return {"error": f"{command[0]} ended with {code}"}
    return {"seconds": seconds, "memory_mib": usage.ru_maxrss / UNIT}


try:
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            answer = launch(json.loads(line)["command"])
        except OSError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)
except KeyboardInterrupt:
    sys.exit(130)
