"""Checks proof documents, certificates and commits by SPEC.md, with nothing but the standard library.

lattice_verify.py proof|certificate|commit FILE --trust LIST [--key K] [--network N] [--root HEX] [--value JSON]
LIST is a fleet.json, or public keys with a comma after each; a commit is a fragment in base64url. Prints one line of
JSON. Exit codes: 0 verified; 1 refused, with the rule that is broken; 2 usage."""
import argparse, base64, hashlib, json, re, struct, sys
from decimal import Decimal
from types import SimpleNamespace as Record
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
def is_value(v, depth=0):
    if type(v) is dict: return '__proto__' not in v and is_value(list(v.values()), depth)
    if type(v) is list: return depth < 32 and all(is_value(one, depth + 1) for one in v)
    return type(v) is not bytes and (type(v) is not int or abs(v) <= SAFE)
def is_key(key): return type(key) is str and 1 <= len(key.encode()) <= 1024
def operation(b, author, hlc):
    x, end = item(b)
    need(type(x[0]) is int and [len(x), x[0]] in ([4, 0], [3, 1]) and type(x[-1]) is bytes, 'O1', 'the form')
    dots, at = parts('O2', x[-1], 40), item(b, item(b, 1)[1])[1]
    need(is_key(x[1]) and end == len(b), 'V5', 'the key, or bytes beyond the end')
    need(x[0] == 1 or is_value(x[2]) and item(b, at)[1] - at <= 16384, 'V1', 'what is no value')
    seen = {d[:32]: d[32:] for d in dots}
    need(increases([d[:32] for d in dots]) and author not in seen, 'O2', 'the authors of a context')
    need(all(bytes(8) < time < hlc for time in seen.values()), 'O3', 'a context of what was not seen')
    return Record(kind=('present', 'deleted')[x[0]], key=x[1], value=x[2], seen=seen)
# The documents [F, Z, E, P]
def check_commit(b, trusted, network=None):
    header, signature, indices, ops, proof = array('F1', b, 81920, bytes, 64, bytes, list, bytes)
    _, of, author, hlc, count, root = array('H1', header, 81920, version, name, 32, 8, uint, 32)
    need(hlc > bytes(8) and count <= 256, 'H1', 'an HLC or a count out of range')
    indices, proof = [number(i) for i in parts('F1', indices, 2)], parts('F2', proof, 32)
    need(indices and increases([*indices, count]) and len(ops) == len(indices), 'F1', 'the indices')
    ident, read = H(b'diotec360/lattice/commit/v1:', header), [operation(o, author, hlc) for o in ops]
    need(len({o.key for o in read}) == len(read) and sum(map(len, ops)) <= 65536, 'O4', 'a key twice, or too much')
    def tree(low, high):
        if not any(low <= i < high for i in indices): return proof.pop(0)
        if high - low == 1: return H(b'\0', ops[indices.index(low)])
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        return H(b'\1', tree(low, middle), tree(middle, high))
    need(tree(0, count) == root and not proof, 'F3', 'operations that do not lead to the header')
    need(network in (None, of) and author in trusted, 'D1', 'another network, or an author who is not trusted')
    need(good(author, b'diotec360/lattice/commit/v1:' + header, signature), 'H5', 'a bad signature')
    return [Record(**vars(o), rank=(hlc, author, ident, i)) for o, i in zip(read, indices)]
