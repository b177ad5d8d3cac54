"""The kernel's own commands, such as `%upload`: finding them in a cell, running them here.

A command is read from the cell that the person typed, before anything of the cell is sent, and
acts on this machine; nothing that a session says or holds ever becomes one. How a kernel uses it:

    plan = make_plan(cell)                      # pure; CommandError if one stands in a loop, …
    plan.check(folder)                          # all commands, before the first part runs
    for step in plan.steps:
        if isinstance(step, Part):
            await runtime.execute(request, step)
        else:
            part = step.run(context)            # blocking: in a thread of its own
            if part is not None:                # `names = %upload *.csv`: binds in the session
                await runtime.execute(request, part)

- A cell without commands is one part, unchanged. Otherwise the last part that runs has `last`
  set, whatever the cell ends with, so that each cell is counted and stored once.
- `check` and `run` read local files and can take long: call them in a thread. `run` ends within
  a block of data once `context.cancelled()` is true, with `CommandInterruptedError`, which says
  what was done; a connection that stands still can hold it until the pool's time-out.
- Both raise `DynamicSessionsError`s, whose text is what the person reads; then no more of the
  cell is to run. `check` sends nothing.
- `complete` and `complete_name` answer Tab without a session, `complete_remote` from its files;
  `contains_command` is for text that a session wants to place in the next cell
  (`set_next_input`), which must hold no command.

To add a command, write a module here with a subclass of `Magic` (`base` says what each method
does), and name it in `registry.MAGICS`; finding, help and completion follow from that. What reads a
file of this machine asks `context.consent` first.
"""

from .base import Cancelled, Command, CommandInterruptedError, Completion, Context, Magic
from .completion import complete, complete_name, complete_python, complete_remote, help_at
from .consent import Consent
from .plan import Plan, contains_command, make_plan
from .session_protocol import SessionProtocol

__all__ = [
    "Cancelled",
    "Command",
    "CommandInterruptedError",
    "Completion",
    "Consent",
    "Context",
    "Magic",
    "Plan",
    "SessionProtocol",
    "complete",
    "complete_name",
    "complete_python",
    "complete_remote",
    "contains_command",
    "help_at",
    "make_plan",
]
