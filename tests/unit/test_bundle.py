"""A bundle arrives as it was written, and nothing else is taken for one."""

from __future__ import annotations

import io
import json
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidState
from mobility.protocol import bundle
from mobility.protocol.bundle import Bundle, read_bundle, write_bundle
from tests.unit.archives import Part, archive, central, deflated, end, local

MANIFEST = b'{"files": [5, 0, 70000]}'
FILES = [b"hello", b"", b"x" * 70_000]


def sizes(manifest: bytes) -> Sequence[int]:
    try:
        found: Sequence[int] = json.loads(manifest)["files"]
    except ValueError:
        raise InvalidState("The manifest cannot be read.") from None
    return found


def written(manifest: bytes = MANIFEST, files: Sequence[bytes] = FILES) -> bytes:
    out = io.BytesIO()
    write_bundle(out, manifest, [[file] for file in files])
    return out.getvalue()


def read(raw: bytes, largest: int = 10**6) -> Bundle:
    return read_bundle(io.BytesIO(raw), sizes=sizes, largest=largest)


def contents(found: Bundle) -> list[bytes]:
    return [b"".join(file.chunks()) for file in found.files]


def manifest(files: Sequence[bytes]) -> bytes:
    return json.dumps({"files": [len(file) for file in files]}).encode()


# --- what is written ------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_a_bundle_is_read_back(files: list[bytes]) -> None:
    found = read(written(manifest(files), files))
    assert found.manifest == manifest(files)
    assert contents(found) == files
    assert contents(found) == files  # as often as one likes


@given(st.binary(max_size=200_000), st.integers(1, 100_000))
def test_the_same_content_is_the_same_bytes_however_it_comes(
    content: bytes, step: int
) -> None:
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    out = io.BytesIO()
    write_bundle(out, MANIFEST, [pieces])
    assert out.getvalue() == written(MANIFEST, [content])


def test_every_program_can_read_it() -> None:
    with zipfile.ZipFile(io.BytesIO(written())) as archive:
        assert archive.namelist() == ["manifest.json", "files/0", "files/1", "files/2"]
        assert archive.testzip() is None
        assert archive.read("files/2") == FILES[2]


def test_it_is_written_where_one_cannot_go_back() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.got = b""

        def write(self, data: Any) -> int:
            self.got += data
            return len(data)

    pipe = Pipe()
    write_bundle(cast(BinaryIO, pipe), MANIFEST, [[file] for file in FILES])
    assert pipe.got == written()


def test_zeros_are_packed_only_as_far_as_the_reader_believes_it() -> None:
    zeros = bytes(30 * 1024 * 1024)
    raw = written(manifest([zeros]), [zeros])
    assert len(raw) < 10**6
    assert read(raw, largest=len(zeros)).files[0].size == len(zeros)


def test_what_does_not_shrink_grows_hardly() -> None:
    noise = b"".join(zlib.compress(str(n).encode() * 3) for n in range(20_000))
    raw = written(manifest([noise]), [noise])
    assert len(raw) < len(noise) * 1.001 + 1000


@pytest.mark.parametrize(
    ("description", "count", "sentence"),
    [
        (b"x" * (bundle.LARGEST_MANIFEST + 1), 0, "description is too large"),
        (b"{}", bundle.MOST_FILES + 1, "at most 256 files"),
    ],
)
def test_what_could_not_be_read_is_not_written(
    description: bytes, count: int, sentence: str
) -> None:
    with pytest.raises(InvalidState, match=sentence):
        written(description, [b""] * count)


def test_what_is_too_large_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "LARGEST", 100_000)
    with pytest.raises(InvalidState, match="too large for a bundle"):
        written(b"{}", [bytes(range(256)) * 500 for _ in range(90)])


# --- what is read ---------------------------------------------------------------------


def parts() -> list[Part]:
    return [Part(b"manifest.json", MANIFEST)] + [
        Part(b"files/%d" % n, content) for n, content in enumerate(FILES)
    ]


