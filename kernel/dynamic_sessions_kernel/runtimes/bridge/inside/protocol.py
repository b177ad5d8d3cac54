"""The constants that several programs of the bridge share, here and in the session.

This module runs in the session too: standard library alone, Python 3.10.
"""

from __future__ import annotations

#: What a call returns in place of an envelope: there is no trace of a relay; its folder is there,
#: so the session is the same and the relay died; the relay could not be started, and why.
ABSENT = "~dsk1!absent~"
DEAD = "~dsk1!dead~"
FAILED = "~dsk1!failed:"

#: Stands in the code of every exchange, and so distinguishes its input from a person's.
MARK = "dynamic_sessions_visit"

#: Length of the number that goes before each envelope on the relay's socket.
SIZE_BYTES = 8

#: The name of the relay's socket in its folder.
SOCKET = "s"

#: The key of an execute_reply's metadata that says whether something of the person's lives on.
ALIVE = "dynamic_sessions_alive"

#: The key of an execute_request's metadata that holds the whole cell when its code is a part.
WHOLE_CELL = "dynamic_sessions_cell"
