#!/usr/bin/env bash
# nbformat 5.11.1: reading a notebook changes an output whose data is a JSON list of strings.
#
# A MIME bundle may hold any JSON value under a type that ends in "+json", and nbformat keeps it. Under any
# other type a list of strings is taken for the lines of one text when the file is read, although a kernel may
# send a list there, and `nbformat.validate` accepts it in memory and in the file. So a list that was written
# comes back as one string, without a warning: ["a", "b"] becomes "ab".
#
# Seen: kept under application/vnd.points+json, joined under application/x-points.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check "nbformat==5.11.1"
"$folder/env/bin/python" - <<'PYTHON'
import nbformat
from nbformat import v4

sent = {"application/x-points": ["a", "b"], "application/vnd.points+json": ["a", "b"]}
cell = v4.new_code_cell("points()", outputs=[v4.new_output("display_data", dict(sent))])
notebook = v4.new_notebook(cells=[cell])
nbformat.validate(notebook)
read = nbformat.reads(nbformat.writes(notebook), as_version=4).cells[0].outputs[0].data
print("written:", sent)
print("read:   ", dict(read))
assert read["application/vnd.points+json"] == ["a", "b"]
assert read["application/x-points"] == "ab"
PYTHON