def but(which: int, **changes: Any) -> bytes:
    """The archive with one part changed."""
    made = parts()
    made[which] = replace(made[which], **changes)
    return archive(made)


def described(*, packed: bytes | None = None, **fields: Any) -> bytes:
    """The archive with `fields` said of files/0 in the same way everywhere."""
    return but(1, local=fields, central=fields, packed=packed)


DESCRIPTOR = {"flags": 8}
HELLO = deflated(b"hello")
NUMBERS = (zlib.crc32(b"hello"), len(HELLO), 5)
NONE = {"flags": 8, "crc": 0, "packed": 0, "size": 0}


def followed(descriptor: bytes) -> bytes:
    """The archive with the numbers of files/0 behind its content."""
    return but(1, local=NONE, central=DESCRIPTOR, behind=descriptor)


VALID = {
    "numbers before the content": archive(parts()),
    "numbers behind the content": followed(struct.pack("<4s3L", b"PK\7\x08", *NUMBERS)),
    "a regular file of Unix": described(mode=(stat.S_IFREG | 0o644) << 16),
    "a flag that says how hard it was deflated": described(flags=2),
    "a flag that says UTF-8": described(flags=0x800),
}


@pytest.mark.parametrize("name", VALID)
def test_a_plain_archive_of_another_program_is_a_bundle_too(name: str) -> None:
    found = read(VALID[name])
    assert found.manifest == MANIFEST
    assert contents(found) == FILES


def from_zipfile(**options: Any) -> bytes:
    """As Python's own module writes it to a file that it can go back in."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as made:
        for part in parts():
            made.writestr(zipfile.ZipInfo(part.name.decode()), part.content, 8)
    return out.getvalue()


def test_what_pythons_own_module_writes_is_a_bundle() -> None:
    assert contents(read(from_zipfile())) == FILES


def zip64() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for part in parts():
            with made.open(part.name.decode(), "w", force_zip64=True) as file:
                file.write(part.content)
    return out.getvalue()


def quoted() -> bytes:
    """Fifield's overlap: a file's first block is stored, and the next one's header."""
    manifest, outer, inner = parts()[:3]
    header = local(inner.fields({"data": b""}))
    behind = local(inner.fields({}))
    block = b"\0" + struct.pack("<2H", len(header), len(header) ^ 0xFFFF)
    about = outer.fields(
        {
            "crc": zlib.crc32(header + inner.content),
            "packed": len(block + behind),
            "size": len(header + inner.content),
            "data": block + behind,
        }
    )
    before, both = local(manifest.fields({})), local(about)
    records = central(manifest.fields({}), 0) + central(about, len(before))
    records += central(inner.fields({}), len(before + both) - len(behind))
    return before + both + records + end(3, records, len(before + both))


def all_at_one_place() -> bytes:
    """The older overlap: many records, one content."""
    made = parts()
    start = len(local(made[0].fields({})))
    for part in made[2:]:
        part.central = {**made[1].fields({}), "name": part.name, "start": start}
    return archive(made)


