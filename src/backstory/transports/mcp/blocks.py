"""What an extension's answers are made of: text, images, sound, resources and links to them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from backstory.transports.mcp.answers import View


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Words for the model."""

    text: str

    def view(self) -> View:
        return {"type": "text", "text": self.text}


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """A picture; `data` are its bytes as they are."""

    data: bytes
    mime_type: str

    def view(self) -> View:
        return {"type": "image", "data": _base64(self.data), "mimeType": self.mime_type}


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Sound; `data` are its bytes as they are."""

    data: bytes
    mime_type: str

    def view(self) -> View:
        return {"type": "audio", "data": _base64(self.data), "mimeType": self.mime_type}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a resource holds: text, or bytes as they are. `uri` is set where a read leaves it out."""

    data: str | bytes
    mime_type: str
    uri: str = ""

    def view(self, uri: str = "") -> View:
        """As `resources/read` shows it; `uri` stands where none of its own does."""
        view: View = {"uri": self.uri or uri, "mimeType": self.mime_type}
        if isinstance(self.data, str):
            return view | {"text": self.data}
        return view | {"blob": _base64(self.data)}


@dataclass(frozen=True, slots=True)
class ResourceBlock:
    """A resource in the middle of an answer."""

    contents: Contents

    def view(self) -> View:
        return {"type": "resource", "resource": self.contents.view()}


@dataclass(frozen=True, slots=True)
class LinkBlock:
    """A resource that the client may read on its own."""

    uri: str
    name: str
    mime_type: str = "application/json"

    def view(self) -> View:
        return {
            "type": "resource_link",
            "uri": self.uri,
            "name": self.name,
            "mimeType": self.mime_type,
        }


Block = TextBlock | ImageBlock | AudioBlock | ResourceBlock | LinkBlock


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
