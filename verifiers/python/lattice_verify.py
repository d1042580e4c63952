"""Checks proofs, certificates, commits and evidence by SPEC.md, with nothing but the standard library.

lattice_verify.py proof|certificate|commit|evidence FILE --trust LIST
                  [--key K] [--network N] [--root HEX] [--value JSON] [--author HEX]
LIST is a fleet.json, public keys with a comma after each, or roster: and the hash of a roster; a commit is a fragment
in base64url. Prints one line of JSON. Exit codes: 0 verified; 1 refused, with the rule that is broken; 2 usage."""
import argparse, json, re, sys
from types import SimpleNamespace as Record
from lattice_bytes import (
    H, SAFE, array, enc, from_base64, from_json, good, increases, item, name, need, number, parts, same, uint, version)
from lattice_evidence import check_evidence
def is_value(v, depth=0):
    if type(v) is dict: return '__proto__' not in v and is_value(list(v.values()), depth)
    if type(v) is list: return depth < 32 and all(is_value(one, depth + 1) for one in v)
    return type(v) is not bytes and (type(v) is not int or abs(v) <= SAFE)
def is_key(key): return type(key) is str and 1 <= len(key.encode()) <= 1024
def operation(b, author, hlc, v):
    x, end = item(b)
    ends = x.pop() if v == 2 and [len(x), x[0]] == [5, 0] else None  # Unix ms; None: it does not end.
    need(ends is None or type(ends) is int and 0 < ends < 2**48, 'O1', 'an end')
    need(type(x[0]) is int and [len(x), x[0]] in ([4, 0], [3, 1]) and type(x[-1]) is bytes, 'O1', 'the form')
    dots, at = parts('O2', x[-1], 40), item(b, item(b, 1)[1])[1]
    need(is_key(x[1]) and end == len(b), 'V5', 'the key, or bytes beyond the end')
    need(x[0] == 1 or is_value(x[2]) and item(b, at)[1] - at <= 16384, 'V1', 'what is no value')
    seen = {d[:32]: d[32:] for d in dots}
    need(increases([d[:32] for d in dots]) and author not in seen, 'O2', 'the authors of a context')
    need(all(bytes(8) < time < hlc for time in seen.values()), 'O3', 'a context of what was not seen')
    return Record(kind=('present', 'deleted')[x[0]], key=x[1], value=x[2], seen=seen, ends=ends)
# The documents [F, Z, E, P]
def check_commit(b, trusted, network=None):
    header, signature, indices, ops, proof = array('F1', b, 81920, bytes, 64, bytes, list, bytes)
    v, of, author, hlc, count, root = array('H1', header, 81920, uint, name, 32, 8, uint, 32)
    need(v in (1, 2), 'H6', 'another version')
    need(hlc > bytes(8) and count <= 256, 'H1', 'an HLC or a count out of range')
    indices, proof = [number(i) for i in parts('F1', indices, 2)], parts('F2', proof, 32)
    need(indices and increases([*indices, count]) and len(ops) == len(indices), 'F1', 'the indices')
    ident, read = H(b'diotec360/lattice/commit/v1:', header), [operation(o, author, hlc, v) for o in ops]
    need(len({o.key for o in read}) == len(read) and sum(map(len, ops)) <= 65536, 'O4', 'a key twice, or too much')
    def tree(low, high):
        if not any(low <= i < high for i in indices): return proof.pop(0)
        if high - low == 1: return H(b'\0', ops[indices.index(low)])
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        return H(b'\1', tree(low, middle), tree(middle, high))
    need(tree(0, count) == root and not proof, 'F3', 'operations that do not lead to the header')
    need(network in (None, of), 'D1', 'another network')
    need(trusted is None or author in trusted, 'D1', 'an author who is not trusted')
    need(good(author, b'diotec360/lattice/commit/v1:' + header, signature), 'H5', 'a bad signature')
    return [Record(**vars(o), rank=(hlc, author, ident, i)) for o, i in zip(read, indices)]
