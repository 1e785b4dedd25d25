"""checkpoint_reader.py: a safetensors file with nothing but the standard library, as a reader of the format would."""
import json
import struct

WIDTHS = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2, "U8": 1, "BOOL": 1}


def read(path):
    """{name: (dtype, shape, bytes)}; every rule of the layout is checked."""
    with open(path, "rb") as file:
        data = file.read()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    body = data[8 + length:]
    header.pop("__metadata__", None)
    tensors, offset = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        count = 1
        for size in entry["shape"]:
            count *= size
        assert begin == offset and end - begin == count * WIDTHS[entry["dtype"]], (name, entry)
        tensors[name] = (entry["dtype"], entry["shape"], body[begin:end])
        offset = end
    assert offset == len(body), (offset, len(body))
    return tensors
