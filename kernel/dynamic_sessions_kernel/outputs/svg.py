"""Drawings: SVG rebuilt from an allow-list of what draws.

Front ends differ: one shows SVG as an image, another puts it into the page as it is, and so does
an exported notebook. So nothing is let through as it came: a strict XML parser reads the drawing
and what is known to be harmless is written anew.
"""

from __future__ import annotations

import io
import re
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from . import images, latex, prefixes
from .css import declarations, stylesheets

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_SEPARATOR = "\n"

_ELEMENT_NAMES = (
    "svg g defs path rect circle ellipse line polyline polygon text tspan textPath title desc"
    " clipPath mask pattern marker linearGradient radialGradient stop symbol use image style switch"
    " filter feGaussianBlur feOffset feMerge feMergeNode feBlend feColorMatrix feComposite feFlood"
    " feMorphology feComponentTransfer feFuncA feFuncR feFuncG feFuncB feTile feTurbulence"
    " feDropShadow feDiffuseLighting feSpecularLighting feDistantLight fePointLight"
)
_ELEMENTS = frozenset(_ELEMENT_NAMES.split())
#: Left out together with their content; `a` alone is left out and keeps its content.
_TRANSPARENT = frozenset({"a"})
#: Text alone: in a page, HTML's rules would hold for elements in these.
_TEXTS = frozenset({"title", "desc"})
_ATTRIBUTE_NAMES = (
    "x y x1 x2 y1 y2 cx cy r rx ry fx fy fr dx dy width height d points viewBox version transform"
    " gradientTransform gradientUnits patternTransform patternUnits patternContentUnits offset"
    " preserveAspectRatio spreadMethod clipPathUnits maskUnits maskContentUnits markerUnits"
    " markerWidth markerHeight refX refY orient rotate textLength lengthAdjust startOffset method"
    " pathLength opacity color fill fill-opacity fill-rule stroke stroke-width stroke-opacity"
    " stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray stroke-dashoffset"
    " stop-color stop-opacity clip-path clip-rule mask filter marker-start marker-mid marker-end"
    " font-family font-size font-style font-weight font-variant font-stretch text-anchor"
    " text-decoration dominant-baseline alignment-baseline baseline-shift letter-spacing"
    " word-spacing writing-mode visibility display shape-rendering text-rendering image-rendering"
    " vector-effect paint-order filterUnits primitiveUnits in in2 result stdDeviation mode type"
    " values operator k1 k2 k3 k4 radius flood-color flood-opacity tableValues slope intercept"
    " amplitude exponent seed numOctaves baseFrequency lighting-color surfaceScale diffuseConstant"
    " specularConstant specularExponent azimuth elevation z edgeMode role aria-label"
)
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split())
_REFERENCE = re.compile(r"#([\w.:-]{1,200})")
_URL = re.compile(r"url\(\s*(['\"]?)#([\w.:-]{1,200})\1\s*\)")
_INLINE_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,(.*)", re.DOTALL)
_FORBIDDEN_IN_VALUES = re.compile(r"url|\\|image-set|expression|/\*", re.IGNORECASE)

_MAX_DEPTH = 200
_MAX_NAMESPACE_CHARS = 200


class NotADrawingError(ValueError):
    """The SVG does more than draw, or is not well-formed."""


def drawing(source: str) -> str:
    """Return an SVG document that draws what `source` draws, and can do nothing else.

    Raises:
        NotADrawingError: it holds scripts, handlers, animations, foreign content or entities, or
            is not XML. Shapes it can also do without, such as editors' metadata, are left out.
    """
    return _Writer().write(source)


