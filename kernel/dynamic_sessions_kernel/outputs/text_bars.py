"""A progress bar of widgets, such as tqdm's, shown as text while its widgets wait for trust.

The bar's text comes with the cell's output once, at its beginning; all that follows comes by comms,
which do not reach the page. So the few numbers and labels that the bar consists of are read from
them here, and the text is shown anew in the same place. Only `text/plain` leaves this module.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.messages import Message

from . import ansi

if TYPE_CHECKING:
    from dynamic_sessions_kernel.messages import Content

VIEW = "application/vnd.jupyter.widget-view+json"

_REFERENCE = "IPY_MODEL_"
_PROGRESS = frozenset({"FloatProgressModel", "IntProgressModel"})
_LABELS = frozenset({"HTMLModel", "LabelModel"})
#: Bounds: a session could open models for ever.
_MAX_MODELS = 4_000
_MAX_CHILDREN = 8
_MAX_LABEL_CHARS = 500
_WIDTH_CHARS = 10
_TAG = re.compile(r"<[^<>]*>")


@dataclass(slots=True)
class _Bar:
    """A box with a bar in it.

    Attributes:
        children: the models of its parts, in order.
        display_id: of the output where it is shown; empty where it is not.
        text: what is shown there.
    """

    children: list[str]
    display_id: str = ""
    text: str = ""


@dataclass(slots=True)
class TextBars:
    """The bars of one session; not thread-safe.

    Attributes:
        models: the state of the parts, by their comm.
        bars: the boxes, by their comm.
        inside: the box that a part is in, by the part's comm.
    """

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    bars: dict[str, _Bar] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)

    def shown(self, original: Content, passed: Message) -> bool:
        """Whether an output shows a bar; it then has a name by which it can be shown anew.

        Args:
            original: the output's content as the session sent it.
            passed: the output as it goes to the front end; changed here.
        """
        data = original.get("data")
        view = data.get(VIEW) if isinstance(data, dict) else None
        model = view.get("model_id") if isinstance(view, dict) else None
        bar = self.bars.get(model) if isinstance(model, str) else None
        if bar is None or passed.msg_type != "display_data":
            return False
        transient = passed.content.setdefault("transient", {})
        bar.display_id = transient.setdefault("display_id", f"bar-{model}")
        return True

    def moved(self, message: Message) -> list[Message]:
        """Take a comm message in; return what shows its bar anew, if it moves one."""
        comm = message.content.get("comm_id")
        if not isinstance(comm, str) or len(self.models) + len(self.bars) > _MAX_MODELS:
            return []
        if message.msg_type == "comm_close":
            closed = self.bars.pop(comm, None)
            self.models.pop(comm, None)
            return [] if closed is None else _anew(closed, "", message.parent)
        data = message.content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        if not isinstance(state, dict):
            return []
        if message.msg_type == "comm_open":
            self._open(comm, state)
            return []
        if comm in self.models:
            self.models[comm] |= _kept(state)
        bar = self.bars.get(self.inside.get(comm, ""))
        return [] if bar is None else _anew(bar, self._text(bar), message.parent)

    def _open(self, comm: str, state: dict[str, Any]) -> None:
        name = state.get("_model_name")
        children = state.get("children")
        if name in _PROGRESS or name in _LABELS:
            self.models[comm] = _kept(state) | {"is_bar": name in _PROGRESS}
        elif name == "HBoxModel" and isinstance(children, list):
            parts = [str(child).removeprefix(_REFERENCE) for child in children[:_MAX_CHILDREN]]
            if any(self.models.get(part, {}).get("is_bar") for part in parts):
                self.bars[comm] = _Bar(parts)
                self.inside |= dict.fromkeys(parts, comm)

    def _text(self, bar: _Bar) -> str:
        """Return the bar as tqdm writes it on a terminal."""
        models = (self.models.get(part, {}) for part in bar.children)
        return "".join(_bar(model) if model.get("is_bar") else _label(model) for model in models)


def _anew(bar: _Bar, text: str, parent: str | None) -> list[Message]:
    if not bar.display_id or text == bar.text:
        return []
    bar.text = text
    content: Content = {
        "data": {"text/plain": text},
        "metadata": {},
        "transient": {"display_id": bar.display_id},
    }
    return [Message("update_display_data", content, parent)]


def _kept(state: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers and the text of a part."""
    kept: dict[str, Any] = {}
    for key in ("min", "max", "value"):
        value = state.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            kept[key] = value
        elif isinstance(value, str):
            kept[key] = value[:_MAX_LABEL_CHARS]
    return kept


def _bar(model: dict[str, Any]) -> str:
    low, high, value = (model.get(key, 0) for key in ("min", "max", "value"))
    if not all(isinstance(number, (int, float)) for number in (low, high, value)):
        return ""
    share = (value - low) / (high - low) if high > low else 0.0
    # The comparison also takes what is no number for none.
    full = round(share * _WIDTH_CHARS) if 0 <= share <= 1 else 0
    return f"|{'█' * full}{' ' * (_WIDTH_CHARS - full)}|"


def _label(model: dict[str, Any]) -> str:
    text = html.unescape(_TAG.sub("", str(model.get("value", ""))))
    return ansi.harmless(text.replace("\u2007", " ")).replace("\n", " ")
