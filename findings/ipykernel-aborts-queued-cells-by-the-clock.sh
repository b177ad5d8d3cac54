#!/usr/bin/env bash
# ipykernel 7.4.0: whether a cell runs after an error depends on when it arrived, not on whether it was queued.
#
# A front end that runs all cells sends them at once and expects those behind an error to be aborted. ipykernel
# aborts what its socket holds when the failing cell ends, and serves normally what comes a moment later. A front end
# that is a few milliseconds away (a remote kernel, a busy browser) therefore sees cells run that would have been aborted
# on a faster way, though it sent them before it could have read the error.
#
# Seen: of two cells that each were sent without having read a reply, the one sent with the failing cell was aborted, the one
# sent 300 ms later ran.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check "ipykernel==7.4.0" "jupyter-client==8.10.0"
export JUPYTER_PATH=$folder/env/share/jupyter IPYTHONDIR=$folder/ipython
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import time

from jupyter_client.manager import start_new_kernel

manager, client = start_new_kernel(kernel_name="python3")
try:
    client.execute("1", reply=True, timeout=30)
    fails = client.execute("import time; time.sleep(0.2); 1 / 0")
    at_once = client.execute("ran = 'sent with it'")
    time.sleep(0.5)
    later = client.execute("ran = 'sent later'")
    statuses = {}
    while len(statuses) < 3:
        reply = client.get_shell_msg(timeout=30)
        statuses[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
    print("the failing cell:        ", statuses[fails])
    print("the one sent with it:    ", statuses[at_once])
    print("the one sent 0.3 s later:", statuses[later])
    assert [statuses[fails], statuses[at_once], statuses[later]] == ["error", "aborted", "ok"]
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
PYTHON
