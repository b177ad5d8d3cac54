#!/usr/bin/env bash
# ipykernel 7.4.0: its debugger's reply to `modules` is no response of the Debug Adapter Protocol.
#
# That protocol requires `type`, `request_seq`, `success` and `command` of each response, and ipykernel's other replies
# have them. The one to `modules` holds a `body` and nothing else. Who looks at `success` to see whether a request failed,
# as the protocol has it, takes this one for a failure; JupyterLab asks for modules while the debugger is being switched
# on, and shows no place for breakpoints until it has its answer.
#
# Seen: `debugInfo` is answered with success true, `modules` with the one key `body`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    "ipykernel==7.4.0" "jupyter-client==8.10.0" "debugpy==1.8.22"
export JUPYTER_PATH=$folder/env/share/jupyter IPYTHONDIR=$folder/ipython
"$folder/env/bin/python" -W ignore - <<'PYTHON'
from jupyter_client.manager import start_new_kernel

manager, client = start_new_kernel(kernel_name="python3")


def ask(number, command, **arguments):
    request = {"type": "request", "seq": number, "command": command, "arguments": arguments}
    client.control_channel.send(client.session.msg("debug_request", request))
    return client.get_control_msg(timeout=60)["content"]


try:
    ask(1, "initialize", clientID="finding", adapterID="")
    replies = {command: ask(number, command) for number, command in ((2, "debugInfo"), (3, "modules"))}
    for command, reply in replies.items():
        print(f"{command}: {sorted(reply)}")
    assert replies["debugInfo"]["success"] is True
    assert sorted(replies["modules"]) == ["body"]
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
PYTHON
