"""The bytes under the documents that lattice_verify.py checks: signatures, hashes, canonical bytes, base64url and JSON.

It is written from SPEC.md and has nothing but the standard library."""
import base64, hashlib, json, re, struct
from decimal import Decimal
P, L, SAFE = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493, 2**53 - 1
D, ROOT = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)
SMALL = {0, 1, P - 1, 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826,
         0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7}  # In SPEC the bytes are reversed.
def need(holds, rule, wrong):
    if not holds: raise ValueError(rule, wrong)
def H(*parts): return hashlib.sha256(b''.join(parts)).digest()
def increases(some): return all(a < b for a, b in zip(some, some[1:]))
def number(b, order='big'): return int.from_bytes(b, order)

# Ed25519 (RFC 8032, section 5.1) by [K1, K2]. A point is (X, Y, Z, T) with x = X/Z, y = Y/Z and xy = T/Z.
def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * D * p[3] * q[3] % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P
def point(encoded):
    sign, y = divmod(number(encoded, 'little'), 2**255)
    u, v = y * y - 1, D * y * y + 1
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P: x = x * ROOT % P
    x = P - x if x % 2 != sign else x
    return None if y >= P or (v * x * x - u) % P else (x, y, 1, x * y % P)
BASE = point(b'\x58' + b'\x66' * 31)
def good(author, message, signature):
    key, s = point(author), number(signature[32:], 'little')
    if key is None or key[1] in SMALL or s >= L: return False
    k = number(hashlib.sha512(signature[:32] + author + message).digest(), 'little') % L
    minus, q = (P - key[0], key[1], 1, P - key[3]), (0, 1, 1, 0)
    sums = {(1, 0): BASE, (0, 1): minus, (1, 1): add(BASE, minus)}
    for bit in range(252, -1, -1):
        q, bits = add(q, q), (s >> bit & 1, k >> bit & 1)
        q = add(q, sums[bits]) if any(bits) else q
    x, y = (c * pow(q[2], -1, P) % P for c in q[:2])
    return number(signature[:32], 'little') == y | x % 2 << 255

# Canonical bytes [B1 to B6]
def head(major, arg):
    width = next((w for w in (1, 2, 4, 8) if arg < 1 << 8 * w), 8)
    return bytes([major << 5 | (arg if arg < 24 else 23 + width.bit_length())]) + arg.to_bytes(width, 'big')[arg < 24:]
def item(b, at=0, depth=0):  # The item at `at`, and where the next one begins.
    major, arg, start, at = b[at] >> 5, b[at] & 31, at, at + 1
    if major == 7 and arg == 27:
        x = struct.unpack('>d', b[at:at + 8])[0]
        need(x - x == 0 and not x.is_integer(), 'B4', 'a float that is no finite fraction')
        return x, at + 8
    if major == 7: return {20: False, 21: True, 22: None}[arg], at
    if arg > 23: at, arg = at + (1 << arg - 24), number(b[at:at + (1 << arg - 24)])
    need(b[start:at] == head(major, arg) and arg <= SAFE, 'B2', 'an argument that is cut, too great or too long')
    if major < 2: return (arg, -1 - arg)[major], at
    need(major < 6 and depth < 36 and (major > 3 or at + arg <= len(b)), 'B1', 'a tag, no end, or too much nesting')
    if major < 4: return (b[at:at + arg] if major == 2 else b[at:at + arg].decode()), at + arg
    out = []
    for _ in range(arg * (major - 3)):
        x, at = item(b, at, depth + 1)
        out.append(x)
    if major == 5: need(increases([(len(n.encode()), n.encode()) for n in out[::2]]), 'B3', 'names out of order')
    return (out if major == 4 else dict(zip(out[::2], out[1::2]))), at
def enc(x):  # The canonical bytes of integers, byte strings, texts and lists.
    if type(x) is list: return head(4, len(x)) + b''.join(map(enc, x))
    if type(x) is int: return head(0, x)
    major, x = (2, x) if type(x) is bytes else (3, x.encode())
    return head(major, len(x)) + x
def version(e): return type(e) is int and e == 1  # In an array, beside types of Python and numbers of bytes.
def uint(e): return type(e) is int and e >= 0
def name(e): return type(e) is str and 1 <= len(e.encode()) <= 128
def array(rule, b, most, *shape):
    x, end = item(b)
    need(type(x) is list and len(x) == len(shape) and end == len(b) <= most, rule, 'another form')
    for e, s in zip(x, shape):
        fits = type(e) is s if type(s) is type else s(e) if callable(s) else type(e) is bytes and len(e) == s
        need(fits, rule, 'an element of another type, length or version')
    return x
def parts(rule, b, size, most=256):
    need(len(b) % size == 0 and len(b) <= size * most, rule, 'the length of a list')
    return [b[i:i + size] for i in range(0, len(b), size)]
# Texts [P5, V6]
def from_base64(text):
    b = base64.b64decode(text + '=' * (-len(text) % 4), b'-_', validate=True)
    need(base64.urlsafe_b64encode(b).decode().rstrip('=') == text, 'P5', 'no base64url, or unused bits that are set')
    return b
def from_json(text):
    def members(pairs): return need(len(dict(pairs)) == len(pairs), 'V6', 'a name that stands twice') or dict(pairs)
    def decimal(digits):
        x, zero = float(digits), not re.search('[1-9]', re.split('[eE]', digits)[0])
        need(x - x == 0 and (zero or Decimal(digits) == Decimal(repr(x))), 'P5', 'a number that loses digits')
        return int(x) if x.is_integer() else x
    x = json.loads(text, object_pairs_hook=members, parse_int=decimal, parse_float=decimal, parse_constant=decimal)
    return json.dumps(x, ensure_ascii=False).encode() and x  # Encoding refuses lone surrogates.
def same(a, b): return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
