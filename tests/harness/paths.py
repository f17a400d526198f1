"""Where the programs under test are."""

import os
import pathlib

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def build_dir():
    """TALLYGATE_BUILD; else ./build, else the directory make was called in."""
    given = os.environ.get("TALLYGATE_BUILD")
    if given:
        return pathlib.Path(given)
    here = pathlib.Path.cwd()
    return here / "build" if (here / "build").is_dir() else here


def program(name):
    path = build_dir() / name
    if not os.access(path, os.X_OK):
        pytest.fail(f"{path} is not there: build first, or say where with "
                    "TALLYGATE_BUILD", pytrace=False)
    return str(path)


def price_table():
    """The one the programs use in tests."""
    return os.environ.get("TALLYGATE_PRICES",
                          str(SOURCE / "etc" / "prices.json"))


def has_sanitizers():
    """Whether the gateway is built with AddressSanitizer."""
    with open(program("tallygate"), "rb") as f:
        return b"__asan_init" in f.read()
