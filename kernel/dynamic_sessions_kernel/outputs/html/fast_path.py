"""Static HTML recognised without a parser: known tags, each opened and closed in its place.

HTML that comes in megabytes is tables and text. Recognising 1 MB of it takes 4 to 30 ms, parsing
and rewriting it 36 ms and more (benchmarks/sanitising.py). Two things are checked: whether every
`<` begins a whole tag of a harmless form, and whether the tags nest as HTML wants them nested. A
browser's parser then has nothing to correct: it builds the tree as it is written, wherever the
output is put. Everything else goes through the sanitizer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.outputs import prefixes
from dynamic_sessions_kernel.outputs.cache import MAX_ATTRIBUTE_CHARS

from . import sanitizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Which elements there are, what each may hold and what it then is: text with inline elements (i),
# flow (f), an item (l), a caption (k), a cell (c), a row (r), or a group of rows (g).
_INLINE = (
    "abbr b big cite code del em font i ins kbd mark q s samp small span strike strong sub sup tt u"
    " var"
)
_ELEMENTS = (
    ("a", "", "i"),
    (_INLINE, "i", "i"),
    ("h1 h2 h3 h4 h5 h6 p pre", "i", "f"),
    ("blockquote div", "if", "f"),
    ("ol ul", "l", "f"),
    ("li", "if", "l"),
    ("table", "gr", "f"),
    ("caption", "if", "k"),
    ("tbody tfoot thead", "r", "g"),
    ("tr", "c", "r"),
    ("td th", "if", "c"),
)
_VOID = {"br": "i", "hr": "f"}
_SIDE_BY_SIDE = ("ii i", "ff f", "if f", "fi f", "ll l", "cc c", "rr r", "gg g", "gr g", "rg g")
_CAPTIONED = ("kg g", "kr r")

# Each tag maps to one character; element tags use U+0080 and up, so they never collide with the
# kinds above.
_NAMES = [name for group, _, _ in _ELEMENTS for name in group.split()]
_OPENING = {name: chr(0x80 + 2 * place) for place, name in enumerate(_NAMES)}
_CLOSING = {name: chr(0x81 + 2 * place) for place, name in enumerate(_NAMES)}
_WHOLE = [
    (f"{_OPENING[name]}{held}{_CLOSING[name]}", kind)
    for group, holds, kind in _ELEMENTS
    for name in group.split()
    for held in ("", *holds)
]
_JOINED = [tuple(step.split()) for step in _SIDE_BY_SIDE + _CAPTIONED]
#: How many times the length of the word may be read; where all nests, each round about halves it.
_MAX_WORK = 8

_TAG = re.compile(r"(<[^<>\n]*>)")
# A link never stays as it is: it is to open a page of its own.
_BARE = {
    **{f"<{name}>": _OPENING[name] for name in _NAMES if name != "a"},
    **{f"</{name}>": _CLOSING[name] for name in _NAMES},
    **{f"<{name}{end}>": kind for name, kind in _VOID.items() for end in ("", "/", " /")},
}
_KEPT = "|".join(prefixes.KEPT_CLASSES)
_NAMED = re.compile(
    rf'^(<({"|".join(_NAMES[1:])})(?: id="[\w-]+")?'
    rf'(?: class="(?![^"]*\b(?:{_KEPT})\b)[\w-]+(?: [\w-]+){{0,49}}")? ?>)$',
    re.ASCII | re.MULTILINE,
)
_OTHER = re.compile(r"<([a-z]+[1-6]?)\s")
#: What a parser must have read before it takes a part of a table for one.
_AROUND = {
    **dict.fromkeys(("td", "th"), "<table><tr>"),
    **dict.fromkeys(("caption", "tbody", "tfoot", "thead", "tr"), "<table>"),
}
#: Tags with other attributes are cleaned one by one, which is slow if they are many.
_MAX_OTHERS = 300
_SLICE_CHARS = 1 << 17
_CELL_TAGS = ("<td>", "</td>", "<tr>", "</tr>", "<th>", "</th>")


@dataclass(frozen=True, slots=True)
class _Known:
    """The different tags of an output: the letter for each, and how it is written."""

    letters: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)

    def learn(self, tags: Mapping[str, object]) -> bool:
        """Whether all of some tags have a harmless form; remember them if so."""
        bare = {tag: tag for tag in tags if tag in _BARE}
        named = dict(_NAMED.findall("\n".join(tag for tag in tags if tag not in bare)))
        self.letters.update((tag, _BARE[tag]) for tag in bare)
        self.letters.update((tag, _OPENING[name]) for tag, name in named.items())
        self.written.update(bare)
        self.written.update(zip(named, _prefixed("\n".join(named)).split("\n"), strict=False))
        others = {tag for tag in tags if tag not in self.letters}
        self.others.update(others)
        if len(self.others) > _MAX_OTHERS or any(len(tag) > MAX_ATTRIBUTE_CHARS for tag in others):
            return False
        for tag in others:
            name, cleaned = _cleaned(tag)
            if not cleaned:
                return False
            self.letters[tag], self.written[tag] = _OPENING[name], cleaned
        return True


def rewritten(source: str) -> str | None:
    """Return static HTML as the sanitiser would have it, None if it may need a parser.

    It means what the sanitiser's would; text and bare tags stay letter by letter.
    """
    parts, body = _around_cells(source)
    known, word, written = _Known(), [""], []
    for part in parts:
        kept = []
        for piece in _sliced(part):
            texts = _TAG.split(piece)
            tags = texts[1::2]
            new = {tag: None for tag in dict.fromkeys(tags) if tag not in known.letters}
            if len(tags) != piece.count("<") or not known.learn(new):
                return None
            word.append("".join(map(known.letters.__getitem__, tags)))
            texts[1::2] = map(known.written.__getitem__, tags)
            kept.append("".join(texts))
        written.append("".join(kept))
    return body.join(written) if _nests("".join(word)) else None


def _sliced(source: str) -> Iterator[str]:
    """Cut HTML before tags, since its tags and texts take a multiple of its length in memory."""
    begins = 0
    while begins < len(source):
        ends = source.find("<", begins + _SLICE_CHARS)
        ends = len(source) if ends < 0 else ends
        yield source[begins:ends]
        begins = ends


def _around_cells(source: str) -> tuple[list[str], str]:
    """Return what stands before and after a body of bare rows and cells, and the body.

    If the body contains only bare cell tags, counting is enough: wrong nesting cannot leave the
    table.
    """
    begins, ends = source.find("<tbody>") + len("<tbody>"), source.rfind("</tbody>")
    if begins <= ends:
        body = source[begins:ends]
        if body.count("<") == sum(map(body.count, _CELL_TAGS)):
            return [source[:begins], source[ends:]], body
    return [source], ""


def _prefixed(tags: str) -> str:
    """Return tags that have ids and classes alone with these made the output's own."""
    mine = f" {prefixes.PREFIX}"
    return (
        tags.replace(" ", mine)
        .replace(f'{mine}id="', f' id="{prefixes.PREFIX}')
        .replace(f'{mine}class="', f' class="{prefixes.PREFIX}')
        .replace(f"{mine}>", ">")
    )


@lru_cache(maxsize=1024)
def _cleaned(tag: str) -> tuple[str, str]:
    """Return the name of an opening tag and the tag as the cleaner writes it, "" if it does not."""
    match = _OTHER.match(tag)
    if match is None or match[1] not in _OPENING or sanitizer.handles(tag):
        return "", ""
    name = match[1]
    cleaned = sanitizer.clean(_AROUND.get(name, "") + tag)
    kept = re.match(rf"(?:<table>(?:<tbody>)?(?:<tr>)?)?(<{name}(?: [^<>]*)?>)</{name}>", cleaned)
    return name, kept[1] if kept else ""


def _nests(word: str) -> bool:
    """Whether tags nest: what is whole becomes the letter of what it is, until one letter is left.

    Each round takes in one more level of elements, and halves the number of those side by side.
    """
    present = set(word)
    steps = [(shape, kind) for shape, kind in _WHOLE if shape[0] in present] + _JOINED
    work = _MAX_WORK * len(word)
    before = ""
    while word != before and work >= 0:
        before = word
        work -= len(word)
        for shape, kind in steps:
            word = word.replace(shape, kind)
    return word in {"", "i", "f"}
