"""oscrypto looks for OpenSSL's version with one digit in its last place: 3.0.10 and later have two."""

import pathlib
import sysconfig

folder = pathlib.Path(sysconfig.get_path("purelib"), "oscrypto", "_openssl")
for name in ["_libcrypto_cffi.py", "_libcrypto_ctypes.py"]:
    file = folder / name
    text = file.read_text()
    patched = text.replace(r"\\d\\.\\d\\.\\d[a-z]*", r"\\d\\.\\d\\.\\d+[a-z]*")
    if patched != text:
        file.write_text(patched)
