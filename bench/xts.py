#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""xts.py KEY IN OUT: what dm-crypt makes with aes-xts-plain64 and sectors of 4096 bytes, for a device
that is written without device mapper. The IV counts in 512 bytes all the same."""

import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SECTOR = 4096


def main():
    with open(sys.argv[1], "rb") as f:
        key = algorithms.AES(f.read())
    with open(sys.argv[2], "rb") as source, open(sys.argv[3], "wb") as out:
        number = 0
        while sector := source.read(SECTOR):
            iv = (number * SECTOR // 512).to_bytes(16, "little")
            out.write(Cipher(key, modes.XTS(iv)).encryptor().update(sector))
            number += 1


main()