# Rosters [Z11, Z12]. What is pinned is the set of the keys of epoch 0, or the hash of a later roster.
def read_roster(b):
    _, epoch, before, rule, keep, members = array('RO1', b, 30848, version, uint, 32, uint, uint, list)
    need(all(type(m) is list and [*map(type, m)] == [bytes, str, int, int] for m in members), 'RO1', 'the members')
    role = {m[0]: m[2] for m in members}
    need(epoch > 0 and rule < 2 and keep <= 31622400000 and len(members) <= 256, 'RO1', 'a field out of range')
    need(increases([m[0] for m in members]) and 0 in role.values(), 'RO1', 'the order, or no writer')
    for a, called, r, until in members:
        need(len(a) == 32 and len(called.encode()) <= 64 and r in (0, 1, 2), 'RO1', 'a member')
        need(0 <= until < (2**48 if r == 2 else 1), 'RO1', 'an end')
    return Record(epoch=epoch, before=before, rule=rule, role=role, hash=H(b), end=2**48)
def writers(roster): return sum(role == 0 for role in roster.role.values())
def check_votes(votes, last, r, network, ballot):
    need([r.epoch, r.before] == [last.epoch + 1, last.hash], 'Z11', 'a roster that does not come next')
    votes = [v for v in votes if last.role.get(v[:32]) == 0]
    need(2 * len(votes) > writers(last), 'Z11', 'too few votes')
    for v in votes:
        said = enc([1, 4, network, v[:32], r.epoch, r.before, *ballot, r.hash, number(v[32:40])])
        need(good(v[:32], b'diotec360/lattice/roster/v1:' + said, v[40:]), 'Z11', 'a bad signature of a vote')
    return max(last.start, *(number(v[32:40]) for v in votes))
def check_rosters(certificates, pin, network):  # The rosters from the pinned one on, each with its start and end.
    listed = Record(epoch=0, hash=H(b'diotec360/lattice/trust/v1:', *sorted(pin)), rule=0, start=0, end=2**48,
                    role=dict.fromkeys(pin, 0)) if type(pin) is set else None
    spans, gone = [listed] if listed else [], set()
    need(len(certificates) <= 256, 'P5', 'too many rosters')
    for b in certificates:
        _, of, body, counter, by, votes = array('Z11', b, 57728, version, name, bytes, uint, 32, bytes)
        r, votes = read_roster(body), parts('Z11', votes, 104)
        need(votes and increases([v[:32] for v in votes]) and counter, 'Z11', 'the voters or the ballot')
        need(all(v[32:34] == bytes(2) for v in votes), 'Z11', 'a time that no HLC can hold')
        if not spans and r.hash != pin: continue
        need(of == network and not gone & r.role.keys(), 'Z11', 'another network, or a key that left')
        r.start = max(number(v[32:40]) for v in votes)
        if spans:
            r.start = spans[-1].end = check_votes(votes, spans[-1], r, network, [counter, by])
            gone |= spans[-1].role.keys() - r.role.keys()
        spans.append(r)
    return need(spans, 'Z11', 'the pinned roster is not there') or spans
def check_certificate(b, spans):
    x = array('Z4', b, 25088, version, name, uint, 32, uint, 32, bytes)
    signers = parts('Z4', x.pop(), 96)
    need(1 <= x[2] < 2**48 and signers and increases([s[:32] for s in signers]), 'Z4', 'the time or the signers')
    r = next((r for r in spans if r.hash == x[5]), None)
    need(r is not None, 'Z5', 'another trust list or roster')
    need(r.start < x[2] <= r.end, 'Z12', 'a time for which this roster certifies nothing')
    signers = [s for s in signers if r.role.get(s[:32]) == 0]
    need(len(signers) * (2 + r.rule) > writers(r) * (1 + r.rule), 'Z13', 'too few signers')
    for s in signers:
        said = enc([1, x[1], s[:32], *x[2:6]])
        need(good(s[:32], b'diotec360/lattice/cut/v1:' + said, s[32:]), 'Z5', 'a bad signature')
    return Record(network=x[1], at=x[2], when=x[2], root=x[3].hex())
def check_head(b, spans):
    payload, signature = array('E2', b, 512, bytes, 64)
    x, last = array('E1', payload, 512, version, name, 32, 8, uint, 8, 32, uint, 32, uint), spans[-1]
    need(last.role.get(x[2]) in (0, 1) and (last.epoch == 0 or x[8] == last.hash), 'P8', 'not of a present member')
    need(good(x[2], b'diotec360/lattice/head/v1:' + payload, signature), 'P8', 'the signature')
    return Record(network=x[1], at=2**48, when=x[9], root=x[6].hex())
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
def carried(x):
    need('rosters' not in x or type(x['rosters']) is list and x['rosters'], 'P5', 'the rosters')
    return [from_base64(one) for one in x.get('rosters', [])]
