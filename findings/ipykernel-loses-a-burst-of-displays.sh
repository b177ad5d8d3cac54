#!/usr/bin/env bash
# ipykernel 7.4.0: a client that is busy while a cell displays much loses outputs, and the cell's end, without a word.
#
# ipykernel publishes on a ZMQ PUB socket that keeps at most 1,000 messages for each client, beside 1,000 that the
# client keeps itself and what the connection holds. What comes on top is dropped in the middle of the cell's outputs. The
# reply on the shell channel still says ok. Among what is lost is the cell's last message, idle, so a client that waits for
# it, as nbclient and front ends do, waits until its own time-out.
#
# Seen: a client that began to read once the cell had replied got fewer than half of 30,000 outputs, and no idle.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check "ipykernel==7.4.0" "jupyter-client==8.10.0"
export JUPYTER_PATH=$folder/env/share/jupyter IPYTHONDIR=$folder/ipython
"$folder/env/bin/python" -W ignore - <<'PYTHON'
from queue import Empty

from jupyter_client.manager import start_new_kernel

SENT = 30_000
manager, client = start_new_kernel(kernel_name="python3")
try:
    client.execute(f"for number in range({SENT}): display(number)")
    status = client.get_shell_msg(timeout=120)["content"]["status"]
    received = idle = 0
    while not idle:
        try:
            message = client.get_iopub_msg(timeout=10)
        except Empty:
            break
        received += message["msg_type"] == "display_data"
        idle += message["content"].get("execution_state") == "idle"
    print(f"sent {SENT}, received {received}; reply {status}, idle {'came' if idle else 'never came'}")
    assert status == "ok"
    assert received < SENT / 2
    assert not idle
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
PYTHON