def check_certificate(b, trusted):
    x = array('Z4', b, 25088, version, name, uint, 32, uint, 32, bytes)
    signers = parts('Z4', x.pop(), 96)
    need(1 <= x[2] < 2**48 and signers and increases([s[:32] for s in signers]), 'Z4', 'the time or the signers')
    need(x[5] == H(b'diotec360/lattice/trust/v1:', *sorted(trusted)), 'Z5', 'another trust list')
    signers = [s for s in signers if s[:32] in trusted]
    need(len(signers) > len(trusted) // 2, 'Z5', 'too few signers')
    before = head(4, 7) + head(0, 1) + head(3, len(x[1].encode())) + x[1].encode() + head(2, 32)
    after = head(0, x[2]) + head(2, 32) + x[3] + head(0, x[4]) + head(2, 32) + x[5]
    for s in signers:
        need(good(s[:32], b'diotec360/lattice/cut/v1:' + before + s[:32] + after, s[32:]), 'Z5', 'a bad signature')
    return Record(network=x[1], at=x[2], root=x[3].hex())
def check_head(b, trusted):
    payload, signature = array('E2', b, 512, bytes, 64)
    x = array('E1', payload, 512, version, name, 32, 8, uint, 8, 32, uint, 32, uint)
    need(x[2] in trusted and good(x[2], b'diotec360/lattice/head/v1:' + payload, signature), 'P8', 'the signature')
    return Record(network=x[1], at=2**48, root=x[6].hex())
def check_merkle(b, key, root):  # The siblings of the key hash in the tree with this root; none when it is absent.
    if b == b'\1\0': return need(root == H(b'\2').hex(), 'P4', 'a tree that is not empty') or []
    reached, count = b[2:34], number(b[34:36])
    refs, rest = parts('P1', b[36:36 + 34 * count], 34), b[36 + 34 * count:]
    need(b[:2] == b'\1\1' and count == len(refs) > 0 and increases(refs), 'P2', 'the form or the siblings')
    steps, node = [(number(s[:2]), s[2:]) for s in parts('P1', rest[2:], 34)], H(b'\0', reached, *refs)
    bits = [256, *(bit for bit, _ in steps)]
    need(increases(bits[::-1]) and len(steps) == number(rest[:2]) and len(rest) > 1, 'P2', 'the branch bits')
    for bit, other in steps:
        side, asked = (h[bit // 8] >> 7 - bit % 8 & 1 for h in (reached, key))
        need(side == asked, 'P3', 'a path that is not that of the key')
        node = H(b'\1', bit.to_bytes(2, 'big'), *((other, node) if side else (node, other)))
    need(node.hex() == root, 'P3', 'a path to another root')
    return refs if reached == key else []
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
def check_proof(text, trusted, asked={}):
    x = from_json(text)
    key, kind, by = x['key'], x['kind'], 'certificate' if 'certificate' in x else 'head'
    members = {'format', 'key', 'kind', 'root', 'network', 'merkle', 'fragments', by, *['value'][kind != 'present':]}
    need(x.keys() == members and x['format'] == 'diotec360-lattice-proof/1', 'P5', 'other members than its kind has')
    need(is_key(key) and type(x['fragments']) is list and is_value(x.get('value')), 'P5', 'a member')
    need(all(k in x and same(x[k], v) for k, v in asked.items()), 'P8', 'something else than was asked for')
    vouched = (check_certificate if by == 'certificate' else check_head)(from_base64(x[by]), trusted)
    need([vouched.network, vouched.root] == [x['network'], x['root']], 'P6', 'another network or root than is signed')
    refs = check_merkle(from_base64(x['merkle']), H(key.encode()), x['root'])
    shown = [o for f in x['fragments'] for o in check_commit(from_base64(f), trusted, x['network'])]
    need(refs == sorted(o.rank[2] + o.rank[3].to_bytes(2, 'big') for o in shown), 'P6', 'other siblings than those')
    need(all(o.key == key for o in shown) and increases([o.rank for o in shown[::-1]]), 'P6', 'another key or order')
    need(all(number(o.rank[0]) >> 16 <= vouched.at for o in shown), 'Z8', 'a commit later than the cut')
    need(len({o.rank[1] for o in shown}) == len(shown), 'R3', 'two siblings of one author')
    need(all(a.seen.get(b.rank[1], b'') < b.rank[0] for a in shown for b in shown), 'R1', 'a superseded sibling')
    first = shown[0] if shown else Record(kind='absent')
    need(kind == first.kind and (kind != 'present' or same(first.value, x['value'])), 'P6', 'another kind or value')
    return x
def verify(kind, raw, trusted, asked):
    text = raw.decode().removeprefix('\ufeff')
    need(trusted and len(raw) <= 32 << 20, 'P8', 'no trust list, or a file that is too long')
    if kind == 'proof': return check_proof(text, trusted, asked)
    if kind == 'commit': return check_commit(from_base64(text), trusted, asked.get('network'))
    x = from_json(text) if text.lstrip()[:1] == '{' else {'certificate': re.sub(r'\r?\n\Z', '', text)}
    found = check_certificate(from_base64(x['certificate']), trusted)
    need(x.keys() == {'at', 'certificate'} and same(x['at'], found.at) or text[0] not in ' \t\r\n{', 'Z5', 'members')
    need(all(getattr(found, k) == v for k, v in asked.items()), 'Z5', 'something else than was asked for')
    return found
def main():
    args = argparse.ArgumentParser(usage=__doc__)
    for option in ('kind', 'file', '--trust', '--key', '--network', '--root', '--value'): args.add_argument(option)
    asked = {k: v for k, v in vars(args.parse_args()).items() if v is not None}
    kind, file, trust = asked.pop('kind'), asked.pop('file'), asked.pop('trust', '')
    try:
        fleet = {'nodes': [{'publicKey': k} for k in trust.split(',') if k]} if ',' in trust else json.load(open(trust))
        if 'value' in asked: asked['value'] = from_json(asked['value'])
        asked = {k: fleet[k] for k in fleet if k == 'network'} | asked  # A fleet.json asks for its network.
        verify(kind, open(file, 'rb').read(), {bytes.fromhex(n['publicKey']) for n in fleet['nodes']}, asked)
    except Exception as error:  # What is malformed may fail anywhere.
        return print(json.dumps({'verdict': 'refused', 'why': [str(part) for part in error.args]})) or 1
    print(json.dumps({'verdict': 'verified', **asked}))
if __name__ == '__main__': sys.exit(main())
