#!/usr/bin/env bash
# langchain-azure-dynamic-sessions 1.0.4: code that begins with the letters "python" is sent without them.
#
# SessionsPythonREPLTool takes a fence such as ```python off what a model wrote. It does so by stripping the word
# itself at the start, so a program whose first name begins with it is another program when it arrives. Back-ticks at both
# ends go as well. `sanitize_input=False` switches that off; it is on unless one asks.
#
# Seen: the body that a listener on loopback received held `_version = 3` for `python_version = 3`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check "langchain-azure-dynamic-sessions==1.0.4"
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from langchain_azure_dynamic_sessions import SessionsPythonREPLTool

received: list[str] = []


class Listener(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        received.append(body["properties"]["code"])
        answer = {"status": "Success", "stdout": "", "stderr": "", "result": ""}
        content = json.dumps({"properties": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", 0), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"http://127.0.0.1:{server.server_port}"
given = "python_version = 3\nprint(python_version)"
for options in ({}, {"sanitize_input": False}):
    tool = SessionsPythonREPLTool(
        pool_management_endpoint=endpoint, access_token_provider=lambda: "none", **options
    )
    tool.execute(given)
server.shutdown()
print("given:   ", repr(given))
print("received:", repr(received[0]))
assert received[0] == "_version = 3\nprint(python_version)"
assert received[1] == given
PYTHON
