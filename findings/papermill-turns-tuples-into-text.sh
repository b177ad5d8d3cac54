#!/usr/bin/env bash
# papermill 2.7.0: a tuple among the parameters reaches the notebook as a string, without a word.
#
# `execute_notebook(parameters=...)` takes Python values and writes them into the notebook as Python source. A list
# arrives as a list, NaN as NaN. A tuple is accepted too, and stands in the output's metadata as a JSON list, but the cell
# that papermill injects assigns the text that `str` makes of it: `for day in days` then iterates over the characters of
# "('mon', 'tue')". It is so at every depth, and keys of dictionaries become strings.
#
# Seen: ('mon', 'tue') -> "('mon', 'tue')", [(1, 2)] -> ["(1, 2)"], {1: 2} -> {"1": 2}; the metadata says ["mon", "tue"].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check "papermill==2.7.0" "ipykernel==7.4.0"
cd "$folder"
export JUPYTER_PATH=$folder/env/share/jupyter
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import nbformat
import papermill
from nbformat import v4

given = {
    "days": ("mon", "tue"),
    "pairs": [(1, 2)],
    "table": {1: 2},
    "row": [1, None],
}
show = "print([days, pairs, table, row])"
source = v4.new_code_cell("days = None", metadata={"tags": ["parameters"]})
notebook = v4.new_notebook(cells=[source, v4.new_code_cell(show)])
notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
nbformat.write(notebook, "in.ipynb")
done = papermill.execute_notebook("in.ipynb", "out.ipynb", parameters=given, progress_bar=False)
arrived = done.cells[-1].outputs[0]["text"].strip()
print("given:  ", list(given.values()))
print("arrived:", arrived)
wanted = ["('mon', 'tue')", ["(1, 2)"], {"1": 2}, [1, None]]
assert arrived == str(wanted), wanted
recorded = nbformat.read("out.ipynb", as_version=4).metadata.papermill.parameters
assert recorded["days"] == ["mon", "tue"]
PYTHON
