"""A zip archive of stored files whose bytes pass by (APPNOTE 6.3.10, ISO/IEC 21320-1): names in, headers out.

The standard library's zipfile writes local headers and the central directory. Only what lies between is ours, since its
writer wants every byte: the CRC (zlib-ng's: Python's own costs a third of a whole retrieval), and the data descriptor
behind a file, whose size nobody knows before. Every file has ZIP64 fields, so that it may be of any size. Times, system
and permissions are the same for all files everywhere.
"""

from struct import Struct
from typing import Final
from zipfile import ZipFile, ZipInfo

from zlib_ng.zlib_ng import crc32

UNIX: Final = 3
PERMISSIONS: Final = 0o100644 << 16
SIZES_FOLLOW: Final = 1 << 3
_DESCRIPTOR: Final = Struct("<4sLQQ")


class ZipWriter:
    """Frames files; their bytes go between ``begin`` and ``end``, untouched. Holds one small entry for each file.

    Without what ``close`` returns no reader takes the archive for whole.
    """

    def __init__(self) -> None:
        self._sink = _Sink()
        self._archive = ZipFile(self._sink, "w")
        self._file = ZipInfo()
        self._crc = self._size = 0

    def begin(self, name: str) -> bytes:
        """Return the local header of a file."""
        self._file = ZipInfo(name)  # its time is 1980-01-01, 00:00
        self._file.create_system, self._file.external_attr = UNIX, PERMISSIONS
        self._file.flag_bits = SIZES_FOLLOW
        self._file.header_offset = self._sink.position
        self._crc = self._size = 0
        return self._pass(self._file.FileHeader(zip64=True))

    def count(self, data: bytes | memoryview) -> None:
        """See the next bytes of the file."""
        self._crc = crc32(data, self._crc)
        self._size += len(data)

    def end(self) -> bytes:
        """Return what follows the file."""
        self._sink.position += self._size
        self._file.CRC = self._crc
        self._file.file_size = self._file.compress_size = self._size
        self._archive.filelist.append(self._file)
        return self._pass(_DESCRIPTOR.pack(b"PK\x07\x08", self._crc, self._size, self._size))

    def close(self) -> bytes:
        """Return the central directory and the end of the archive."""
        self._archive.start_dir = self._sink.position
        self._archive.close()
        return b"".join(self._sink.written)

    def _pass(self, data: bytes) -> bytes:
        self._sink.position += len(data)
        return data


class _Sink:
    """What zipfile writes to: a stream that only goes forward."""

    def __init__(self) -> None:
        self.position = 0
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.written.append(data)
        self.position += len(data)
        return len(data)

    def tell(self) -> int:
        return self.position

    def flush(self) -> None:
        """Keep what is written: whoever owns the archive takes it."""

    def close(self) -> None:
        """Stay open: zipfile closes only what it has opened."""
