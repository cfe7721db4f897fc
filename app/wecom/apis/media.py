"""WeCom's media store (facts 3.13): files are uploaded first and named by their id, three days long."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO

from app.wecom.apis.base import CorpAPI, needed, number

if TYPE_CHECKING:
    from app.wecom.replies import Download

LIFE_S = 3 * 86_400
MEGABYTE = 1024 * 1024


class MediaKind(StrEnum):
    """What a file is."""

    IMAGE = "image"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"


class Scene(StrEnum):
    """Where an attachment is for; the ids of one scene are none in the other, nor in messages."""

    MOMENTS = "1"
    ALBUM = "2"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file in the store; it is gone `LIFE_S` after `created_at_s` (seconds since 1970)."""

    media_id: str
    created_at_s: int


class MediaAPI(CorpAPI):
    """Uploads and downloads. `content` is bytes or an open file, which is read once and left where it stood.

    Refusals are `WeComRejected`: 40006 for 5 bytes or less, 40009, 40011, 45001 or 41080 for too many, 40123 and
    301017 for what is no image or voice.
    """

    def upload(self, kind: MediaKind, filename: str, content: bytes | BinaryIO) -> Uploaded:
        """A file for messages, group sends and welcomes.

        Images (JPG, PNG) up to 10 MB, voice (AMR) 2 MB and 60 seconds, video (MP4) 10 MB, other files 20 MB.
        """
        return self._uploaded("media/upload", {"type": kind.value}, filename, content)

    def upload_attachment(
        self, kind: MediaKind, scene: Scene, filename: str, content: bytes | BinaryIO
    ) -> Uploaded:
        """A file for moments (images, videos) or the product album (images), up to 10 MB."""
        query = {"media_type": kind.value, "attachment_type": scene.value}
        return self._uploaded("media/upload_attachment", query, filename, content)

    def upload_image(self, filename: str, content: bytes | BinaryIO) -> str:
        """An image up to 2 MB that stays for good; its address, which works inside WeCom only.

        A corp has 1,000 a day and 3,000 a month; beyond, `WeComRetryable`.
        """
        path = "media/uploadimg"
        return needed(path, self._post(path, files={"media": (filename, content)}), "url")

    def download(self, media_id: str, span: tuple[int, int] | None = None) -> Download:
        """A file of the store; of one above 20 MB only a `span`, first and last byte (else `WeComRejected` 830002)."""
        file: Download = self._client.download("media/get", {"media_id": media_id}, span=span)
        return file

    def _uploaded(
        self, path: str, query: dict[str, Any], filename: str, content: bytes | BinaryIO
    ) -> Uploaded:
        answer = self._post(path, params=query, files={"media": (filename, content)})
        return Uploaded(needed(path, answer, "media_id"), number(answer, "created_at"))