ZEROS = bytes(20 * 1024 * 1024)
BOMB = deflated(ZEROS)
MANY = [Part(b"manifest.json", MANIFEST)] + [
    Part(b"files/%d" % n) for n in range(bundle.MOST_FILES + 1)
]
NO_OTHER = "something else in it"
TWO_THINGS = "says two things of one file"
INVALID: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "too short"),
    "no ZIP": (b"hello" * 100, "no end"),
    "an empty ZIP": (archive([]), "or none"),
    # names
    "a path that leads out": (but(1, name=b"../etc/passwd"), NO_OTHER),
    "an absolute path": (but(1, name=b"/etc/passwd"), NO_OTHER),
    "a path of Windows": (but(1, name=b"files\\0"), NO_OTHER),
    "a path that ends early": (but(1, name=b"files/0\0.txt"), NO_OTHER),
    "a folder by its name": (but(1, name=b"files/0/"), NO_OTHER),
    "a name twice": (but(2, name=b"files/0"), NO_OTHER),
    "a name in another case": (but(1, name=b"Files/0"), NO_OTHER),
    "files in another order": (archive([parts()[n] for n in (0, 2, 1, 3)]), NO_OTHER),
    "no manifest first": (archive([parts()[n] for n in (1, 0, 2, 3)]), NO_OTHER),
    "a second manifest": (
        archive([*parts(), Part(b"manifest.json", MANIFEST)]),
        NO_OTHER,
    ),
    "another ZIP in the place of a file": (
        archive([*parts()[:3], Part(b"more.zip", archive(parts()))]),
        NO_OTHER,
    ),
    "no name": (but(1, name=b""), NO_OTHER),
    # kinds
    "a link": (described(mode=(stat.S_IFLNK | 0o777) << 16), "link or a folder"),
    "a device": (described(mode=(stat.S_IFCHR | 0o777) << 16), "link or a folder"),
    "a folder of Unix": (described(mode=stat.S_IFDIR << 16), "link or a folder"),
    "a folder of DOS": (described(mode=0x10), "link or a folder"),
    "encrypted": (described(flags=1), "encrypted or not"),
    "strongly encrypted": (described(flags=0x41), "encrypted or not"),
    "encrypted names": (described(flags=0x2000), "encrypted or not"),
    "a patch": (described(flags=0x20), "encrypted or not"),
    "stored": (described(method=0, packed=b"hello"), "not deflated"),
    "LZMA": (described(method=14), "not deflated"),
    "Deflate64": (described(method=9), "not deflated"),
    "AES": (described(method=99), "not deflated"),
    # numbers
    "too many files": (archive(MANY), "too many files"),
    "fewer files than in the manifest": (archive(parts()[:3]), "not those of its"),
    "more files than in the manifest": (
        archive([*parts(), Part(b"files/3")]),
        "not those of its",
    ),
    "another size than in the manifest": (but(1, content=b"hell"), "not those of its"),
    "a size that lies, as in the manifest": (
        but(1, content=b"hello, world", local={"size": 5}, central={"size": 5}),
        "larger than it says",
    ),
    "a size that promises more": (
        but(1, content=b"hell", local={"size": 5}, central={"size": 5}),
        "not what it says",
    ),
    "another checksum": (described(crc=1), "not what it says"),
    "a bomb whose manifest is modest": (
        described(packed=BOMB, crc=zlib.crc32(ZEROS)),
        "larger than it says",
    ),
    "content that is no deflate": (described(packed=b"\xff" * 20), "is damaged"),
    "content that is cut off": (described(packed=HELLO[:-1]), "is cut off"),
    "no content": (described(packed=b""), "is cut off"),
    "something behind the content": (described(packed=HELLO + b"x"), "not what it"),
    "much behind the content": (
        described(packed=HELLO + bytes(200_000)),
        "not what it says",
    ),
    # headers
    "another name in front": (but(1, local={"name": b"files/9"}), TWO_THINGS),
    "a longer name in front": (but(1, local={"name": b"files/10"}), "overlap, or"),
    "another checksum in front": (but(1, local={"crc": 1}), TWO_THINGS),
    "another size in front": (but(1, local={"size": 4}), TWO_THINGS),
    "another packed size in front": (but(1, local={"packed": 4}), TWO_THINGS),
    "another method in front": (but(1, local={"method": 0}), TWO_THINGS),
    "encrypted in front": (but(1, local={"flags": 1}), TWO_THINGS),
    "sizes that follow, in front": (but(1, local={"flags": 8}), TWO_THINGS),
    "another version in front": (but(1, local={"version": 45}), TWO_THINGS),
    "an extra field in front": (but(1, local={"extra": b"UT\0\0"}), "overlap, or"),
    "an extra field": (but(1, central={"extra": b"UT\0\0"}), "too many|not allowed"),
    "a comment on a file": (but(1, central={"comment": b"hello"}), "too many|not all"),
    "another disk": (described(disk=1), "not allowed"),
    # descriptors
    "no descriptor": (followed(b""), "overlap, or"),
    "a descriptor of another checksum": (
        followed(struct.pack("<4s3L", b"PK\7\x08", 1, *NUMBERS[1:])),
        TWO_THINGS,
    ),
    "a descriptor of another size": (
        followed(struct.pack("<4s3L", b"PK\7\x08", *NUMBERS[:2], 9)),
        TWO_THINGS,
    ),
    "a descriptor without its mark": (
        followed(struct.pack("<3L", *NUMBERS)),
        "overlap, or",
    ),
    "a descriptor of ZIP64": (
        followed(struct.pack("<4sL2Q", b"PK\7\x08", *NUMBERS)),
        "overlap, or",
    ),
    "numbers on both sides": (
        but(1, local=DESCRIPTOR, central=DESCRIPTOR, behind=b"PK\7\x08" + bytes(12)),
        TWO_THINGS,
    ),
    # places
    "something in front": (b"#!/bin/sh\n" + archive(parts()), "not where it should"),
    "something in front, and it knows": (
        archive([replace(parts()[0], before=b"MZ"), *parts()[1:]]),
        "overlap, or hide",
    ),
    "something between": (but(1, before=b"hidden"), "overlap, or hide"),
    "something before the directory": (
        archive(parts(), gap=b"hidden"),
        "not where it should",
    ),
    "something before the directory, and it knows": (
        but(3, behind=b"hidden"),
        "more in it",
    ),
    "something behind": (archive(parts()) + b"hidden", "no end|not where|something"),
    "a comment": (archive(parts(), comment=b"hello"), "no end"),
    "a comment of nothing": (archive(parts())[:-2] + b"\1\0", "something behind it"),
    "two archives": (archive(parts()) * 2, "not where it should"),
    "contents that overlap": (all_at_one_place(), "overlap, or hide"),
    "contents that quote headers": (quoted(), "overlap, or hide"),
    # the end
    "fewer records than it says": (
        archive(parts(), here=5, count=5),
        "directory is damaged",
    ),
    "more records than it says": (
        archive(parts(), here=3, count=3),
        "too many files",
    ),
    "two counts": (archive(parts(), here=3), "too many files"),
    "all counts": (archive(parts(), here=0xFFFF, count=0xFFFF), "too many files"),
    "a directory that begins nowhere": (
        archive(parts(), start=0xFFFFFFFF),
        "not where it should",
    ),
    "a directory that is too short": (archive(parts(), size=9), "not where it should"),
    "several disks": (archive(parts(), disk=1), "no end"),
    "ZIP64": (zip64(), "overlap, or hide|not allowed|too many"),
    "an end of ZIP64": (
        archive(parts(), zip64=b"PK\6\6" + bytes(52) + b"PK\6\7" + bytes(16)),
        "not where it should",
    ),
    "sizes for ZIP64": (described(size=0xFFFFFFFF), "not those of its manifest"),
    "a packed size for ZIP64": (
        but(1, local={"packed": 0xFFFFFFFF}, central={"packed": 0xFFFFFFFF}),
        "overlap, or hide",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_archive_that_is_no_bundle_is_refused_before_a_file_of_it_is_seen(
    name: str,
) -> None:
    raw, sentence = INVALID[name]
    with pytest.raises(InvalidState, match=sentence):
        read(raw)


def test_a_manifest_that_is_refused_is_the_end_of_it() -> None:
    with pytest.raises(InvalidState, match="manifest cannot be read"):
        read(written(b"no JSON"))


def test_a_manifest_that_is_too_large_is_not_looked_at() -> None:
    huge = b" " * (bundle.LARGEST_MANIFEST + 1)
    with pytest.raises(InvalidState, match="manifest is too large"):
        read(archive([Part(b"manifest.json", huge)]))


def test_more_than_this_device_allows_is_refused() -> None:
    with pytest.raises(InvalidState, match="larger than this device allows"):
        read(written(), largest=70_004)
    assert contents(read(written(), largest=70_005)) == FILES


def test_a_bomb_is_refused_even_if_its_manifest_says_so() -> None:
    raw = archive([Part(b"manifest.json", manifest([ZEROS])), Part(b"files/0", ZEROS)])
    with pytest.raises(InvalidState, match="larger than it says"):
        read(raw, largest=10**9)


def test_what_hides_behind_a_content_that_fills_a_chunk_is_found() -> None:
    content = bytes(65_531)
    stored = b"\1" + struct.pack("<2H", 65_531, 65_531 ^ 0xFFFF) + content
    about = Part(b"manifest.json", manifest([content]))
    plain = archive([about, Part(b"files/0", content, packed=stored)])
    assert contents(read(plain)) == [content]
    hiding = archive([about, Part(b"files/0", content, packed=stored + b"hidden")])
    with pytest.raises(InvalidState, match="not what it says"):
        read(hiding)


def test_a_bundle_that_changes_while_it_is_open_is_noticed() -> None:
    raw = io.BytesIO(written())
    found = read_bundle(raw, sizes=sizes, largest=10**6)
    raw.seek(raw.getvalue().index(b"hello"))
    raw.write(b"olleh")
    with pytest.raises(InvalidState, match="not what it says"):
        contents(found)


@given(st.data())
def test_no_changed_byte_makes_another_content(data: st.DataObject) -> None:
    raw = bytearray(written())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    is_the_same_or_refused(bytes(raw))


@given(st.data())
def test_nothing_cut_out_or_put_in_makes_another_content(data: st.DataObject) -> None:
    raw = written()
    at = data.draw(st.integers(0, len(raw)))
    to = data.draw(st.integers(at, len(raw)))
    is_the_same_or_refused(raw[:at] + data.draw(st.binary(max_size=50)) + raw[to:])


def is_the_same_or_refused(raw: bytes) -> None:
    try:
        found = read(raw)
    except InvalidState:
        return
    assert found.manifest == MANIFEST
    assert contents(found) == FILES


@given(st.binary(max_size=500))
def test_no_bytes_do_anything_but_be_read_or_refused(raw: bytes) -> None:
    with pytest.raises(InvalidState):
        read(raw)


@pytest.mark.parametrize("largest", [10**6, 10**10])
def test_memory_stays_flat_for_a_bomb(largest: int) -> None:
    raw = archive([Part(b"manifest.json", b'{"files": [20971520]}'), bomb()])
    assert peak(lambda: refused(raw, largest)) < 2 * 1024 * 1024


def bomb() -> Part:
    return Part(b"files/0", ZEROS, packed=BOMB)


def refused(raw: bytes, largest: int) -> None:
    with pytest.raises(InvalidState):
        read(raw, largest)


def test_memory_stays_flat_for_a_large_file() -> None:
    size = 30 * 1024 * 1024

    def content() -> Iterator[bytes]:
        for n in range(size // 65536):
            yield n.to_bytes(4, "big") * 16384

    class Sink(io.RawIOBase):
        def write(self, data: Any) -> int:
            return len(data)

    out = cast(BinaryIO, Sink())
    assert peak(lambda: write_bundle(out, b"{}", [content()])) < 2 * 1024 * 1024
    whole = io.BytesIO()
    write_bundle(whole, manifest([bytes(size)]), [content()])
    whole.seek(0)
    used = peak(
        lambda: sum(
            len(chunk)
            for file in read_bundle(whole, sizes=sizes, largest=size).files
            for chunk in file.chunks()
        )
    )
    assert used < 2 * 1024 * 1024


def peak(work: Callable[[], object]) -> int:
    """The most bytes that it needed at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
