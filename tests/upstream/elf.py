"""The smallest real programs: print a message, exit with 0. Linux, static, no section headers."""

import struct

LOAD_ADDRESS = 0x400000
FILE_HEADER, PROGRAM_HEADER = 64, 56
HEADERS = FILE_HEADER + PROGRAM_HEADER
MACHINES = {"amd64": 62, "arm64": 183}


def amd64(length: int) -> bytes:
    write = b"\xb8\x01\x00\x00\x00" + b"\xbf\x01\x00\x00\x00"  # mov eax, 1; mov edi, 1
    size = b"\xba" + struct.pack("<I", length)  # mov edx, length
    leave = b"\x0f\x05" + b"\xb8\x3c\x00\x00\x00" + b"\x31\xff" + b"\x0f\x05"  # syscall; exit(0)
    message = b"\x48\x8d\x35" + struct.pack("<i", len(size + leave))  # lea rsi, [rip + …]
    return write + message + size + leave


def arm64(length: int) -> bytes:
    if length > 0xFFFF:
        raise ValueError(f"a message of {length} bytes does not fit in one mov instruction")
    words = (
        0xD2800020,  # mov x0, #1
        0x10000001 | 7 << 5,  # adr x1, 7 instructions on
        0xD2800002 | length << 5,  # mov x2, #length
        0xD2800808,  # mov x8, #64 (write)
        0xD4000001,  # svc #0
        0xD2800000,  # mov x0, #0
        0xD2800BA8,  # mov x8, #93 (exit)
        0xD4000001,  # svc #0
    )
    return struct.pack("<8I", *words)


def program(architecture: str, message: str) -> bytes:
    """An executable for `amd64` or `arm64` (the names that OCI platforms use)."""
    text = message.encode()
    code = {"amd64": amd64, "arm64": arm64}[architecture](len(text)) + text
    size = HEADERS + len(code)
    executable, version = 2, 1
    file_header = (
        struct.pack("<16sHHI", b"\x7fELF\x02\x01\x01", executable, MACHINES[architecture], version)
        + struct.pack("<QQQI", LOAD_ADDRESS + HEADERS, FILE_HEADER, 0, 0)
        + struct.pack("<HHHHHH", FILE_HEADER, PROGRAM_HEADER, 1, 0, 0, 0)
    )
    read_and_execute = 5
    program_header = struct.pack("<IIQQQQQQ", 1, read_and_execute, 0, LOAD_ADDRESS, LOAD_ADDRESS, size, size, 0x10000)
    return file_header + program_header + code
