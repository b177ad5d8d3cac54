#!/usr/bin/env bash
# requests-toolbelt 1.0.0 with urllib3 2.5.0 retries: the second attempt of a streamed upload has no body.
#
# urllib3 rewinds a request's body before it tries again if the body says where it stands (`tell`). A
# MultipartEncoder does not, so nothing is rewound and nothing is raised: the second attempt announces the
# whole length in its header, sends no byte of it, and the upload counts as done if the server answers. A server
# that waits for the body stalls until its own time-out.
#
# Seen: attempt 1 announced and sent everything and was answered 503; attempt 2 announced the same and sent 0 bytes;
# the caller got 200.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    "requests-toolbelt==1.0.0" "requests==2.32.5" "urllib3==2.5.0"
"$folder/env/bin/python" - <<'PYTHON'
import io
import socket
import threading

import requests
from requests.adapters import HTTPAdapter
from requests_toolbelt import MultipartEncoder
from urllib3.util.retry import Retry

server = socket.create_server(("127.0.0.1", 0))
attempts: list[tuple[int, int]] = []


def serve() -> None:
    for status in (b"503 Busy", b"200 OK"):
        connection, _ = server.accept()
        connection.settimeout(1)
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(1 << 16)
        head, _, body = data.partition(b"\r\n\r\n")
        lines = [line.lower() for line in head.split(b"\r\n")]
        announced = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        try:
            while len(body) < announced and (more := connection.recv(1 << 16)):
                body += more
        except TimeoutError:
            pass
        attempts.append((announced, len(body)))
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.close()


threading.Thread(target=serve, daemon=True).start()
session = requests.Session()
session.trust_env = False
retries = Retry(total=1, status_forcelist=[503], allowed_methods=None)
session.mount("http://", HTTPAdapter(max_retries=retries))
body = MultipartEncoder({"file": ("a.bin", io.BytesIO(bytes(100_000)))})
address = f"http://127.0.0.1:{server.getsockname()[1]}/"
response = session.post(
    address, data=body, headers={"Content-Type": body.content_type}, timeout=10
)
(first_announced, first_sent), (second_announced, second_sent) = attempts
print(f"attempt 1: announced {first_announced}, sent {first_sent}")
print(f"attempt 2: announced {second_announced}, sent {second_sent}; the caller got {response.status_code}")
assert first_sent == first_announced == second_announced
assert second_sent == 0
assert response.status_code == 200
PYTHON
