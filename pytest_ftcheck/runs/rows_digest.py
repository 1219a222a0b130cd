"""Hash the rows of a data set by their values, independent of chunks, files and indices."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pytest_ftcheck.columns import tables

if TYPE_CHECKING:
    from datasets import Dataset


def rows_digest(rows: Dataset) -> str:
    """Hash names, types and values of all columns; the order of rows counts, the order of columns does not.

    The rows are read in batches of Arrow arrays, without conversion to Python objects.
    """
    digests = {name: hashlib.sha256(f"{name} {rows.features[name]}".encode()) for name in sorted(rows.column_names)}
    for table in tables(rows):
        for name, digest in digests.items():
            _update(digest, pa.concat_arrays(table.column(name).chunks))
    return hashlib.sha256("".join(digest.hexdigest() for digest in digests.values()).encode()).hexdigest()


def _update(digest: Any, array: pa.Array) -> None:
    """Hash an array so that equal values give equal bytes, independent of offsets and of the bytes under nulls."""
    array = getattr(array, "storage", array)  # an extension array
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    digest.update(len(array).to_bytes(8, "little"))
    if array.null_count:
        digest.update(_bytes(array.is_valid()))
        array = array.drop_null()
    kind = array.type
    if pa.types.is_struct(kind):
        for part, values in zip(kind, array.flatten(), strict=True):
            digest.update(part.name.encode())
            _update(digest, values)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        digest.update(_bytes(pc.list_value_length(array)))
        _update(digest, array.flatten())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        digest.update(_bytes(pc.binary_length(array)))
        digest.update(_content(array))
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        digest.update(_bytes(array))
    else:  # dates, decimals, maps, and rare types
        digest.update(repr(array.to_pylist()).encode())


def _bytes(array: pa.Array) -> bytes:
    """Return the NumPy bytes of numbers without nulls."""
    return bytes(array.to_numpy(zero_copy_only=False).tobytes())


def _content(array: pa.Array) -> bytes:
    """Return the bytes of all strings, concatenated."""
    offsets, content = array.buffers()[1:3]
    if content is None or not len(array):
        return b""
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    places = np.frombuffer(offsets, dtype=width)[array.offset : array.offset + len(array) + 1]
    return bytes(memoryview(content)[places[0] : places[-1]])
