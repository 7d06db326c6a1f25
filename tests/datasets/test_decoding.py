"""The quick way to pixels: Pillow's bit for bit wherever it is taken, and refusals exactly where Pillow refuses."""

import io
import itertools

import numpy as np
import PIL
import pytest
import simplejpeg
from PIL import Image

from wgbench.datasets import decoding

RNG = np.random.default_rng(0)
SIZES = [(1, 1), (1, 33), (17, 1), (8, 8), (16, 17), (17, 33), (33, 40)]
SAMPLINGS = ["444", "422", "420", "440", "411"]
LIMIT = 10_000_000


def picture(height, width, mode="RGB"):
    """Some noise on something smooth."""
    coarse = Image.fromarray(RNG.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray((smooth + RNG.normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8)).convert(mode)


def coded(image, **options):
    file = io.BytesIO()
    image.save(file, options.pop("format", "JPEG"), **options)
    return file.getvalue()


@pytest.fixture
def taken(monkeypatch):
    """How many images the quick way has decoded."""
    assert decoding.agree()  # its own images are not counted
    seen, decode = [], simplejpeg.decode_jpeg

    def counted(*given, **options):
        seen.append(decode(*given, **options))
        return seen[-1]

    monkeypatch.setattr(simplejpeg, "decode_jpeg", counted)
    return seen


def both(content):
    """What becomes of a file, and what becomes of it by Pillow alone."""
    return decoding.decode(content, "x", LIMIT), decoding.decode(content, "x", LIMIT, quick=False)


def assert_same(content):
    found, expected = both(content)
    if isinstance(expected, str):
        assert found == expected
    else:
        assert np.array_equal(found.pixels, expected.pixels)
        assert (found.checksum, found.source) == (expected.checksum, expected.source)


@pytest.mark.parametrize("size", SIZES)
def test_plain_files_are_decoded_quickly_to_pillows_pixels(size, taken):
    options = [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 1}]
    n = 0
    for quality, sampling, more in itertools.product([5, 75, 100], [0, 1, 2], options):
        assert_same(coded(picture(*size), quality=quality, subsampling=sampling, **more))
        n += 1
    for quality, sampling in itertools.product([30, 95], SAMPLINGS):
        assert_same(simplejpeg.encode_jpeg(np.asarray(picture(*size)), quality, "RGB", sampling))
        n += 1
    assert_same(coded(picture(*size), keep_rgb=True))
    assert len(taken) == n + 1


def test_what_is_said_beside_the_pixels_does_not_matter(taken):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by whoever shows it
    for more in ({"exif": exif}, {"icc_profile": bytes(70_000)}, {"comment": b"\xff\xc0\x00\x11\x08"}, {"dpi": (3, 3)}):
        assert_same(coded(picture(20, 30), **more))
    assert_same(coded(picture(20, 30)) + b"what comes after the end")
    assert len(taken) == 5


def test_all_else_is_left_to_pillow(taken):
    others = [coded(picture(9, 9, mode)) for mode in ("L", "CMYK")]
    others += [coded(picture(9, 9, mode), format="PNG") for mode in ("L", "LA", "P", "RGB", "RGBA", "1")]
    others.append(coded(picture(9, 9), format="MPO", save_all=True, append_images=[picture(9, 9)]))
    plain = coded(picture(9, 9))
    others += [plain.replace(b"\xff\xc0\x00\x11", b"\xff" + other + b"\x00\x11") for other in (b"\xc3", b"\xc9")]
    for content in others:
        assert_same(content)
    assert taken == []


@pytest.mark.parametrize("more", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
def test_what_was_cut_or_damaged_is_refused_where_pillow_refuses_it(more):
    content = coded(picture(17, 33), quality=60, **more)
    for n in range(0, len(content), 3):
        assert_same(content[:n])
    for n in range(1, 8):
        assert_same(content[:-n])
    places = RNG.integers(0, len(content), 300)
    for place, byte in zip(places, RNG.integers(0, 256, len(places)), strict=True):
        damaged = bytearray(content)
        damaged[place] = byte
        assert_same(bytes(damaged))
        assert_same(content[:place] + content[place + 1 :])


def test_a_size_is_pillows(tmp_path):
    path = tmp_path / "x"
    contents = [coded(picture(7, 30)), coded(picture(7, 30), icc_profile=bytes(70_000)), coded(picture(7, 30, "L"))]
    for content in [*contents, coded(picture(7, 30), format="PNG"), simplejpeg.encode_jpeg(np.zeros((7, 30, 3), "u1"))]:
        path.write_bytes(content)
        assert decoding.size(path) == (7, 30)
    for nothing in (b"", contents[0][:20], b"text"):
        path.write_bytes(nothing)
        assert decoding.size(path) == (0, 0)


@pytest.fixture
def afresh():
    decoding.agree.cache_clear()
    yield
    decoding.agree.cache_clear()


@pytest.mark.usefixtures("afresh")
def test_where_simplejpeg_is_missing_pillow_decodes_all(monkeypatch, tmp_path):
    monkeypatch.setattr(decoding, "simplejpeg", None)
    assert decoding.versions() == f"pillow {PIL.__version__}"
    assert_same(coded(picture(9, 9)))
    (tmp_path / "x").write_bytes(coded(picture(7, 30)))
    assert decoding.size(tmp_path / "x") == (7, 30)


@pytest.mark.usefixtures("afresh")
def test_where_it_decodes_to_other_pixels_it_is_not_used_nor_named(monkeypatch):
    decode = simplejpeg.decode_jpeg
    monkeypatch.setattr(simplejpeg, "decode_jpeg", lambda content, *_: decode(content, fastupsample=True))
    assert decoding.versions() == f"pillow {PIL.__version__}"
    assert_same(coded(picture(17, 33), subsampling=2))
