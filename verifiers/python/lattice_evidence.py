"""Checks a document of evidence [EV1, EV2]: two statements of one key that contradict each other.

Each statement is read as what it is about and what it says of that. Whoever calls this gives the check of commits."""
import re
from types import SimpleNamespace as Record
from lattice_bytes import array, from_base64, from_json, good, name, need, uint, version
def read_attestation(b):
    payload, signature = array('Z3', b, 512, bytes, 64)
    x = array('Z3', payload, 512, version, name, 32, uint, 32, uint, 32)
    need(1 <= x[3] < 2**48 and good(x[2], b'diotec360/lattice/cut/v1:' + payload, signature), 'EV2', 'no attestation')
    return Record(network=x[1], author=x[2], about=x[3], says=x[4:6])
def read_vote(b):
    payload, signature = array('EV1', b, 640, bytes, 64)
    x = array('Z11', payload, 512, version, uint, name, 32, uint, 32, uint, 32, 32, uint)
    need(x[1] == 4 and x[4] and x[6] and x[9] < 2**48, 'Z11', 'no vote')
    need(good(x[3], b'diotec360/lattice/roster/v1:' + payload, signature), 'EV2', 'a bad signature')
    return Record(network=x[2], author=x[3], about=x[4:8], says=x[8])
def forgets(a, b, trusted):
    if b.about <= a.about: a, b = b, a
    for key in a.ops.keys() & b.ops.keys():
        seen = b.ops[key].seen
        lost = any(d in trusted and seen.get(d, b'') < hlc for d, hlc in a.ops[key].seen.items())
        if lost and len(seen) < 256 and not any(hlc > a.about for hlc in seen.values()): return a.about < b.about
    return False
def check_evidence(text, trusted, asked, check_commit):
    x = from_json(text)
    need(x.keys() == {'format', 'kind', 'network', 'author', 'statements'}, 'EV1', 'other members')
    need(x['format'] == 'diotec360-lattice-evidence/1' and name(x['network']), 'EV1', 'another format or no network')
    def read_commit(b):
        ops = check_commit(b, None, x['network'])
        hlc, author, ident, _ = ops[0].rank
        return Record(network=x['network'], author=author, about=hlc, says=ident, ops={o.key: o for o in ops})
    read = {'two-roots': read_attestation, 'two-votes': read_vote, 'two-commits': read_commit, 'forgotten': read_commit}
    need(type(x['author']) is str and re.fullmatch('[0-9a-f]{64}', x['author']), 'EV1', 'the author')
    need(type(x['statements']) is list and len(x['statements']) == 2 and len(text) <= 1 << 18, 'EV1', 'the statements')
    a, b = (read[x['kind']](from_base64(one)) for one in x['statements'])
    author = bytes.fromhex(x['author'])
    need([a.network, b.network] == [x['network']] * 2 and a.author == b.author == author, 'EV2', 'of somebody else')
    twice = forgets(a, b, trusted) if x['kind'] == 'forgotten' else a.about == b.about and a.says != b.says
    need(twice, 'EV2', 'statements that do not contradict each other')
    need(author in trusted and all(x[k] == v for k, v in asked.items()), 'EV3', 'somebody else than was asked for')
    return x
