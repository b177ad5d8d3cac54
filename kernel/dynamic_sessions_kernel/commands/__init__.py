"""The kernel's own commands, such as `%upload`: finding them in a cell, running them here."""