class _Writer:
    def __init__(self) -> None:
        self._out = io.StringIO()
        self._open: list[str] = []
        self._skipping = 0
        self._style: list[str] | None = None
        self._texts: list[str] = []
        self._scope = ""

    def write(self, source: str) -> str:
        self._scope = prefixes.scope(source)
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._refuse
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.buffer_text = True
        try:
            parser.Parse(source.encode("utf-8", "replace"), True)
        except expat.ExpatError as error:
            raise NotADrawingError(f"not well-formed: {error}") from None
        return self._out.getvalue()

    def _said(self) -> None:
        """Write the text before a tag, which the parser hands over in pieces."""
        text, self._texts = "".join(self._texts), []
        if self._open and self._open[-1] not in {"", "svg", "g", "defs"}:
            self._out.write(latex.inert(escape(text), "<tspan></tspan>"))
        elif text.strip() == "":
            self._out.write(text)

    def _refuse(self, *_: object) -> None:
        raise NotADrawingError("it declares entities")

    def _doctype(
        self, _name: str, _system: str | None, _public: str | None, has_declarations: bool
    ) -> None:
        # Attributes that it declares would be added to each element.
        if has_declarations:
            raise NotADrawingError("its document type declares something")

    def _namespace(self, _prefix: str, address: str) -> None:
        # The parser gives it anew with each name.
        if len(address) > _MAX_NAMESPACE_CHARS:
            raise NotADrawingError("it has a long namespace")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(_SEPARATOR)
        if not self._open and not self._skipping and local != "svg":
            raise NotADrawingError("its root is not svg")
        if namespace not in {_SVG, ""} or self._skipping:
            self._skipping += 1
            return
        self._said()
        if self._open and self._open[-1] in _TEXTS:
            self._skipping += 1
            return
        if local in _TRANSPARENT:
            self._open.append("")
            return
        if local not in _ELEMENTS:
            if local not in {"metadata", "namedview"}:
                raise NotADrawingError(f"it holds {local}")
            self._skipping += 1
            return
        if len(self._open) >= _MAX_DEPTH:
            raise NotADrawingError("it is nested too deep")
        root = not self._open
        self._open.append(local)
        if local == "style":
            self._style = []
            return
        self._out.write(f"<{local}{self._written(local, attributes, root=root)}>")

    def _written(self, element: str, attributes: dict[str, str], *, root: bool) -> str:
        kept = ""
        if root:
            kept = f' xmlns="{_SVG}" xmlns:xlink="{_XLINK}"'
        classes = prefixes.class_attribute(attributes.get("class", ""))
        if root:
            classes = f"{self._scope} {classes}".strip()
        if classes:
            kept += f" class={quoteattr(classes)}"
        for name, value in attributes.items():
            namespace, _, local = name.rpartition(_SEPARATOR)
            # On the root they would move the drawing out of its place in the page.
            if root and (local in declarations.DRAWING_ONLY or _moves(local, value)):
                continue
            written = self._attribute(element, namespace, local, value)
            if written is not None:
                kept += f" {written[0]}={quoteattr(written[1])}"
        return kept

    def _attribute(
        self, element: str, namespace: str, name: str, value: str
    ) -> tuple[str, str] | None:
        if name.lower().startswith("on"):
            raise NotADrawingError(f"it has the handler {name}")
        if name == "href" and namespace in {"", _XLINK}:
            target = _target(element, value)
            return ("xlink:href", target) if target else None
        return None if namespace else self._plain_attribute(name, value)

    def _plain_attribute(self, name: str, value: str) -> tuple[str, str] | None:
        if name == "id":
            return "id", prefixes.PREFIX + value
        if name == "style":
            return "style", declarations.style_attribute(value, drawing=True)
        if name not in _ATTRIBUTES or _FORBIDDEN_IN_VALUES.search(_URL.sub("", value)):
            return None
        return name, _URL.sub(rf"url(#{prefixes.PREFIX}\2)", value)

    def _text(self, text: str) -> None:
        if self._skipping:
            return
        if self._style is not None:
            self._style.append(text)
        else:
            self._texts.append(text)

    def _end(self, _: str) -> None:
        if self._skipping:
            self._skipping -= 1
            return
        self._said()
        local = self._open.pop()
        if local == "style":
            source = "".join(self._style or ())
            if len(source) > stylesheets.MAX_SHEET_CHARS:
                raise NotADrawingError("it has a long style sheet")
            sheet = stylesheets.sheet(source, self._scope, drawing=True)
            self._style = None
            self._out.write(f"<style>{escape(sheet)}</style>")
        elif local:
            self._out.write(f"</{local}>")


def _moves(attribute: str, value: str) -> bool:
    style = declarations.style_attribute(value, drawing=True) if attribute == "style" else ""
    return any(name in style for name in declarations.DRAWING_ONLY)


def _target(element: str, value: str) -> str | None:
    inside = _REFERENCE.fullmatch(value.strip())
    if inside:
        return f"#{prefixes.PREFIX}{inside[1]}"
    picture = _INLINE_IMAGE.fullmatch(value.strip())
    if picture and element == "image":
        data = images.checked(picture[1], picture[2])
        if data is not None:
            return f"data:{picture[1]};base64,{data}"
    return None