def check_proof(text, trusted, asked={}):
    x = from_json(text)
    key, kind, by = x['key'], x['kind'], 'certificate' if 'certificate' in x else 'head'
    members = {'format', 'key', 'kind', 'root', 'network', 'merkle', 'fragments', by, *['value'][kind != 'present':]}
    need(x.keys() - {'rosters'} == members, 'P5', 'other members than its kind has')
    need(x['format'] == 'diotec360-lattice-proof/1', 'P5', 'another format')
    need(is_key(key) and type(x['fragments']) is list and is_value(x.get('value')), 'P5', 'a member')
    need(all(k in x and same(x[k], v) for k, v in asked.items()), 'P8', 'something else than was asked for')
    spans = check_rosters(carried(x), trusted, x['network'])
    vouched = (check_certificate if by == 'certificate' else check_head)(from_base64(x[by]), spans)
    # Whoever pins a later roster does not know who left before it.
    wrote = {a for r in spans for a in r.role if r.role[a] != 1} if type(trusted) is set else None
    need([vouched.network, vouched.root] == [x['network'], x['root']], 'P6', 'another network or root than is signed')
    refs = check_merkle(from_base64(x['merkle']), H(key.encode()), x['root'])
    shown = [o for f in x['fragments'] for o in check_commit(from_base64(f), wrote, x['network'])]
    need(refs == sorted(o.rank[2] + o.rank[3].to_bytes(2, 'big') for o in shown), 'P6', 'other siblings than those')
    need(all(o.key == key for o in shown) and increases([o.rank for o in shown[::-1]]), 'P6', 'another key or order')
    need(all(number(o.rank[0]) >> 16 <= vouched.at for o in shown), 'Z8', 'a commit later than the cut')
    need(len({o.rank[1] for o in shown}) == len(shown), 'R3', 'two siblings of one author')
    need(all(a.seen.get(b.rank[1], b'') < b.rank[0] for a in shown for b in shown), 'R1', 'a superseded sibling')
    first = shown[0] if shown else Record(kind='absent', ends=None)
    if first.ends is not None and first.ends <= vouched.when: first.kind = 'expired'
    need(kind == first.kind and (kind != 'present' or same(first.value, x['value'])), 'P6', 'another kind or value')
    return x
def verify(kind, raw, trusted, asked):
    text = raw.decode().removeprefix('\ufeff')
    need(trusted and len(raw) <= 32 << 20, 'P8', 'no trust list, or a file that is too long')
    if kind == 'proof': return check_proof(text, trusted, asked)
    if kind == 'evidence': return check_evidence(text, trusted, asked, check_commit)
    if kind == 'commit': return check_commit(from_base64(text), trusted, asked.get('network'))
    x = from_json(text) if text.lstrip()[:1] == '{' else {'certificate': re.sub(r'\r?\n\Z', '', text)}
    b = from_base64(x['certificate'])
    found = check_certificate(b, check_rosters(carried(x), trusted, item(b)[0][1]))
    beside = x.keys() - {'rosters'} == {'at', 'certificate'} and same(x['at'], found.at)
    need(beside or text[0] not in ' \t\r\n{', 'Z5', 'members')
    need(all(getattr(found, k) == v for k, v in asked.items()), 'Z5', 'something else than was asked for')
    return found
def main():
    args = argparse.ArgumentParser(usage=__doc__)
    for option in ('kind', 'file', '--trust', '--key', '--network', '--root', '--value', '--author'):
        args.add_argument(option)
    asked = {k: v for k, v in vars(args.parse_args()).items() if v is not None}
    kind, file, trust = asked.pop('kind'), asked.pop('file'), asked.pop('trust', '')
    try:
        fleet = {'nodes': [{'publicKey': k} for k in trust.split(',') if k]} if ',' in trust else {}
        pin = bytes.fromhex(trust[7:]) if trust.startswith('roster:') else None
        if not fleet and not pin: fleet = json.load(open(trust))
        if 'value' in asked: asked['value'] = from_json(asked['value'])
        asked = {k: fleet[k] for k in fleet if k == 'network'} | asked  # A fleet.json asks for its network.
        keys = {bytes.fromhex(n['publicKey']) for n in fleet.get('nodes', [])}
        verify(kind, open(file, 'rb').read(), pin or keys, asked)
    except Exception as error:  # What is malformed may fail anywhere.
        return print(json.dumps({'verdict': 'refused', 'why': [str(part) for part in error.args]})) or 1
    print(json.dumps({'verdict': 'verified', **asked}))
if __name__ == '__main__': sys.exit(main())
